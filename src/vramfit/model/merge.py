"""Merging of the mappings that describe a model: architecture, tower, family and entry; a later one overrides.

Each is plain data that gives some fields of ``spec`` by name. Families and entries of the catalogue are such mappings,
and importers make one from a ``config.json`` or a file. ``spec.read_spec`` turns the merged mapping into a
specification after ``gaps`` has found nothing missing.
"""

from __future__ import annotations

from vramfit.model.build import COMPRESSION, FEED_FORWARD_KINDS
from vramfit.model.pattern import expand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Facts = Mapping[str, Any]
    """Fields of a specification or of one of its parts, as plain data."""

KINDS = (
    "full", "indexed", "sliding", "chunked", "cross", "encoder", "mla", "mamba", "linear", "conv", "none", *COMPRESSION,
)  # fmt: skip
"""Words of a layer pattern that name a mixer; ``mlp`` and ``moe`` name layers without one."""

NAMES = {"model_type": "model_types", "gguf": "gguf_names"}
"""Field of a model's entry that names its architecture elsewhere, and the catalogue's list of the possible names."""

_NEEDS: dict[str, tuple[str, ...]] = {
    "full": ("heads",), "indexed": ("heads", "indexed_attention"), "cross": ("heads",), "encoder": ("heads",),
    "sliding": ("window", "heads"), "chunked": ("window", "heads"), "mla": ("mla", "heads"),
    "mamba": ("ssm",), "linear": ("linear",), "conv": ("conv_kernel",), "moe": ("moe",), "mlp": ("ffn",),
    **dict.fromkeys(COMPRESSION, ("compressed", "heads", "head_dim", "window")),
}  # fmt: skip
"""Fields that each kind of layer needs."""


def merge(
    entry: Facts, family: Facts, architectures: Mapping[str, Facts], towers: Mapping[str, Facts]
) -> dict[str, Any]:
    """Merge architecture, tower, family and entry into one mapping; mappings within them are merged one level deep.

    Raises ``ValueError`` with a message ``field: what is wrong`` for an unknown architecture, a name that the
    architecture does not have, or an unknown tower.
    """
    merged: dict[str, Any] = {}
    for part in (family, entry):
        for field, value in part.items():
            merged[field] = {**(merged.get(field) or {}), **value} if isinstance(value, dict) else value
    name = merged.get("architecture")
    if name is not None and name not in architectures:
        raise ValueError(f"architecture: no such architecture: {name}")
    architecture = dict(architectures.get(name, {})) if name is not None else {}
    for field, listed in NAMES.items():
        known = architecture.pop(listed, None) or ()
        if field not in merged and known:
            merged[field] = known[0]
        elif merged.get(field) is not None and merged[field] not in known and not merged.get("config"):
            raise ValueError(f"{field}: {name} does not go by the name {merged[field]}")
    merged["traits"] = {**architecture, **(merged.get("traits") or {})}
    vision = merged.get("vision")
    if vision is not None:
        kind = vision.get("kind")
        if kind not in towers:
            raise ValueError(f"vision.kind: no such tower: {kind}")
        merged["vision"] = {**towers[kind], **vision}
    return merged


def gaps(facts: Facts) -> list[str]:
    """Find missing and contradictory fields of a merged mapping, each as a text ``field: what is wrong``."""
    if facts.get("components") or facts.get("config"):
        return []
    faults = ["vision.image_tokens: missing"] if facts.get("vision") and not facts["vision"].get("image_tokens") else []
    if not facts.get("layers"):
        known = any((facts.get(part) or {}).get("parameters") for part in ("vision", "audio"))
        return faults if known else ["layers: missing", *faults]
    faults += [f"{field}: missing" for field in ("architecture", "hidden", "vocab", "context") if not facts.get(field)]
    try:
        words = {word for kind in expand(_pattern(facts), facts["layers"]) for word in kind.split("+")}
    except ValueError as error:
        return [*faults, f"pattern: {error}"]
    unknown = words.difference(KINDS, FEED_FORWARD_KINDS)
    faults += [f"pattern: no such kind of layer: {word}" for word in sorted(unknown)]
    for word, fields in _NEEDS.items():
        own = facts.get(f"{word}_attention") or {}
        lacking = [field for field in fields if word in words and not facts.get(field) and not own.get(field)]
        faults += [f"{field}: missing, a layer is {word}" for field in lacking]
    heads, kv_heads = facts.get("heads"), facts.get("kv_heads")
    if heads and kv_heads and heads % kv_heads:
        faults.append(f"kv_heads: {heads} heads cannot share {kv_heads}")
    return [*faults, *_mixture(facts.get("moe"))]


def _pattern(facts: Facts) -> str:
    """Layer pattern of a merged mapping; an empty one is none, which is a fault."""
    stated = facts.get("pattern")
    return "full" if stated is None else str(stated)


def _mixture(moe: Facts | None) -> list[str]:
    """Find missing and contradictory fields of a mixture of experts."""
    if moe is None:
        return []
    lacking = [f"moe.{field}: missing" for field in ("experts", "active", "width") if moe.get(field) is None]
    if not lacking and moe["active"] > moe["experts"]:
        return [f"moe.active: {moe['active']} exceeds experts ({moe['experts']})"]
    return lacking
