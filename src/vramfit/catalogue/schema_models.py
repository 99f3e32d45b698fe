"""Shape of ``data/models.yaml``, and its merging into the flat entries that ``model.build`` reads.

Pydantic checks each section; ``validate_models`` then merges architecture, family and entry (the nearer wins, mappings
are merged one level deep) and checks what only the merged entry can show. This is the only place that knows the file's
sections; everything behind it sees flat entries. Fields are explained in the file's opening comment, traits and tower
settings where ``vramfit.model`` reads them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from vramfit.catalogue.schema_model_parts import (
    Audio,
    Compressed,
    Count,
    Heads,
    Key,
    Linear,
    Mla,
    Moe,
    Network,
    Part,
    Ssm,
    Tower,
    Traits,
    Vision,
)
from vramfit.model.merge import gaps, merge

Repository = Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
"""``organisation/name`` on the Hugging Face Hub."""


class InvalidModelsError(ValueError):
    """A ``models.yaml`` that breaks its schema. ``faults`` holds one line for each fault, with entry and field."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Facts(Part):
    """Facts that a family may give for its members, and an entry for itself."""

    architecture: Key | None = None
    model_type: str | None = None
    gguf: str | None = None
    modality: str | None = None
    released: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")] | None = None
    licence: str | None = None
    dtype: Literal["fp32", "fp16", "bf16", "fp8", "mxfp4", "int4", "ternary"] | None = None
    layers: Count | None = None
    hidden: Count | None = None
    ffn: Count | None = None
    widths: str | None = None
    heads: Count | None = None
    kv_heads: Count | None = None
    head_dim: Count | None = None
    value_dim: Count | None = None
    vocab: Count | None = None
    tied: bool | None = None
    context: Count | None = None
    pattern: str | None = None
    window: Count | None = None
    shared_cache_layers: Count | None = None
    full_attention: Heads | None = None
    sliding_attention: Heads | None = None
    cross_attention: Heads | None = None
    conv_kernel: Count | None = None
    mla: Mla | None = None
    compressed: Compressed | None = None
    ssm: Ssm | None = None
    linear: Linear | None = None
    moe: Moe | None = None
    vision: Vision | None = None
    audio: Audio | None = None
    traits: Traits | None = None
    components: list[Network] | None = None
    note: str | None = None


class Entry(Facts):
    """One model."""

    id: Key
    name: str
    family: Key
    hf: list[Repository] | None = None
    quantized: dict[Repository, str] | None = None
    ollama: list[str] | None = None
    sources: Annotated[list[str], Field(min_length=1)]


class Architecture(Traits):
    """Habits of a kind of model in writing its blocks, and its names."""

    model_types: list[str] | None = None
    gguf_names: list[str] | None = None


class ModelsFile(Part):
    """``data/models.yaml``."""

    sources: dict[str, str]
    architectures: dict[str, Architecture]
    towers: dict[str, Tower]
    families: dict[str, Facts]
    models: list[Entry]


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
        merged.append(flat)
    if faults:
        raise InvalidModelsError(faults)
    return merged


def _fault(document: dict[str, Any], fault: Any) -> str:
    """Text of one of Pydantic's faults, ``entry: field.path: what is wrong``."""
    path = list(fault["loc"])
    where = ""
    if path[:1] == ["models"] and len(path) > 1:
        entry = document["models"][path[1]]
        where = f"{entry.get('id', f'models[{path[1]}]') if isinstance(entry, dict) else f'models[{path[1]}]'}: "
        path = path[2:]
    return f"{where}{'.'.join(str(step) for step in path)}: {fault['msg']}"
