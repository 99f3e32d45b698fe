"""Entries of a user's catalogue file with values that no card and no model has: refused in a line, or taken without harm."""

from __future__ import annotations

import json
import time

import pytest

from tests.fuzz.catalogues import lay
from vramfit.errors import CatalogueError

MODEL = {
    "id": "kin-8b", "name": "Kin 8B", "family": "llama-2", "layers": 40, "hidden": 5120, "ffn": 13824, "heads": 40,
    "vocab": 32000, "context": 8192,
}  # fmt: skip
GPU = {"id": "rtx4090", "aliases": None}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"moe": {"experts": 8, "active": 2, "width": 5e-324}}, "moe.width"),
        ({"moe": {"experts": 8, "active": 2, "width": 2**63}}, "moe.width"),
        ({"moe": {"experts": 8, "active": None, "width": 4}}, "moe.active: missing"),
        ({"moe": {"experts": None, "active": 2, "width": 4}}, "moe.experts: missing"),
        ({"pattern": ""}, "not a layer pattern: ''"),
        ({"vocab": {"a": 1}}, "vocab"),
        ({"layers": 2**32}, "layers"),
    ],
)
def test_a_model_that_there_is_not_is_refused(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        lay(json.dumps({"models": [{**MODEL, **changes}]}).encode())
    assert problem in str(refused.value)


@pytest.mark.parametrize("name", ["Kin 0B", "Kin"])
def test_a_name_without_a_size_is_no_size(name: str) -> None:
    assert lay(json.dumps({"models": [{**MODEL, "name": name}]}).encode())


def test_other_names_may_be_cleared() -> None:
    assert lay(json.dumps({"gpus": [GPU]}).encode())


@pytest.mark.parametrize("word", ["24gb", "sxm", "laptop", "geforce", "generation", "ti"])
@pytest.mark.parametrize("kind", ["gpus", "models"])
def test_a_name_of_one_word_again_and_again_is_read_at_once(kind: str, word: str) -> None:
    """Short forms leave words out and turn them round, whose number is a factorial."""
    name = " ".join([word] * 60)
    entry = {"gpus": {"id": "rtx4090", "aliases": [name]}, "models": {**MODEL, "name": f"Kin 8B {name}"}}[kind]
    began = time.process_time()
    try:
        lay(json.dumps({kind: [entry]}).encode())
    except CatalogueError as refused:
        assert refused.message
    assert time.process_time() - began < 2
