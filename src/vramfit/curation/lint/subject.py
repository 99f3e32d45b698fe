"""Subject of the rules of a catalogue file, whichever its kind: the file parsed, over the entries that it lies over."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from vramfit.curation.strict_yaml import Document, Fault, Path


class Subject:
    """A parsed file; each kind of file reads its entries in its own way (``_read``)."""

    kind: str
    """Name of the list of its entries: ``gpus``, ``models``."""

    def __init__(self, document: Document, under: Mapping[str, Any]) -> None:
        self.document = document
        self.under: dict[str, dict[str, Any]] = {entry["id"]: entry for entry in under.get(self.kind, ())}
        """Entries that the file lies over, by id."""
        self.tables: dict[str, dict[str, Any]] = {}
        """Tables beside the entries, such as sources and families: the file's own over those below it."""
        self.own: list[tuple[int, dict[str, Any]]] = []
        """Entries of sound shape as written, each with its number in the file."""
        self.entries: list[tuple[int, dict[str, Any]]] = []
        """Entries of ``own``, merged with all that they lie over."""
        self.shape_faults = self._read(under)

    def _read(self, under: Mapping[str, Any]) -> list[Fault]:
        """Fill in tables and entries; returns the faults of the file's shape."""
        raise NotImplementedError

    def fault(self, number: int, field: str, problem: str, hint: str | None = None) -> Fault:
        """Make a fault in a field (``memory.bus_bits``) of an entry."""
        steps: Path = tuple(int(step) if step.isdecimal() else step for step in field.split("."))
        return self.document.fault((self.kind, number, *steps), problem, hint)

    def names(self) -> Iterator[tuple[int | None, dict[str, Any]]]:
        """Names of every entry of the merged catalogue, for ``spellings``; the number is None for one from below."""
        written = {entry["id"] for _, entry in self.own}
        for entry in self.under.values():
            if entry["id"] not in written:
                yield None, entry
        yield from self.entries
