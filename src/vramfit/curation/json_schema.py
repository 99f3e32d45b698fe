"""JSON Schemas of the catalogue's files, for editors, generated from the Pydantic models that check them.

YAML language servers state support for draft-07, Pydantic writes 2020-12; the few differences are translated, and
titles that only repeat a name are dropped. The files in ``schema/`` are this module's output; a test holds them fresh.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from vramfit.curation.schema_gpus import GpuFile
from vramfit.curation.schema_models import ModelsFile

if TYPE_CHECKING:
    from pydantic import BaseModel

DRAFT = "http://json-schema.org/draft-07/schema#"

SCHEMAS: dict[str, tuple[type[BaseModel], str]] = {
    "gpus": (GpuFile, "vramfit GPU catalogue"),
    "models": (ModelsFile, "vramfit model catalogue"),
}
"""Pydantic model and title of the schema, by what a file holds."""


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of a file of ``gpus`` or ``models``; ``KeyError`` for anything else."""
    model, title = SCHEMAS[kind]
    generated = _draft_07(model.model_json_schema())
    return {"$schema": DRAFT, "title": title, **generated}


def schema_path(kind: str) -> str:
    """Path of the schema in the package."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "schema", f"{kind}.schema.json")


def _draft_07(value: Any, *, names: bool = False) -> Any:
    """Translate a schema into draft-07's words; ``names`` where the keys are names and not keywords."""
    if isinstance(value, list):
        return [_draft_07(item) for item in value]
    if not isinstance(value, dict):
        return value
    if names:
        return {key: _draft_07(item) for key, item in value.items()}
    translated: dict[str, Any] = {}
    for key, item in value.items():
        if key in ("title", "discriminator"):
            continue  # the title repeats the field's name; discriminator is OpenAPI's
        if key == "$ref":
            translated[key] = item.replace("#/$defs/", "#/definitions/")
        elif key == "$defs":
            translated["definitions"] = _draft_07(item, names=True)
        elif key == "prefixItems":
            translated["items"] = _draft_07(item)
        elif key in ("default", "const", "enum"):
            translated[key] = item
        else:
            translated[key] = _draft_07(item, names=key in ("properties", "patternProperties"))
    return translated
