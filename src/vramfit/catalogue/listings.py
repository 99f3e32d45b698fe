"""Rows and entries of the compiled catalogue in its order, for listing, searching and remedies."""

from __future__ import annotations

from vramfit._record import fields
from vramfit.catalogue.names import normalise
from vramfit.catalogue.rows import GpuRow, ModelRow, Offer
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from vramfit.catalogue.container import Container


class Listings:
    """Lists of a compiled catalogue, and the GPUs that a driver or a bus names."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def gpu_rows(self) -> tuple[GpuRow, ...]:
        """Rows of all GPUs in the catalogue's order, for listing and searching."""
        return tuple([GpuRow(*values) for values in self._container.section("gpu_rows")])

    def model_rows(self) -> tuple[ModelRow, ...]:
        """Rows of all models in the catalogue's order, for listing and searching."""
        return tuple([ModelRow(*values) for values in self._container.section("model_rows")])

    def smaller_models(self, modality: str, parameters: float, beginning: str = "", family: str = "") -> list[ModelRow]:
        """Rows of the models of one modality with fewer parameters, in the catalogue's order.

        They have an id that begins so, or are of that family; all where neither is given.
        """
        name = f"models/{modality}"
        rows = self._container.section(name) if self._container.has(name) else ()
        size, line = fields(ModelRow).index("parameters"), fields(ModelRow).index("family")
        return [
            ModelRow(*row)
            for row in rows
            if row[size] < parameters and (row[0].startswith(beginning) or row[line] == family)
        ]

    def gpus_for_sale(self, memory_bytes: int) -> Iterator[GpuRow]:
        """Rows of the GPUs with a price whose driver reports more memory than given, cheapest first."""
        memory = fields(GpuRow).index("memory_mib")
        for row in self._container.section("for_sale"):
            if row[memory] is not None and row[memory] * MIB > memory_bytes:
                yield GpuRow(*row)

    def cloud_offers(self, memory_bytes: int) -> Iterator[Offer]:
        """Rented instances with more memory than given, those of one GPU first, each group cheapest first."""
        for row in self._container.section("offers"):
            if row[-1] * MIB > memory_bytes:
                yield Offer(*row)

    def gpu_entries(self) -> Iterator[dict[str, Any]]:
        """Compiled entries of all GPUs, in the catalogue's order; sources are keys."""
        for number in range(len(self._container.section("gpu_rows"))):
            yield self._container.record("gpu", number)

    def model_entries(self) -> Iterator[dict[str, Any]]:
        """Compiled entries of all models, in the catalogue's order; sources are keys."""
        for number in range(len(self._container.section("model_rows"))):
            yield self._container.record("model_entry", number)

    def gpus_of_driver_name(self, name: str) -> tuple[str, ...]:
        """Ids of the GPUs whose driver prints ``name``: several where cards with other memory share it."""
        return self._ids("gpu", self._container.look_up("driver_names", normalise(name)))

    def gpus_called(self, name: str) -> tuple[str, ...]:
        """Ids of the GPUs that a driver's name or any other name means; none for an unknown one."""
        known = self.gpus_of_driver_name(name)
        return known or self._ids("gpu", self._container.look_up("gpu_aliases", normalise(name)))

    def gpus_of_pci_id(self, pci_id: str) -> tuple[str, ...]:
        """Ids of the GPUs with the PCI id ``10de:2684``."""
        return self._ids("gpu", self._container.look_up("pci_ids", pci_id.lower()))

    def _ids(self, kind: str, numbers: int | tuple[int, ...] | None) -> tuple[str, ...]:
        """Ids of the entries with these numbers."""
        return ids(self._container, kind, numbers)


def ids(container: Container, kind: str, numbers: int | tuple[int, ...] | None) -> tuple[str, ...]:
    """Ids of the entries of a kind (``gpu`` or ``model``) with these numbers; none for None."""
    if numbers is None:
        return ()
    rows = container.section(f"{kind}_rows")
    return tuple([rows[number][0] for number in ([numbers] if isinstance(numbers, int) else numbers)])
