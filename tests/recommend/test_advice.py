"""Recommendations against what a knowledgeable friend would say: ``advice.yaml`` has the questions and the advice."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.catalogued import catalogue
from tests.each import each
from vramfit.checks import check
from vramfit.engines.keys import parse_request
from vramfit.recommend import recommend
from vramfit.recommend.gpus import FASTER_SHARE
from vramfit.recommend.models import _alike, _line

ADVICE: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parent / "advice.yaml").read_text(encoding="utf-8")
)
MODELS = [pytest.param(one, id=f"models {number}") for number, one in enumerate(ADVICE["models"])]
GPUS = [pytest.param(one, id=f"GPUs {number}") for number, one in enumerate(ADVICE["gpus"])]
LABELS = ("reference", "near-lossless", "small", "noticeable")
WISHES = ("use", "min_speed", "budget", "max_price", "vendor", "max_cards")


@cache
def _answered(question: str) -> tuple[Any, ...]:
    asked = yaml.safe_load(question)
    wishes = {name: asked.pop(name) for name in WISHES if name in asked}
    return tuple(recommend({**parse_request(asked), **wishes}, catalogue())["recommendations"])


def recommended(advice: dict[str, Any]) -> tuple[Any, ...]:
    """Rows of the recommendation."""
    return _answered(yaml.safe_dump(advice["ask"]))


def test_there_are_enough_questions() -> None:
    assert len(MODELS) + len(GPUS) >= 40


@pytest.mark.parametrize("advice", MODELS)
def test_models_are_what_a_friend_would_say(advice: dict[str, Any]) -> None:
    rows = recommended(advice)
    least, most = advice["first"]

    assert least * 1e9 <= rows[0]["model"]["parameters"] <= most * 1e9
    assert rows[0]["quant"]["bits_per_weight"] >= advice["bits"]
    assert advice.get("ram", False) == any(row["deployment"].get("cpu_moe_layers") for row in rows[:3])


@pytest.mark.parametrize("advice", MODELS)
def test_a_model_is_not_listed_beside_its_successor(advice: dict[str, Any]) -> None:
    """Of models of one line, the listed ones differ in size, of all parameters or of the active ones."""
    found = [(_line(row["model"]["id"]), row["model"]) for row in recommended(advice)]
    pairs = [
        (one["id"], other["id"])
        for (line, one), (other_line, other) in combinations(found, 2)
        if line == other_line
        and _alike(one["parameters"], other["parameters"])
        and _alike(one["active_parameters"], other["active_parameters"])
    ]
    assert len(found) > 2
    assert [] == pairs


@pytest.mark.parametrize("advice", GPUS)
def test_gpus_are_what_a_friend_would_say(advice: dict[str, Any]) -> None:
    rows = recommended(advice)
    owned = [row for row in rows if row["cost"]["usd_per_hour"] is None]

    assert len(owned) >= advice.get("least", 0)
    assert {row["gpu"]["id"] for row in owned} & set(advice["has"]) if "has" in advice else True
    assert (owned[0]["cost"]["price_usd"] or 0) <= advice.get("most", 1e9)
    assert advice.get("rents", len(rows) > len(owned)) == (len(rows) > len(owned))


@pytest.mark.parametrize("advice", GPUS)
def test_no_offer_is_nearly_a_cheaper_one(advice: dict[str, Any]) -> None:
    """Each loses less, or is a quarter faster, than every one before it."""
    rows = recommended(advice)
    pairs = [
        (one["gpu"]["id"], other["gpu"]["id"])
        for one, other in combinations(rows, 2)
        if (one["cost"]["usd_per_hour"] is None) == (other["cost"]["usd_per_hour"] is None)
        and other["tokens_per_second"]
        if LABELS.index(one["quality"]["label"]) <= LABELS.index(other["quality"]["label"])
        if one["tokens_per_second"] >= FASTER_SHARE * other["tokens_per_second"]
    ]
    assert rows
    assert [] == pairs


@pytest.mark.parametrize("advice", [*MODELS[-2:], *GPUS[-4:]])
def test_fine_tuning_is_promised_as_it_is_asked_for(advice: dict[str, Any]) -> None:
    """The deployment keys of a row, asked again, give its verdict and need: the trainer and the scheme are among them."""
    for row in each(recommended(advice)):
        again = next(check(parse_request({k: v for k, v in row["deployment"].items() if v is not None}), catalogue()))
        told = again.answer.verdict.word, again.answer.required_bytes, again.answer.deployment.scheme.id
        assert told == (row["verdict"], row["required_bytes"]["expected"], row["quant"]["scheme"])
