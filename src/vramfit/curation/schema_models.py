"""The shape of ``data/models.yaml``, and its merging into the entries that are compiled.

Pydantic checks each section, by models that ``generated`` makes of the records in ``vramfit.model``; ``validate_models``
then has ``model.merge`` lay architecture, family and entry over each other, and tells what only the merged entry shows.
This is the only place that knows the file's sections.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from vramfit._record import fields
from vramfit.curation.configured import completed
from vramfit.curation.generated import field_definitions, made, model_of
from vramfit.model.encoder import Encoder
from vramfit.model.merge import gaps, merge
from vramfit.model.spec import ArchitectureSpec, ModelSpec

NAMED = ("id", "name", "family")
"""Fields that every entry states."""
OWN = ("hf", "quantized", "files", "ollama", "fine_tunes", "contexts")
"""Fields that an entry may state, and no family for its members."""


class InvalidModelsError(ValueError):
    """``data/models.yaml`` breaks its schema. ``faults`` holds one line for each fault, with entry and field."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def _facts() -> type[BaseModel]:
    shared = tuple([name for name in fields(ModelSpec) if name not in (*NAMED, *OWN, "sources")])
    text = "Facts that a family may give for its members, and an entry for itself."
    return made("Facts", text, field_definitions(ModelSpec, shared, partial=True))


def _entry() -> type[BaseModel]:
    sources = (Annotated[list[str], Field(min_length=1)], Field(description="Keys of where the figures come from."))
    stated = {**field_definitions(ModelSpec, NAMED), **field_definitions(ModelSpec, OWN, partial=True)}
    return made("Entry", "One model.", {**stated, "sources": sources}, base=Facts)


Facts = _facts()
Entry = _entry()
ModelsFile = made(
    "ModelsFile",
    "``data/models.yaml``.",
    {
        "sources": (dict[str, str], Field(description="Short keys for where figures come from, with what they mean.")),
        "architectures": (
            dict[str, model_of(ArchitectureSpec)],  # type: ignore[misc]
            Field(description="How kinds of models write their blocks, and the names they go by."),
        ),
        "towers": (
            dict[str, model_of(Encoder)],  # type: ignore[misc]
            Field(description="How kinds of encoders write their blocks and projectors."),
        ),
        "families": (dict[str, Facts], Field(description="Facts that siblings share.")),  # type: ignore[valid-type]
        "models": (list[Entry], Field(description="The models, one entry each.")),  # type: ignore[valid-type]
    },
)


def validate_models(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of a parsed ``models.yaml``, checked, merged and flat, in the order of the file.

    Raises:
        InvalidModelsError: with a line for every fault found.
    """
    try:
        ModelsFile.model_validate(document)
    except ValidationError as error:
        raise InvalidModelsError([_fault(document, fault) for fault in error.errors()]) from None
    faults: list[str] = []
    merged = []
    seen: set[str] = set()
    for entry in document["models"]:
        where = entry["id"]
        if where in seen:
            faults.append(f"{where}: id: is used twice")
        seen.add(where)
        missing = [key for key in entry["sources"] if key not in document["sources"]]
        if missing:
            faults.append(f"{where}: sources: no such source: {', '.join(missing)}")
        if entry["family"] not in document["families"]:
            faults.append(f"{where}: family: no such family: {entry['family']}")
            continue
        try:
            family = document["families"][entry["family"]]
            flat = merge(entry, family, document["architectures"], document["towers"])
        except ValueError as error:
            faults.append(f"{where}: {error}")
            continue
        faults += [f"{where}: {fault}" for fault in gaps(flat)]
        try:
            merged.append(completed(flat))
        except ValueError as error:
            faults.append(f"{where}: {error}")
    if faults:
        raise InvalidModelsError(faults)
    return merged


def _fault(document: dict[str, Any], fault: Any) -> str:
    """One of Pydantic's faults as ``entry: field.path: what is wrong``."""
    path = list(fault["loc"])
    where = ""
    if path[:1] == ["models"] and len(path) > 1:
        entry = document["models"][path[1]]
        where = f"{entry.get('id', f'models[{path[1]}]') if isinstance(entry, dict) else f'models[{path[1]}]'}: "
        path = path[2:]
    return f"{where}{'.'.join(str(step) for step in path)}: {fault['msg']}"
