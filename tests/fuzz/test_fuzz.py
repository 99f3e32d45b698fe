"""A small part of the fuzzing: no input raises anything but an error of ours."""

from __future__ import annotations

import os
import secrets

import pytest

from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS
from vramfit.curation.strict_yaml import Document
from vramfit.errors import VramfitError

INPUTS = 60
"""Inputs of each target."""


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_errors_of_ours(name: str) -> None:
    """Other inputs at each run; ``python -m tests.fuzz --seed`` with the seed of the message repeats them."""
    seed = os.environ.get("TEST_SEED") or str(secrets.randbits(32))
    found = run(name, TARGETS[name], seed, 0, INPUTS)
    assert found.inputs == INPUTS
    assert found.failures == [], f"seed {seed}"


@pytest.mark.parametrize("name", TARGETS)
def test_sound_inputs_are_read(name: str) -> None:
    """What is changed must be sound to begin with, or only the beginning of the reader is ever reached."""
    target = TARGETS[name]
    found = [target.read(data) for data in target.corpus()]
    assert found != []
    assert [one for one in found if not one or _is_refused(one)] == []


def _is_refused(found: object) -> bool:
    """True for what a reader returns in place of an answer: faults of a document, errors of deployments, logs of no engine."""
    if isinstance(found, Document):
        return bool(found.faults)
    if isinstance(found, VramfitError):
        return True
    if not isinstance(found, list):
        return False
    return all(one is None for one in found) or any(isinstance(one, VramfitError) for one in found)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("catalogue", b"gpus: [*a]"),
        ("deployments", b"deployments:\n- {gpu: a, nothing: 1}\n"),
        ("log", b"a line that no engine prints\n"),
    ],
)
def test_what_is_refused_within_is_noticed(name: str, data: bytes) -> None:
    assert _is_refused(TARGETS[name].read(data))
