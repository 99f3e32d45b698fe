"""Check of a file's shape, in which a fault in one field does not hide those in others."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from vramfit.curation.schema_errors import faults_of, known_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.curation.strict_yaml import Document, Fault

_TABLE_DEPTH = 2
"""Number of steps to an entry, a family, a source: these are never taken out whole."""


class Shape(NamedTuple):
    """Result of the schema's check of a file."""

    faults: list[Fault]
    data: dict[str, Any]
    """Data of the file without the fields that are at fault."""
    broken: set[tuple[str | int, ...]]
    """Entries, families and others that are of wrong shape even so: ``("gpus", 3)``."""


def shape_of(document: Document, schema: type[BaseModel], data: dict[str, Any]) -> Shape:
    """Check ``data``, which is the document's own with what it lies over; faults get their places in the document."""
    try:
        schema.model_validate(data)
    except ValidationError as error:
        faults = faults_of(document, error, known_fields(schema))
        pruned = copy.deepcopy(data)
        for detail in error.errors(include_url=False, include_input=False):
            if detail["type"] != "missing":
                _take_out(pruned, detail["loc"])
        try:
            schema.model_validate(pruned)
        except ValidationError as remaining:
            return Shape(faults, pruned, {detail["loc"][:_TABLE_DEPTH] for detail in remaining.errors()})
        return Shape(faults, pruned, set())
    return Shape([], data, set())


def _take_out(data: dict[str, Any], location: tuple[str | int, ...]) -> None:
    """Remove the field at a location; of a list, the whole list, so that places in others stay right."""
    inner: Any = data
    holder: dict[str, Any] | None = None
    field = ""
    for depth, step in enumerate(location):
        if isinstance(inner, dict) and step in inner:
            if depth >= _TABLE_DEPTH or location[0] == step == location[-1]:
                holder, field = inner, str(step)
            inner = inner[step]
        elif isinstance(inner, list) and isinstance(step, int) and step < len(inner):
            inner = inner[step]
    if holder is not None:
        holder.pop(field, None)
