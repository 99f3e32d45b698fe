"""Subject of the rules on a GPU file: entries of sound shape, merged with their family and with what lies below."""

from __future__ import annotations

from vramfit.curation.lint.shape import shape_of
from vramfit.curation.lint.subject import Subject
from vramfit.curation.schema_gpus import GpuFile, merge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.curation.strict_yaml import Fault

TABLES = ("sources", "field_sources", "families")


class GpuSubject(Subject):
    """A parsed GPU file; its tables are sources, their use by field, and families."""

    kind = "gpus"

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
    from vramfit.similar import close

    near = close(word, known, 1)
    return f"did you mean {near[0]}?" if near else None
