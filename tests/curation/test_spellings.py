"""What people write leads to the entry they mean, or to the list of those it may mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.each import each
from vramfit.curation.strict_yaml import load_catalogue_yaml
from vramfit.errors import AmbiguousName

if TYPE_CHECKING:
    from vramfit.catalogue import Catalogue

SPELLINGS: dict[str, dict[str, list[str]]] = load_catalogue_yaml(
    (Path(__file__).parent / "spellings.yaml").read_bytes(), "spellings.yaml"
).data
GPUS, MODELS = (sorted(SPELLINGS[kind].items()) for kind in ("gpus", "models"))
LISTED_AT_MOST = 12


def test_there_are_enough_to_mean_something() -> None:
    """And both kinds have ambiguous ones."""
    assert len(GPUS) + len(MODELS) >= 200
    for told in (GPUS, MODELS):
        assert sum(len(ids) > 1 for _, ids in told) >= 5


@pytest.mark.parametrize(("spelling", "ids"), GPUS)
def test_gpu_spellings(catalogue: Catalogue, spelling: str, ids: list[str]) -> None:
    """A GPU's spelling leads to its entry; an ambiguous one names all of them."""
    _check(catalogue.gpu_facts, spelling, ids)


@pytest.mark.parametrize(("spelling", "ids"), MODELS)
def test_model_spellings(catalogue: Catalogue, spelling: str, ids: list[str]) -> None:
    """A model's spelling leads to its entry; an ambiguous one names all of them."""
    _check(catalogue.model_facts, spelling, ids)


def test_every_entry_answers_to_its_own_names(catalogue: Catalogue) -> None:
    """Id, name and (for models) each Hugging Face id and Ollama tag lead back to the entry."""
    for gpu in each(catalogue.gpu_entries()):
        for name in (gpu["id"], gpu["name"], *gpu["aliases"]):
            assert catalogue.gpu_facts(name)["id"] == gpu["id"], name
    for model in each(catalogue.model_entries()):
        for name in (model["id"], model["name"], *(model.get("hf") or ()), *(model.get("ollama") or ())):
            assert catalogue.model_facts(name)["id"] == model["id"], name


def test_no_name_is_a_gpu_and_a_model(catalogue: Catalogue) -> None:
    """``show`` could not tell which is meant."""
    models = {model["id"] for model in catalogue.model_entries()}
    assert not models & {gpu["id"] for gpu in catalogue.gpu_entries()}


def _check(look_up: Any, spelling: str, ids: list[str]) -> None:
    if len(ids) == 1:
        assert look_up(spelling)["id"] == ids[0]
        return
    with pytest.raises(AmbiguousName) as caught:
        look_up(spelling)
    listed = caught.value.message.split(": ", 1)[1]
    assert all(name in listed for name in ids[:LISTED_AT_MOST])
