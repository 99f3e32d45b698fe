"""The catalogue's models, read once from ``data/models.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from vramfit.curation.configured import model_of
from vramfit.curation.schema_models import validate_models

if TYPE_CHECKING:
    from vramfit.model import Model

DATA = Path(__file__).parents[2] / "data" / "models.yaml"


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """``data/models.yaml`` as parsed; tests that change it copy it first."""
    parsed = yaml.load(DATA.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    assert isinstance(parsed, dict)
    return parsed


@pytest.fixture(scope="session")
def facts(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The merged entries by id."""
    return {entry["id"]: entry for entry in validate_models(document)}


@pytest.fixture(scope="session")
def models(facts: dict[str, dict[str, Any]]) -> dict[str, Model]:
    """Every model of the catalogue by id."""
    return {key: model_of(entry) for key, entry in facts.items()}
