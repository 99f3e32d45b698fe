"""Subject of the rules on a model file: entries of sound shape, merged with their family and with what lies below."""

from __future__ import annotations

from vramfit.curation.lint.shape import shape_of
from vramfit.curation.lint.subject import Subject
from vramfit.curation.schema_errors import model_faults
from vramfit.curation.schema_models import InvalidModelsError, ModelsFile, validate_models

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.curation.strict_yaml import Document, Fault

TABLES = ("sources", "architectures", "towers", "families")
UNSOURCED = "own-entry"
"""Source that stands in for that of an entry without one, so that the shape can be checked; a rule reports it."""


class ModelSubject(Subject):
    """A parsed model file; its tables are sources, architectures, towers and families."""

    kind = "models"

    def __init__(self, document: Document, under: Mapping[str, Any]) -> None:
        self.laid: list[tuple[int, dict[str, Any]]] = []
        """Entries of ``own`` over the entry of the same id below, before ``validate_models`` makes them flat."""
        super().__init__(document, under)

    def _read(self, under: Mapping[str, Any]) -> list[Fault]:
        data = self.document.data
        for name in TABLES:
            own = data.get(name) or {}
            self.tables[name] = {**under.get(name, {}), **own} if isinstance(own, dict) else own
        laid = [self._over(entry) for entry in data["models"]]
        faults, data, broken = shape_of(self.document, ModelsFile, {**data, **self.tables, "models": laid})
        laid = data["models"]
        self.tables = {name: data[name] for name in TABLES if name in data}
        if any(place[0] != "models" for place in broken):
            return faults
        sound = [number for number in range(len(laid)) if ("models", number) not in broken]
        while sound:
            # Ids are unique within a batch, since faults are faulty by id; a second entry of an id waits for the next.
            batch: dict[str, int] = {}
            for number in sound:
                batch.setdefault(laid[number]["id"], number)
            sound = [number for number in sound if number not in batch.values()]
            faulty = {fault.field for fault in faults}
            faults += [fault for fault in self._merge(laid, batch) if fault.field not in faulty]
        self.own.sort(key=_number)
        self.laid.sort(key=_number)
        self.entries.sort(key=_number)
        return faults

    def _merge(self, laid: list[Any], batch: dict[str, int]) -> list[Fault]:
        """Enter the entries of a batch that merge without a fault; returns the faults of the others."""
        sources = {**self.tables["sources"], UNSOURCED: ""}
        faults: list[Fault] = []
        while batch:
            chosen = [laid[number] for number in batch.values()]
            try:
                merged = validate_models({**self.tables, "sources": sources, "models": chosen})
            except InvalidModelsError as error:
                faults += model_faults(self.document, error, batch)
                wrong = {line.partition(": ")[0] for line in error.faults}
                if not wrong & batch.keys():
                    return faults
                batch = {entry: number for entry, number in batch.items() if entry not in wrong}
                continue
            for number, flat in zip(batch.values(), merged, strict=True):
                self.own.append((number, self.document.data["models"][number]))
                self.laid.append((number, laid[number]))
                self.entries.append((number, flat))
            return faults
        return faults

    def _over(self, entry: Any) -> Any:
        """Lay an entry over the one of the same id below, mappings field by field; a new one stays as it is."""
        if not isinstance(entry, dict):
            return entry
        below = self.under.get(entry["id"], {}) if isinstance(entry.get("id"), str) else {}
        laid = {**below, **entry}
        for key, value in entry.items():
            if isinstance(value, dict) and isinstance(below.get(key), dict):
                laid[key] = {**below[key], **value}
        laid.setdefault("sources", [UNSOURCED])
        return laid


def _number(entry: tuple[int, dict[str, Any]]) -> int:
    return entry[0]
