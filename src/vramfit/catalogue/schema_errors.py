"""Pydantic's complaints in this catalogue's words, with file, line and column."""

from __future__ import annotations

import difflib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pydantic import BaseModel, ValidationError

    from vramfit.catalogue.schema_models import InvalidModelsError
    from vramfit.catalogue.strict_yaml import Document, Fault, Path

_TYPES = {
    "int_type": "a whole number is expected",
    "float_type": "a number is expected",
    "string_type": "text is expected",
    "bool_type": "true or false is expected",
    "list_type": "a list is expected",
    "dict_type": "a mapping is expected",
    "model_type": "a mapping is expected",
    "model_attributes_type": "a mapping is expected",
}


def faults_of(document: Document, error: ValidationError, known_fields: tuple[str, ...] = ()) -> list[Fault]:
    """One fault per complaint, in the order of the file; ``known_fields`` are offered for misspelt ones."""
    faults = []
    for detail in error.errors(include_url=False):
        path = _path(document, detail["loc"])
        kind = detail["type"]
        if kind == "extra_forbidden":
            near = difflib.get_close_matches(str(path[-1]), known_fields, n=1) if path else []
            hint = f"did you mean {near[0]}?" if near else "fields are described in the JSON Schema"
            faults.append(document.fault(path, "unknown field", hint, key=True))
        elif kind == "missing":
            faults.append(document.fault(path, "is missing"))
        elif kind in _TYPES:
            problem = f"{_TYPES[kind]}, not {_described(detail['input'])}"
            faults.append(document.fault(path, problem, _type_hint(detail)))
        else:
            problem = f"{_described(detail['input'])}: {detail['msg'][:1].lower()}{detail['msg'][1:]}"
            faults.append(document.fault(path, problem))
    return sorted(faults, key=lambda fault: (fault.line, fault.column))


def known_fields(kind: type[BaseModel]) -> tuple[str, ...]:
    """Every field name of a schema and of what it is made of: offered for misspelt ones."""
    whole = kind.model_json_schema()
    return tuple(dict.fromkeys(field for schema in (whole, *whole["$defs"].values()) for field in schema["properties"]))


def model_faults(
    document: Document, error: InvalidModelsError, numbers: Mapping[str, int] | None = None
) -> list[Fault]:
    """The lines ``entry: field.path: what is wrong`` of an invalid model file, with their places.

    ``numbers`` says where an entry stands in the file, by id, where that does not follow from the ids.
    """
    if numbers is None:
        entries = document.data.get("models") or []
        numbers = {entry["id"]: n for n, entry in enumerate(entries) if isinstance(entry, dict) and "id" in entry}
    faults = []
    for line in error.faults:
        entry, _, rest = line.partition(": ")
        field, _, problem = rest.partition(": ")
        number = numbers.get(entry)
        path: Path = () if number is None else ("models", number, *field.split("."))
        faults.append(document.fault(path, problem) if problem and path else document.fault((), line))
    return faults


def _path(document: Document, location: tuple[int | str, ...]) -> Path:
    """The place in the file: Pydantic's location without the union branches and validators it inserts."""
    path: Path = ()
    for step in location:
        longer = (*path, step)
        if longer in document.marks or step is location[-1]:
            path = longer
    return path


def _described(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value)
    return f'"{text[:57]}…"' if len(text) > 60 else f'"{text}"' if isinstance(value, str) else text


def _type_hint(detail: Any) -> str | None:
    value = detail["input"]
    if detail["type"] == "string_type" and isinstance(value, int | float):
        return f'write "{value}"'
    if detail["type"] in ("int_type", "float_type") and isinstance(value, str):
        return "write the number without quotes and unit"
    return None
