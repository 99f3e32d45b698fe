"""Remedies against what a knowledgeable friend would say: ``advice.yaml`` has the questions and the advice."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.catalogued import catalogue
from vramfit.checks import Checked, check
from vramfit.engines.keys import parse_request
from vramfit.remedies import MOST
from vramfit.remedies.hardware import OWNED
from vramfit.remedies.models import LEAST_SHARE
from vramfit.remedies.settings import LEAST_TOKENS

ADVICE: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parent / "advice.yaml").read_text(encoding="utf-8")
)
QUESTIONS = [pytest.param(one, id=f"{who} {number}") for who, some in ADVICE.items() for number, one in enumerate(some)]
PARAMETERS = 1e9


@cache
def answered(question: str) -> Checked:
    """First row of a question, whose keys are its text as YAML."""
    return next(check(parse_request(yaml.safe_load(question)), catalogue()))


def row(advice: dict[str, Any]) -> Checked:
    return answered(yaml.safe_dump(advice["ask"]))


def test_there_are_enough_questions() -> None:
    assert {"gamer", "mac", "engineer", "tuner"} == set(ADVICE)
    assert len(QUESTIONS) > 60


@pytest.mark.parametrize("advice", QUESTIONS)
def test_remedies_are_what_a_friend_would_say(advice: dict[str, Any]) -> None:
    remedies = row(advice).remedies
    kinds = [remedy.proposal.kind for remedy in remedies]

    assert kinds
    assert kinds[0] in advice.get("first", kinds)
    assert set(advice.get("has", ())) <= set(kinds)
    assert not set(advice.get("not", ())) & set(kinds)
    if "quant" in advice:
        assert advice["quant"] == remedies[0].proposal.answer.deployment.scheme.id
    if "smaller" in advice:
        sizes = [r.proposal.answer.deployment.model_parameters for r in remedies if r.proposal.kind == "smaller-model"]
        assert max(sizes) >= advice["smaller"] * PARAMETERS


@pytest.mark.parametrize("advice", QUESTIONS)
def test_no_remedy_is_absurd(advice: dict[str, Any]) -> None:
    """None twice, of severe loss, of a rest of context, of a tiny model beside a larger one, of machines nobody has."""
    found = row(advice)
    asked, remedies = found.answer.deployment, found.remedies
    assert len(remedies) <= MOST
    assert len({remedy.proposal.summary for remedy in remedies}) == len(remedies)
    assert "severe" not in {remedy.quality[0] for remedy in remedies}
    kept = [r.proposal.answer.deployment.workload.context for r in remedies if "shorten" in r.proposal.kind]
    assert asked.workload.task != "inference" or min(kept, default=LEAST_TOKENS) >= LEAST_TOKENS
    sizes = [r.proposal.answer.deployment.model_parameters for r in remedies if r.proposal.kind == "smaller-model"]
    assert max(sizes, default=asked.model_parameters) >= LEAST_SHARE / 3 * asked.model_parameters
    nodes = [r for r in remedies if r.proposal.kind == "multi-node"]
    assert not nodes or asked.gpus[0].segment not in OWNED
    hardware = [r for r in remedies if "gpu" in r.changes and r.proposal.kind == "quantize"]
    assert len(hardware) <= 2
