"""GPUs by any of their names: ids, aliases, everyday words, what programs print, custom cards."""

from __future__ import annotations

from vramfit.catalogue.listings import Listings
from vramfit.catalogue.names import CUSTOM_PREFIX, normalise, parse_gpu
from vramfit.errors import UnknownGpu, UnknownMemory
from vramfit.hardware import gpu_from_facts
from vramfit.units import GIB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from vramfit.catalogue.container import Container
    from vramfit.hardware import Gpu


class GpuCatalogue(Listings):
    """GPUs by any of their names. Results are kept, because remedies look the same names up again and again."""

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self._gpus: dict[str, Gpu] = {}
        self._chosen: dict[str, str] = {}

    def gpus(self, name: str, shared_bytes: int | None = None) -> tuple[Gpu, ...]:
        """Devices of ``[COUNTx]NAME``, one per card; raises as ``gpu`` and ``parse_gpu`` do.

        ``shared_bytes`` is the memory of an integrated GPU, which has none of its own.
        """
        count, one = parse_gpu(name)
        gpu = self._gpus.get(one) if shared_bytes is None else None
        if gpu is None:
            try:
                gpu = self.gpu(one, shared_bytes)
            except UnknownGpu as error:
                return self._in_other_words(one, error, shared_bytes) * count
            if shared_bytes is None:
                self._gpus[one] = gpu
        return (gpu,) * count

    def _in_other_words(self, name: str, error: UnknownGpu, shared_bytes: int | None) -> tuple[Gpu, ...]:
        """GPUs of a name with other words beside a card's: a count, a machine, a maker, what a program prints.

        Raises ``error`` with the nearest hint for a name that has no card known here.
        """
        from vramfit.catalogue.wordings import worded

        meant = worded(name, self._gpu_number, lambda key: self._container.look_up("gpu_aliases", key))
        if meant is None:
            raise error
        count, card, sentences = meant
        try:
            found = self.gpus(card, shared_bytes) * count
        except UnknownGpu as nested:
            if nested.message != f'no GPU is called "{card}"':
                raise
            raise UnknownGpu(error.message, nested.hint) from None
        for sentence in (*self.notes([card]), *sentences):
            self._chosen[name] = sentence
        return found

    def notes(self, names: Iterable[str]) -> list[str]:
        """Sentences on what was chosen for names of GPUs that mean one of several, once they were looked up."""
        if not self._chosen:
            return []
        return list(dict.fromkeys([self._chosen[one] for name in names if (one := parse_gpu(name)[1]) in self._chosen]))

    def gpu(self, name: str, shared_bytes: int | None = None) -> Gpu:
        """GPU that ``name`` means (no count; see ``parse_gpu``).

        Raises ``UnknownGpu``, ``AmbiguousName``, or ``UnknownMemory`` for an integrated GPU without memory of its own.
        """
        if name.lower().startswith((CUSTOM_PREFIX, f"{CUSTOM_PREFIX[:-1]} ")):
            from vramfit.catalogue.custom import custom_gpu

            return custom_gpu(CUSTOM_PREFIX + name[len(CUSTOM_PREFIX) :])
        facts = self._container.record("gpu", self._gpu_number(name))
        if facts["memory_mib"] is None and shared_bytes is not None:
            facts |= {"memory_mib": shared_bytes // MIB, "vram_gb": round(shared_bytes / GIB), "unified": True}
        if facts["memory_mib"] is None:
            raise UnknownMemory(
                f"{facts['name']} has no memory of its own: it uses the host's, whose size is not known",
                "give --usable or --ram, or what it may use as -g custom:24GiB@90GB/s",
            )
        return gpu_from_facts(facts)

    def gpu_facts(self, name: str) -> dict[str, Any]:
        """Whole compiled entry of the GPU that ``name`` means, with its sources spelt out (``show``).

        ``references`` spells out those that readings, rents and fields refer to. Raises ``UnknownGpu`` or
        ``AmbiguousName``.
        """
        from vramfit.catalogue.facts import gpu_facts

        return gpu_facts(self._container, self._gpu_number(name))

    def _gpu_number(self, name: str) -> int:
        key = normalise(name)
        found = self._container.look_up("gpu_aliases", key)
        if isinstance(found, int):
            return found
        from vramfit.catalogue.everyday import meant

        several = meant(name, self._numbers, lambda number: self._container.record("gpu", number))
        if len(several) == 2 and isinstance(several[1], str):
            if several[1]:
                self._chosen[name] = several[1]
            return several[0]
        if several:
            from vramfit.catalogue.nearest import ambiguous

            raise ambiguous(
                "GPU", name, [one for number in several for one in self._ids("gpu", number)], "vramfit list gpus"
            )
        from vramfit.catalogue.accelerators import refuse

        refuse(name)
        raise UnknownGpu(f'no GPU is called "{name}"', self._suggestions("gpu", key))

    def _numbers(self, key: str) -> tuple[int, ...]:
        """Numbers of the GPUs that have a folded name."""
        found = self._container.look_up("gpu_aliases", key)
        return () if found is None else (found,) if isinstance(found, int) else found

    def _suggestions(self, kind: str, key: str) -> str:
        """Hint for an unknown name: the ids whose names look most like it."""
        from vramfit.catalogue.unmatched import suggestions

        return suggestions(kind, key, self._container)
