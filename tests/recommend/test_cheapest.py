"""GPUs to get for a model, found in the order of their price, against a search that tries every set."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.catalogued import catalogue
from vramfit.engines.known import Known
from vramfit.recommend.attempts import Attempts
from vramfit.recommend.choices import Criteria, best_choice
from vramfit.recommend.gpus import FASTER_SHARE, NO_WISHES, Offer, Price, Wishes, cheapest, owned, rented

if TYPE_CHECKING:
    from collections.abc import Sequence

MODELS = ("qwen3-8b", "llama-3.3-70b", "qwen3-30b-a3b", "gpt-oss-20b", "gemma-3-27b", "phi-4")
KEYS: tuple[dict[str, Any], ...] = (
    {"engine": "llama.cpp"},
    {"engine": "vllm", "level": "tight"},
    {"quant": "Q4_K_M"},
    {"context": 32768, "engine": "llama.cpp"},
)
WISHES = (
    Wishes(vendors=("amd",)),
    Wishes(vendors=("nvidia",), budget_usd=1500.0, max_cards=4),
    Wishes(vendors=("intel",), max_cards=4),
    Wishes(vendors=("apple",), prices={"m4-max-64gb": Price(3000.0), "m2-16gb": Price(700.0, "2026-11")}),
)


def criteria_of(keys: dict[str, Any]) -> Criteria:
    """Criteria that remember nothing yet."""
    return Criteria({"level": "fits", **keys}, 5.0, False, False, Attempts())


def every(model: Any, keys: dict[str, Any], wishes: Wishes) -> tuple[list[Offer], list[Offer]]:
    """Offers as the rule says: each set by itself, of a GPU to own the smallest, without those that a cheaper one beats."""
    rows = catalogue().gpu_rows()
    instances = () if wishes.budget_usd else catalogue().cloud_offers(0)
    found: list[list[tuple[float, Offer]]] = [[], []]
    done: set[str] = set()
    known = Known()
    trials = [*owned(rows, wishes), *rented(instances, wishes, {row.id: row.vendor for row in rows})]
    for trial in trials:
        if trial.rent is None and trial.gpu in done:
            continue
        criteria = criteria_of(keys)
        criteria.attempts.known = known  # estimates alone: what was learnt from other sets is forgotten
        choice = best_choice(model, catalogue().gpus(trial.gpu) * trial.count, criteria)
        if choice is not None:
            done.add(trial.gpu)
            name = trial.gpu if trial.count == 1 else f"{trial.count}x{trial.gpu}"
            found[trial.rent is not None].append((trial.usd, trial.offer(name, choice)))
    return undominated(found[0]), undominated(found[1])


def undominated(priced: list[tuple[float, Offer]]) -> list[Offer]:
    """Offers in the order of price, loss and speed, those left out that a cheaper one beats."""
    kept: list[Offer] = []
    for _, offer in sorted(priced, key=lambda pair: (pair[0], pair[1].choice.order, pair[1].name)):
        least = FASTER_SHARE * offer.choice.speed
        if not any(one.choice.speed >= least and one.choice.loss <= offer.choice.loss for one in kept):
            kept.append(offer)
    return kept


def summary(offers: list[Offer]) -> list[tuple[Any, ...]]:
    """What each offer is: the set, its price, and the choice on it."""
    return [
        (
            one.name,
            one.price_usd,
            one.usd_per_hour,
            one.provider,
            one.as_of,
            one.choice.speed,
            one.choice.answer.command,
        )
        for one in offers
    ]


def compared(cases: int, seed: int, wished: Sequence[Wishes]) -> tuple[list[Any], int]:
    """Cases of a draw in which the two searches differ, and the number of offers of all."""
    draw = random.Random(seed)
    different, offers = [], 0
    for _ in range(cases):
        name, keys, wishes, limit = draw.choice(MODELS), draw.choice(KEYS), draw.choice(wished), draw.choice((1, 3, 50))
        model = catalogue().model(name)
        fast = [summary(some) for some in cheapest(model, criteria_of(keys), catalogue(), limit, wishes)]
        whole = [summary(some)[:limit] for some in every(model, keys, wishes)]
        offers += sum(map(len, whole))
        if fast != whole:
            different.append((name, keys, wishes, limit, fast, whole))
    return different, offers


def test_the_cheapest_sets_are_those_of_a_whole_search() -> None:
    """Draw of models, keys and wishes."""
    different, offers = compared(4, 3, WISHES[2:])
    assert offers > 4
    assert [] == different


@pytest.mark.slow
def test_the_cheapest_sets_of_a_large_draw() -> None:
    """More of them."""
    different, offers = compared(60, 4, WISHES)
    assert offers > 100
    assert [] == different


def test_nothing_dearer_is_tried_than_the_rows_that_are_wanted() -> None:
    """Sets are tried in the order of their price: one offer of each kind takes fewer looks than fifty."""
    assert looks(1) < looks(50) / 2


def looks(limit: int) -> int:
    """Number of sets that are tried for up to so many offers of each kind."""
    seen: list[int] = []
    attempts = Attempts(lambda done, _: seen.append(done))
    criteria = Criteria({"level": "fits", "quant": "Q4_K_M"}, 5.0, False, False, attempts)
    cheapest(catalogue().model("qwen3-8b"), criteria, catalogue(), limit, NO_WISHES)
    return len(seen)
