"""Pydantic's faults in this catalogue's words, with file, line and column."""

from __future__ import annotations

from functools import lru_cache

from vramfit.similar import close

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pydantic import BaseModel, ValidationError

    from vramfit.curation.schema_models import InvalidModelsError
    from vramfit.curation.strict_yaml import Document, Fault, Path

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

_OTHER_NAMES = {
    "num_hidden_layers": "layers", "n_layer": "layers", "hidden_size": "hidden", "n_embd": "hidden",
    "intermediate_size": "ffn", "num_attention_heads": "heads", "num_key_value_heads": "kv_heads",
    "vocab_size": "vocab", "max_position_embeddings": "context", "torch_dtype": "dtype", "tie_word_embeddings": "tied",
    "sliding_window": "window", "num_experts": "moe.experts", "num_local_experts": "moe.experts",
    "n_routed_experts": "moe.experts", "num_experts_per_tok": "moe.active", "moe_intermediate_size": "moe.width",
    "kv_lora_rank": "mla.kv_rank", "q_lora_rank": "mla.query_rank", "qk_nope_head_dim": "mla.nope_dim",
    "qk_rope_head_dim": "mla.rope_dim", "v_head_dim": "mla.value_dim", "license": "licence",
    "memory_gb": "vram_gb", "vram": "vram_gb", "memory_bus_bits": "memory.bus_bits", "tdp": "chip.tdp_w",
}  # fmt: skip
"""Names that a config.json or a data sheet has for fields, and those they have here."""
_COMPUTED = ("parameters", "params", "params_total", "total_parameters", "num_parameters")

_PATTERNS = {
    r"^[\w.-]+/[\w.-]+$": "write organisation/name, as on the Hugging Face Hub",
    r"^\d{4}-\d{2}$": "write year-month, as in 2026-01, in quotes",
}
_IDENTIFIER = "write small letters, digits and hyphens"


def faults_of(document: Document, error: ValidationError, known_fields: tuple[str, ...] = ()) -> list[Fault]:
    """One fault per complaint, in the order of the file; ``known_fields`` are offered for misspelt ones."""
    faults = []
    for detail in error.errors(include_url=False):
        path = _path(document, detail["loc"])
        kind = detail["type"]
        if kind == "extra_forbidden":
            hint = _field_hint(str(path[-1]), known_fields) if path else None
            faults.append(document.fault(path, "unknown field", hint, key=True))
        elif kind == "missing":
            faults.append(document.fault(path, "is missing"))
        elif kind in _TYPES:
            problem = f"{_TYPES[kind]}, not {_described(detail['input'])}"
            faults.append(document.fault(path, problem, _type_hint(detail)))
        else:
            problem = f"{_described(detail['input'])}: {detail['msg'][:1].lower()}{detail['msg'][1:]}"
            if kind == "string_pattern_mismatch":
                problem = f"{_described(detail['input'])} is not of the form this field has"
            faults.append(document.fault(path, problem, _value_hint(detail)))
    return sorted(faults, key=lambda fault: (fault.line, fault.column))


def _field_hint(field: str, known: tuple[str, ...]) -> str:
    """Hint with the known fields that an unknown one may have been meant as."""
    if field in _COMPUTED:
        return "leave it out: it is computed from the tensors"
    if field in _OTHER_NAMES:
        return f"it is called {_OTHER_NAMES[field]} here"
    near = close(field, known, 1)
    return f"did you mean {near[0]}?" if near else "fields are described in the JSON Schema"


def _value_hint(detail: Any) -> str | None:
    """Hint on how a value of the right form is written."""
    if detail["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(detail["ctx"]["pattern"], _IDENTIFIER)
    if detail["type"] == "literal_error" and isinstance(detail["input"], str):
        known = detail["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        near = close(_SHORT.get(detail["input"], detail["input"]), known, 1)
        return f"did you mean {near[0]}?" if near else None
    return None


_SHORT = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32", "float8_e4m3": "fp8", "float8_e4m3fn": "fp8"}
"""PyTorch's names of element types."""


@lru_cache(maxsize=8)
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
    """Place in the file of Pydantic's location, without the union branches and validators that it inserts."""
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
