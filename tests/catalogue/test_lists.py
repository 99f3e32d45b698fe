"""Names that others publish: vLLM's recipes, Ollama's library, threads of this year."""

from __future__ import annotations

import pytest

from tests.catalogue.listed import names, unanswered
from tests.catalogued import catalogue
from tests.each import each

STEMS = ("vllm_recipes", "vllm_variants", "ollama_library", "threads")
LEAST_SHARE = {"vllm_recipes": 0.93, "vllm_variants": 0.97, "ollama_library": 0.99, "threads": 0.97}
FEWEST = {"vllm_recipes": 173, "vllm_variants": 170, "ollama_library": 150, "threads": 120}
"""Least share of each list that is answered; it may only rise."""


@pytest.mark.parametrize("stem", STEMS)
def test_most_of_a_list_is_answered(stem: str) -> None:
    assert 1 - len(unanswered(stem)) / len(names(stem)) >= LEAST_SHARE[stem]


@pytest.mark.parametrize("stem", STEMS)
def test_a_list_is_as_long_as_it_was_gathered(stem: str) -> None:
    listed = names(stem)
    assert len(set(listed)) == len(listed) >= FEWEST[stem]


def test_names_left_out_are_listed_with_a_reason() -> None:
    """Exactly those that are not answered: a name that is answered by now leaves the list."""
    missing = {name for stem in each(STEMS) for name in unanswered(stem)}

    assert set(names("left_out")) == missing


def test_of_all_names_five_in_six_are_answered() -> None:
    asked = {name for stem in STEMS for name in names(stem)}
    missing = {name for stem in STEMS for name in unanswered(stem)}

    assert len(missing) <= 0.15 * len(asked)


def test_no_popular_model_rests_on_memory() -> None:
    """The most downloaded models name a copy of their configuration: none is from memory, or solved from a total."""
    popular = names("popular")
    sources = {entry["id"]: entry["sources"] for entry in catalogue().model_entries()}
    recalled = [name for name in popular if {"recalled", "solved"} & set(sources[catalogue().model(name).id])]

    assert any("recalled" in stated for stated in sources.values())  # there are such entries
    assert len(set(popular)) == len(popular) == 150
    assert recalled == []
