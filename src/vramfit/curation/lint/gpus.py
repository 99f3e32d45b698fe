"""Subject of the rules on a GPU file: entries of sound shape, merged with their family and with what lies below."""

from __future__ import annotations

from vramfit.curation.lint.shape import shape_of
from vramfit.curation.schema_gpus import GpuFile, merge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from vramfit.curation.strict_yaml import Document, Fault, Path

TABLES = ("sources", "field_sources", "families")


class GpuSubject:
    """A parsed GPU file."""

    kind = "gpus"

    def __init__(self, document: Document, under: Mapping[str, Any]) -> None:
        self.document = document
        self.under: dict[str, dict[str, Any]] = {entry["id"]: entry for entry in under.get("gpus", ())}
        """Entries that the file lies over, by id."""
        self.tables: dict[str, dict[str, Any]] = {}
        """Sources, their use by field, and families: the file's own over those below it."""
        self.own: list[tuple[int, dict[str, Any]]] = []
        """Entries of sound shape as written, each with its number in the file."""
        self.entries: list[tuple[int, dict[str, Any]]] = []
        """Entries of ``own``, merged over the entry of the same id below and over the family."""
        self.shape_faults = self._read(under)

    def fault(self, number: int, field: str, problem: str, hint: str | None = None) -> Fault:
        """Make a fault in a field (``memory.bus_bits``) of an entry."""
        steps: Path = tuple(int(step) if step.isdigit() else step for step in field.split("."))
        return self.document.fault(("gpus", number, *steps), problem, hint)

    def names(self) -> Iterator[tuple[int | None, dict[str, Any]]]:
        """Names of every entry of the merged catalogue, for ``spellings``; the number is None for one from below."""
        written = {entry["id"] for _, entry in self.own}
        for entry in self.under.values():
            if entry["id"] not in written:
                yield None, entry
        yield from self.entries

    def _read(self, under: Mapping[str, Any]) -> list[Fault]:
        data = self.document.data
        for name in TABLES:
            own = data.get(name) or {}
            self.tables[name] = {**under.get(name, {}), **own} if isinstance(own, dict) else dict(under.get(name, {}))
        laid = [self._over(entry) for entry in data["gpus"]]
        faults, data, broken = shape_of(self.document, GpuFile, {**data, "gpus": laid})
        families = self.tables["families"] | data.get("families", {})
        for number, entry in enumerate(data["gpus"]):
            if ("gpus", number) in broken:
                continue
            family = entry.get("family")
            if family is not None and family not in families:
                faults.append(self.fault(number, "family", f'there is no family "{family}"', _near(family, families)))
                continue
            if family is not None and ("families", family) in broken:
                continue
            merged = merge(families.get(family, {}), entry)
            missing = [field for field in ("vendor", "segment") if merged.get(field) is None]
            problem = "is missing, in the entry and in its family"
            faults += [self.fault(number, field, problem) for field in missing]
            if not missing:
                self.own.append((number, self.document.data["gpus"][number]))
                self.entries.append((number, merged))
        return faults

    def _over(self, entry: Any) -> Any:
        """Lay an entry over the one of the same id below; a new one stays as it is."""
        below = self.under.get(entry["id"]) if isinstance(entry, dict) and isinstance(entry.get("id"), str) else None
        return entry if below is None else merge(below, entry)


def _near(word: str, known: Mapping[str, Any]) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else None
