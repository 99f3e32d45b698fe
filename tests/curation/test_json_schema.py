"""The JSON Schemas in the package are those of the Pydantic models, and say what those say."""

from __future__ import annotations

import copy
import json
import os
from typing import Any

import pytest
from jsonschema import Draft7Validator

from vramfit.catalogue.files import data_directory
from vramfit.curation.compile import read_document
from vramfit.curation.json_schema import DRAFT, SCHEMAS, json_schema, schema_path

KINDS = sorted(SCHEMAS)


def data(kind: str) -> dict[str, Any]:
    directory = data_directory()
    assert directory is not None
    document: dict[str, Any] = read_document(os.path.join(directory, f"{kind}.yaml")).data
    return document


@pytest.mark.parametrize("kind", KINDS)
def test_committed_schemas_are_fresh(kind: str) -> None:
    """Where this fails: ``vramfit catalogue schema gpus`` (or models) writes what belongs into the file."""
    with open(schema_path(kind), encoding="utf-8") as file:
        assert json.load(file) == json_schema(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_draft_07(kind: str) -> None:
    """What YAML language servers understand: no word of a later draft, and all references lead somewhere."""
    schema = json_schema(kind)
    Draft7Validator.check_schema(schema)
    text = json.dumps(schema)

    assert schema["$schema"] == DRAFT
    assert not [word for word in ('"$defs"', '"prefixItems"', '"discriminator"', "#/$defs/") if word in text]


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_data_follow_the_schema(kind: str) -> None:
    """As an editor sees them."""
    assert [error.message for error in Draft7Validator(json_schema(kind)).iter_errors(data(kind))] == []


@pytest.mark.parametrize(
    ("kind", "field", "value"), [("gpus", "vram", 24), ("gpus", "vram_gb", "24"), ("models", "layer", 3)]
)
def test_the_schema_refuses_what_the_models_refuse(kind: str, field: str, value: object) -> None:
    """An unknown field, and a number in quotes."""
    wrong = copy.deepcopy(data(kind))
    wrong[kind][0][field] = value

    assert not Draft7Validator(json_schema(kind)).is_valid(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_the_data_name_their_schema(kind: str) -> None:
    """In the first line, where editors look for it."""
    directory = data_directory()
    assert directory is not None
    with open(os.path.join(directory, f"{kind}.yaml"), encoding="utf-8") as file:
        _, _, named = file.readline().rstrip().partition("$schema=")

    assert os.path.samefile(os.path.join(directory, named), schema_path(kind))
