"""Reads the compiled catalogue: the only part of this room that a check passes through.

Nothing here parses YAML. The compiled file holds an alias table, rows for searching, and one blob per entry, of which
only those asked for are decoded. ``cache`` finds the file and sees that it is fresh.
"""

from __future__ import annotations

from vramfit.catalogue.cache import open_container
from vramfit.catalogue.custom import PREFIX, custom_gpu
from vramfit.catalogue.names import normalise, normalise_model, parse_gpu
from vramfit.errors import AmbiguousName, CannotTell, UnknownGpu, UnknownModel
from vramfit.hardware import gpu_from_facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.catalogue.container import Container
    from vramfit.hardware import Gpu
    from vramfit.model import Model

MAX_SUGGESTIONS = 3
_MAX_LISTED = 12


class GpuRow:
    """What a search needs of a GPU, without decoding its entry."""

    __slots__ = (
        "bandwidth_gb_s", "id", "memory_mib", "name", "price_usd", "rent_usd_per_hour", "segment", "usable_linux_mib",
        "vendor", "vram_gb",
    )  # fmt: skip
    FIELDS = (
        "id", "name", "vendor", "segment", "vram_gb", "memory_mib", "usable_linux_mib", "bandwidth_gb_s", "price_usd",
        "rent_usd_per_hour",
    )  # fmt: skip

    id: str
    name: str
    vendor: str
    segment: str
    vram_gb: float | None
    """None for an integrated GPU, whose memory is the host's."""
    memory_mib: int | None
    """What the driver reports."""
    usable_linux_mib: int | None
    """None where nobody has read it: see ``hardware.usable_bytes``."""
    bandwidth_gb_s: float | None
    price_usd: int | None
    rent_usd_per_hour: float | None
    """Cheapest offer of an instance with one of them."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        for field, value in zip(self.FIELDS, values, strict=True):
            setattr(self, field, value)


class ModelRow:
    """What a search needs of a model, without decoding its entry."""

    __slots__ = ("active_parameters", "context", "family", "id", "modality", "name", "parameters", "released")
    FIELDS = ("id", "name", "family", "modality", "parameters", "active_parameters", "context", "released")

    id: str
    name: str
    family: str | None
    modality: str | None
    parameters: int
    active_parameters: int
    context: int | None
    """Longest context the model was made for, tokens."""
    released: str | None

    def __init__(self, values: tuple[Any, ...]) -> None:
        for field, value in zip(self.FIELDS, values, strict=True):
            setattr(self, field, value)


class Catalogue:
    """GPUs and models by any of their names."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def gpu(self, name: str) -> Gpu:
        """The GPU that ``name`` means (no count; see ``parse_gpu``).

        Raises ``UnknownGpu``, ``AmbiguousName``, or ``CannotTell`` for an integrated GPU without memory of its own.
        """
        if name.lower().startswith(PREFIX):
            return custom_gpu(name)
        facts = self.gpu_facts(self.gpu_id(name))
        if facts["memory_mib"] is None:
            raise CannotTell(
                f'{facts["name"]} has no memory of its own: it uses the host\'s, whose size is not known',
                "give what it may use, for example -g custom:24GiB@90GB/s",
            )
        return gpu_from_facts(facts)

    def gpus(self, name: str) -> tuple[Gpu, ...]:
        """The devices of ``[COUNTx]NAME``, one per card; raises as ``gpu`` and ``parse_gpu`` do."""
        count, one = parse_gpu(name)
        return (self.gpu(one),) * count

    def model(self, name: str) -> Model:
        """The model that ``name`` means; raises ``UnknownModel`` or ``AmbiguousName``."""
        from vramfit.model import model_from_facts

        return model_from_facts(self.model_facts(self.model_id(name)))

    def gpu_id(self, name: str) -> str:
        """The id that a GPU's name leads to; raises ``UnknownGpu`` or ``AmbiguousName``."""
        found = self._container.section("gpu_aliases").get(normalise(name), ())
        if len(found) == 1:
            return str(found[0])
        if found:
            raise _ambiguous("GPU", name, found, "vramfit list gpus")
        hint = self._suggestions(normalise(name), "gpu_aliases", "vramfit list gpus")
        raise UnknownGpu(f'no GPU is called "{name}"', hint)

    def model_id(self, name: str) -> str:
        """The id that a model's name leads to; raises ``UnknownModel`` or ``AmbiguousName``."""
        found = self._container.section("model_aliases").get(normalise_model(name), ())
        if len(found) == 1:
            return str(found[0])
        if found:
            raise _ambiguous("model", name, found, "vramfit list models")
        hint = self._suggestions(normalise_model(name), "model_aliases", "vramfit list models")
        raise UnknownModel(f'no model is called "{name}"', hint)

    def gpu_facts(self, gpu_id: str) -> dict[str, Any]:
        """The whole compiled entry of an exact id, sources included; raises ``UnknownGpu``."""
        return self._facts("gpu", gpu_id, UnknownGpu)

    def model_facts(self, model_id: str) -> dict[str, Any]:
        """The whole compiled entry of an exact id; raises ``UnknownModel``."""
        return self._facts("model", model_id, UnknownModel)

    def gpu_rows(self) -> tuple[GpuRow, ...]:
        """All GPUs in the catalogue's order, for listing and searching."""
        return tuple([GpuRow(values) for values in self._container.section("gpu_rows")])

    def model_rows(self) -> tuple[ModelRow, ...]:
        """All models in the catalogue's order, for listing and searching."""
        return tuple([ModelRow(values) for values in self._container.section("model_rows")])

    def gpus_of_driver_name(self, name: str) -> tuple[str, ...]:
        """Ids of the GPUs whose driver prints ``name``: several where cards with other memory share it."""
        return tuple(self._container.section("driver_names").get(normalise(name), ()))

    def gpus_of_pci_id(self, pci_id: str) -> tuple[str, ...]:
        """Ids of the GPUs with the PCI id ``10de:2684``."""
        return tuple(self._container.section("pci_ids").get(pci_id.lower(), ()))

    def _facts(self, kind: str, entry: str, missing: type[UnknownGpu | UnknownModel]) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = self._container.section(f"{kind}:{entry}")
        except KeyError:
            raise missing(f'no {"GPU" if kind == "gpu" else kind} has the id "{entry}"') from None
        return facts

    def _suggestions(self, key: str, table: str, command: str) -> str:
        from difflib import get_close_matches

        aliases = self._container.section(table)
        # Twice as many keys as suggestions, because several keys may lead to one entry.
        near = get_close_matches(key, aliases, n=2 * MAX_SUGGESTIONS, cutoff=0.7)
        ids = list(dict.fromkeys([entry for match in near for entry in aliases[match]]))[:MAX_SUGGESTIONS]
        return f"did you mean {_either(ids)}? See `{command}`" if ids else f"see `{command}`"


def open_catalogue() -> Catalogue:
    """The built-in catalogue; compiles it first where a checkout's data changed (see ``cache``)."""
    return Catalogue(open_container())


def _ambiguous(kind: str, name: str, ids: tuple[str, ...], command: str) -> AmbiguousName:
    listed = list(ids[:_MAX_LISTED]) + ([f"… ({len(ids) - _MAX_LISTED} more)"] if len(ids) > _MAX_LISTED else [])
    return AmbiguousName(f'"{name}" is not one {kind}: {_either(listed, "and")}', f"give one of these ids; see `{command}`")


def _either(words: list[str], joiner: str = "or") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {joiner} {words[-1]}"
