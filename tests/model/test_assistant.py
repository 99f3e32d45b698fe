"""Assistants of Gemma 4, tensor by tensor."""

from __future__ import annotations

import pytest

from vramfit.memory.kv_cache import caches
from vramfit.model import parameters
from vramfit.model.assistant import assistant
from vramfit.sources import open_catalogue

CATALOGUE = open_catalogue()


@pytest.mark.parametrize(
    ("name", "hidden", "heads"), [("gemma-4-12b", 3840, 16), ("gemma-4-26b-a4b", 2816, 16), ("gemma-4-31b", 5376, 32)]
)
def test_parameters(name: str, hidden: int, heads: int) -> None:
    """Three layers with heads of 256 and one of 512, networks of 8,192, two projections, and an output matrix.

    Norms: four of a layer, two of the queries' heads and keys' or less, a scale of each layer, and the last one.
    """
    found = assistant(CATALOGUE.model(name))
    assert found is not None
    attention = 2 * 1024 * heads * (3 * 256 + 512)
    networks = 4 * 3 * 1024 * 8192
    matrices = attention + networks + 3 * hidden * 1024 + 262144 * 1024

    assert 0 < parameters(found) - matrices < 4 * 5 * 1024 + 2048 + 4096
    assert () == caches(found)


@pytest.mark.parametrize("name", ["gemma-4-e4b", "gemma-3-27b", "qwen3.6-27b"])
def test_models_of_which_no_assistant_is_known(name: str) -> None:
    assert assistant(CATALOGUE.model(name)) is None
