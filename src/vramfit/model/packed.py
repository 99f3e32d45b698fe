"""A model as plain data and back: how the compiled catalogue holds the models that checks read.

A record becomes a mapping of the fields that differ from their defaults, with the number of its class under ``KIND``;
tuples, numbers and text stay what they are. Towers are unpacked when they are first asked for, because most checks
never look at them and their classes cost more than a model's.
"""

from __future__ import annotations

from vramfit.model.architecture import (
    Architecture,
    Attention,
    Component,
    CompressedAttention,
    Experts,
    FeedForward,
    LatentAttention,
    Layers,
    LinearAttention,
    Model,
    ShortConvolution,
    StateSpace,
)
from vramfit.model.counted import pack as pack_counts
from vramfit.model.counted import remember
from vramfit.model.traits import ExtraTensor, Traits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

KINDS: tuple[type, ...] = (
    Model, Layers, Attention, LatentAttention, CompressedAttention, StateSpace, LinearAttention, ShortConvolution,
    FeedForward, Experts, Component, Architecture, Traits, ExtraTensor,
)  # fmt: skip
"""Classes of the records a model is made of, towers excepted; ``tower_kinds`` has the rest."""

KIND = ""
COUNTS = "counts"
TOWERS = ("vision", "audio")
_APART = (KIND, COUNTS, *TOWERS)


def tower_kinds() -> tuple[type, ...]:
    """Classes of the records that towers are made of."""
    from vramfit.model.encoder import AudioTower, Step, VisionTower
    from vramfit.model.image_rules import RULES

    return (VisionTower, AudioTower, Step, *RULES.values())


def pack(model: Model) -> dict[str, Any]:
    """A model with its tensors and counts (``counted``) as plain data."""
    kinds = (*KINDS, *tower_kinds())
    packed: dict[str, Any] = _packed(model, {kind: number for number, kind in enumerate(kinds)})
    return {**packed, COUNTS: pack_counts(model)}


def unpack(data: Mapping[str, Any]) -> Model:
    """The model that ``pack`` made ``data`` of."""
    values = {field: _unpacked(value, KINDS) for field, value in data.items() if field not in _APART}
    model = Model.__new__(Model)
    model.__dict__.update(values)
    for tower in TOWERS:
        stored = data[tower]
        model.__dict__[tower if stored is None else f"packed_{tower}"] = stored
    remember(model, data[COUNTS])
    return model


def unpack_tower(data: Mapping[str, Any]) -> Any:
    """A tower of a packed model."""
    return _unpacked(data, (*KINDS, *tower_kinds()))


def _packed(value: Any, numbers: Mapping[type, int]) -> Any:
    if isinstance(value, tuple):
        return tuple([_packed(item, numbers) for item in value])
    number = numbers.get(type(value))
    if number is None:
        return value
    own = vars(value)
    usual = type(value)
    stated = {
        field: _packed(own[field], numbers)
        for field in usual.__fields__
        if field in own and not (hasattr(usual, field) and getattr(usual, field) == own[field])
    }
    return {KIND: number, **stated}


def _unpacked(value: Any, kinds: tuple[type, ...]) -> Any:
    """A value of a packed record; only mappings are records, and only tuples may hold some."""
    if isinstance(value, dict):
        kind: Any = kinds[value[KIND]]
        made = object.__new__(kind)
        made.__dict__.update([(field, _unpacked(item, kinds)) for field, item in value.items() if field])
        return made
    if isinstance(value, tuple) and value and isinstance(value[0], dict):
        return tuple([_unpacked(item, kinds) for item in value])
    return value
