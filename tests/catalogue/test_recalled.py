"""Entries that rest on memory say so in every answer about them, as JSON and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.catalogued import catalogue
from tests.command import vramfit
from tests.each import each

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CARD, MODEL = "8xb200", "llama-3.1-8b"
"""A machine and a model of which nothing is from memory, and on which about everything has an answer."""


def recalled(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Ids of the entries that name memory among their sources, or as the source of their rates."""
    named = {one["id"]: [*one["sources"], *one.get("field_sources", {}).get("tflops", [])] for one in entries}
    return [name for name, sources in named.items() if "recalled" in [str(one).split("/")[0] for one in sources]]


def gpus() -> list[str]:
    return recalled(catalogue().gpu_entries())


def models() -> list[str]:
    return recalled(catalogue().model_entries())


def silent(kind: str, style: str) -> list[str]:
    """Ids of recalled entries of a kind whose answer does not say so in a format."""
    found = []
    for name in each(gpus() if kind == "gpu" else models()):
        card, model = (name, MODEL) if kind == "gpu" else (CARD, name)
        answer = " ".join(vramfit("check", card, model, "--ram", "64GiB", "--format", style).out.split())
        if "from memory and were compared with no" not in answer:
            found.append(f"{name}: {answer}")
    return found


@pytest.mark.parametrize("style", ["json", "table"])
@pytest.mark.parametrize("kind", ["gpu", "model"])
def test_an_answer_says_what_is_from_memory(kind: str, style: str) -> None:
    assert silent(kind, style) == []


def test_other_entries_are_not_said_to_be_from_memory() -> None:
    assert "from memory" not in vramfit("check", CARD, MODEL, "--json").out
