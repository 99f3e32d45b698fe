"""A small part of the fuzzing: no input raises anything but an error of ours."""

from __future__ import annotations

import secrets

import pytest

from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS

INPUTS = 60
"""Inputs of each target."""


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_errors_of_ours(name: str) -> None:
    """Other inputs at each run; ``python -m tests.fuzz --seed`` with the seed of the message repeats them."""
    seed = str(secrets.randbits(32))
    found = run(name, TARGETS[name], seed, 0, INPUTS)
    assert found.inputs == INPUTS
    assert found.failures == [], f"seed {seed}"


@pytest.mark.parametrize("name", TARGETS)
def test_sound_inputs_are_read(name: str) -> None:
    """What is changed must be sound to begin with, or only its beginning is ever reached."""
    corpus = TARGETS[name].corpus()
    assert corpus
    assert run(name, TARGETS[name], "sound", 0, 0).inputs == 0
