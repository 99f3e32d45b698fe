"""A model as plain data and back: how the compiled catalogue holds the models that checks read.

A record becomes a mapping of the fields that differ from their defaults, with the name of its class under ``KIND``;
tuples, numbers and text stay what they are. Towers are unpacked when they are first asked for, because most checks
never look at them and their classes cost more than a model's.
"""

from __future__ import annotations

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
    **{name: kind for name, kind in vars(architecture).items() if hasattr(kind, "__fields__")},
    "Architecture": Architecture,
    "Traits": Traits,
    "ExtraTensor": ExtraTensor,
}
"""Classes of the records a model is made of; towers and the token mixers that few models have are loaded when met."""

KIND = ""
COUNTS = "counts"
TOWERS = ("vision", "audio")
_APART = (KIND, COUNTS, *TOWERS)


def pack(model: Model) -> dict[str, Any]:
    """A model with its tensors and counts (``counted``) as plain data."""
    packed: dict[str, Any] = _packed(model)
    return {**packed, COUNTS: pack_counts(model)}


def unpack(data: Mapping[str, Any]) -> Model:
    """The model that ``pack`` made ``data`` of."""
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

    kinds: dict[str, type] = {kind.__name__: kind for kind in (encoder.VisionTower, encoder.AudioTower, encoder.Step)}
    rule = data.get("image_tokens")
    if rule is not None:
        kinds[rule[KIND]] = encoder.rule_class(rule[KIND])
    return _unpacked(data, kinds)


def _mixer(name: str) -> type:
    """A token mixer that few models have, by the name of its class."""
    from vramfit.model import mixers

    kind: type = getattr(mixers, name)
    return kind


def _packed(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple([_packed(item) for item in value])
    kind = type(value)
    if not hasattr(kind, "__fields__"):
        return value
    own = vars(value)
    packed = {KIND: getattr(kind, "rule", kind.__name__)}
    for field in kind.__fields__:
        if field in own and not (hasattr(kind, field) and getattr(kind, field) == own[field]):
            packed[field] = _packed(own[field])
    return packed


def _unpacked(value: Any, kinds: Mapping[str, type]) -> Any:
    """A value of a packed record; only mappings are records, and only tuples may hold some."""
    if isinstance(value, dict):
        kind: Any = kinds.get(value[KIND]) or _mixer(value[KIND])
        made = object.__new__(kind)
        made.__dict__.update([(field, _unpacked(item, kinds)) for field, item in value.items() if field])
        return made
    if isinstance(value, tuple) and value and isinstance(value[0], dict):
        return tuple([_unpacked(item, kinds) for item in value])
    return value
