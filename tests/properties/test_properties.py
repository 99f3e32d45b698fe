"""Invariants of drawn deployments: a part of the long run, drawn anew each time, with the seed in the message of a failure."""

from __future__ import annotations

import os
import secrets

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from tests.properties.asked import rows
from tests.properties.drawn import drawn
from tests.properties.promises import Tally, unnamed
from tests.properties.recommended import asked
from tests.properties.suite import INVARIANTS, Run
from vramfit.engines import names

SEED = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
"""Seed of this run; TEST_SEED repeats one."""
EXAMPLES = {
    "monotone": 150, "sums": 60, "shares": 60, "limits": 60, "echo": 60, "spelling": 60, "terms": 40, "commands": 60,
    "speeds": 30, "remedies": 12, "recommendations": 3,
}  # fmt: skip
"""Deployments drawn for each invariant."""


def test_every_invariant_is_drawn_for() -> None:
    assert INVARIANTS.keys() == EXAMPLES.keys()


@pytest.mark.parametrize("name", INVARIANTS)
def test_holds_of_whatever_is_drawn(name: str) -> None:
    """Hypothesis shrinks what breaks it; the long run lists all that does."""

    @seed(SEED)
    @settings(derandomize=False, max_examples=EXAMPLES[name], deadline=None)
    @given(st.randoms(use_true_random=False))
    def holds(rng: st.random.Random) -> None:  # type: ignore[name-defined]
        run = Run()
        run.hold(name, INVARIANTS[name][0], drawn(rng), rng)
        assert run.violations == [], f"repeat with TEST_SEED={SEED}"

    holds()


@pytest.mark.parametrize("engine", names())
def test_every_scheme_can_be_asked_for_by_its_name(engine: str) -> None:
    run = Run()
    run.hold("schemes", unnamed, {"engine": engine}, secrets.SystemRandom())
    assert run.asker.asked == len(rows().quants_of(engine)) > 0
    assert run.violations == []


def test_what_is_offered_is_as_promised() -> None:
    """A small part of ``python -m tests.properties.recommended``."""
    tally = Tally()
    assert asked(str(SEED), 2, tally) == [], f"repeat with TEST_SEED={SEED}"
    assert tally.remedied == 2
    assert tally.remedies >= 2
