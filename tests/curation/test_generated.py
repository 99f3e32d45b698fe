"""Pydantic models made of records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest
from pydantic import ValidationError

from tests.each import each
from vramfit._record import fields, record
from vramfit.curation.generated import descriptions, field_definitions, made, model_of
from vramfit.model.architecture import Component
from vramfit.model.encoder import RULES, AudioTower, Encoder, Step, VisionTower, rule_class
from vramfit.model.mixers import LinearAttention, StateSpace
from vramfit.model.spec import ArchitectureSpec, Compressed, Heads, Mla, ModelSpec, Moe
from vramfit.model.traits import ExtraTensor, Traits

if TYPE_CHECKING:
    from vramfit.model.kinds import Count

RECORDS = (
    Traits, ExtraTensor, ArchitectureSpec, Encoder, VisionTower, AudioTower, Step, ModelSpec, Moe, Mla, Compressed,
    Heads, StateSpace, LinearAttention, Component, *[rule_class(name) for name in RULES],
)  # fmt: skip


@record
class Lamp:
    """Something that lights."""

    watts: Count
    """Power it draws,
    in watts."""
    colour: Literal["warm", "cold"] = "warm"
    """What it looks like."""
    names: tuple[str, ...] = ("lamp",)
    """Names it goes by."""
    spare: Count = 0
    """How many are in the drawer; 0 without any."""
    lit: bool = False
    """Whether it is on."""


LAMP = made("Lamp", Lamp.__doc__, field_definitions(Lamp, fields(Lamp)))


@pytest.mark.parametrize("kind", RECORDS, ids=[kind.__name__ for kind in RECORDS])
def test_every_field_of_a_model_file_is_described(kind: type) -> None:
    assert set(fields(kind)) <= set(descriptions(kind))


def test_descriptions_are_single_lines_and_those_of_a_base_come_along() -> None:
    assert descriptions(Lamp)["watts"] == "Power it draws, in watts."
    assert descriptions(VisionTower)["class_token"] == descriptions(Encoder)["class_token"]


def test_what_a_record_says_is_what_its_model_says() -> None:
    assert LAMP.model_json_schema() == {
        "title": "Lamp",
        "type": "object",
        "description": "Something that lights.",
        "additionalProperties": False,
        "required": ["watts"],
        "properties": {
            "watts": {"title": "Watts", "type": "integer", "minimum": 1, "description": "Power it draws, in watts."},
            "colour": {
                "title": "Colour", "type": "string", "enum": ["warm", "cold"], "default": "warm",
                "description": "What it looks like.",
            },
            "names": {
                "title": "Names", "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}],
                "default": ["lamp"], "description": "Names it goes by.",
            },
            "spare": {
                "title": "Spare", "anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": None,
                "description": "How many are in the drawer; 0 without any.",
            },
            "lit": {"title": "Lit", "type": "boolean", "default": False, "description": "Whether it is on."},
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "field", "kind"),
    [
        ({}, "watts", "missing"),
        ({"watts": 0}, "watts", "greater_than_equal"),
        ({"watts": "5"}, "watts", "int_type"),
        ({"watts": 5, "colour": "blue"}, "colour", "literal_error"),
        ({"watts": 5, "lit": 1}, "lit", "bool_type"),
        ({"watts": 5, "names": "lamp"}, "names", "list_type"),
        ({"watts": 5, "volts": 230}, "volts", "extra_forbidden"),
    ],
)
def test_what_is_refused(facts: dict[str, Any], field: str, kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        LAMP.model_validate(facts)
    (fault,) = caught.value.errors()
    assert (fault["loc"], fault["type"]) == ((field,), kind)


def test_a_partial_model_asks_for_nothing() -> None:
    partial = made("Part", None, field_definitions(Lamp, fields(Lamp), partial=True))
    assert partial.model_validate({"spare": 2}).model_dump() == {
        "watts": None, "colour": None, "names": None, "spare": 2, "lit": None,
    }  # fmt: skip


@pytest.mark.parametrize("forms", [{}, {"linear": ["tower", "text"], "norm": 3}])
def test_a_step_has_one_form(forms: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="give exactly one of linear, norm and shape"):
        model_of(Step).model_validate({"name": "mm.0", **forms})


def test_rules_are_told_apart_by_their_names() -> None:
    tower = model_of(VisionTower)
    for name, constants in each({"fixed": {"tokens": 5}, "cross": {"per_tile": 3, "max_tiles": 4}}.items()):
        tower.model_validate({"kind": "clip", "image_tokens": {"rule": name, **constants}})
        with pytest.raises(ValidationError):
            tower.model_validate({"kind": "clip", "image_tokens": {"rule": name, **constants, "side": 4}})
