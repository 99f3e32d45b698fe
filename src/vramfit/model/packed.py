"""Conversion of models to plain data and back, the form in which the compiled catalogue stores them.

A record becomes a mapping of the fields that differ from their defaults, with the name of its class under ``KIND``;
tuples, numbers and text stay unchanged. Towers are unpacked when they are first read, because most checks never read
them and loading their classes takes longer than loading those of a model.
"""

from __future__ import annotations

from vramfit._record import fields, is_record
from vramfit.model import architecture
from vramfit.model.architecture import Model
from vramfit.model.counted import pack as pack_counts
from vramfit.model.counted import remember
from vramfit.model.traits import Architecture, ExtraTensor, Traits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

KINDS: dict[str, type] = {
    **{name: kind for name, kind in vars(architecture).items() if is_record(kind)},
    "Architecture": Architecture,
    "Traits": Traits,
    "ExtraTensor": ExtraTensor,
}
"""Classes of a model's records by name; those of towers and of rare token mixers are loaded when a model has them."""

KIND = ""
"""Key of the class name in the mapping that a record becomes."""
COUNTS = "counts"
"""Key of the tensors and counts (``counted.pack``) in the mapping that a model becomes."""
TOWERS = ("vision", "audio")
"""Fields of a model that hold a tower, and are unpacked when first read."""
_APART = (KIND, COUNTS, *TOWERS)


def pack(model: Model) -> dict[str, Any]:
    """Convert a model with its tensors and counts (``counted``) to plain data."""
    packed: dict[str, Any] = _packed(model)
    return {**packed, COUNTS: pack_counts(model)}


def unpack(data: Mapping[str, Any]) -> Model:
    """Restore a model from the plain data that ``pack`` made of it."""
    values = {field: _unpacked(value, KINDS) for field, value in data.items() if field not in _APART}
    model = Model.__new__(Model)
    model.__dict__.update(values)
    for tower in TOWERS:
        stored = data[tower]
        model.__dict__[tower if stored is None else f"packed_{tower}"] = stored and (_tower, stored)
    remember(model, data[COUNTS])
    return model


def _tower(data: Mapping[str, Any]) -> Any:
    """Unpack a tower of a model."""
    from vramfit.model import encoder
    from vramfit.model.image_rules import rule_class

    kinds: dict[str, type] = {kind.__name__: kind for kind in (encoder.VisionTower, encoder.AudioTower, encoder.Step)}
    rule = data.get("image_tokens")
    if rule is not None:
        kinds[rule[KIND]] = rule_class(rule[KIND])
    return _unpacked(data, kinds)


def _mixer(name: str) -> type:
    """Load the class of a token mixer that few models have, by its name."""
    from vramfit.model import mixers

    kind: type = getattr(mixers, name)
    return kind


def _packed(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple([_packed(item) for item in value])
    kind = type(value)
    if not is_record(kind):
        return value
    own = vars(value)
    packed = {KIND: getattr(kind, "rule", kind.__name__)}
    for field in fields(kind):
        if field in own and not (hasattr(kind, field) and getattr(kind, field) == own[field]):
            packed[field] = _packed(own[field])
    return packed


def _unpacked(value: Any, kinds: Mapping[str, type]) -> Any:
    """Restore a value of a packed record. Every mapping is a record, and only tuples can contain further records."""
    if isinstance(value, dict):
        kind: Any = kinds.get(value[KIND]) or _mixer(value[KIND])
        made = object.__new__(kind)
        made.__dict__.update([(field, _unpacked(item, kinds)) for field, item in value.items() if field])
        return made
    if isinstance(value, tuple) and value and isinstance(value[0], dict):
        return tuple([_unpacked(item, kinds) for item in value])
    return value
