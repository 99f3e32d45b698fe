"""A small part of the fuzzing: no input raises anything but an error of ours."""

from __future__ import annotations

import os
import re
import secrets
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS
from vramfit.errors import VramfitError

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

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
    found = [data for data in target.corpus() if is_read(target, data)]
    assert found != []
    assert [
        data for data in target.corpus() if data not in found and not re.search(UNREAD[name], message(target, data))
    ] == []


UNREAD = {
    **dict.fromkeys(TARGETS, "(?!)"),
    "command": "is not modelled|no engine is known|is no script of a trainer",
}
"""Messages of sound inputs that are refused for what they ask: commands of people start what is not estimated too."""


def is_read(target: Target, data: bytes) -> bool:
    return message(target, data) == ""


def message(target: Target, data: bytes) -> str:
    try:
        target.read(data)
    except VramfitError as error:
        return error.message
    return ""


SHARES = {
    "arguments": (0.4, 0.5), "deployments": (0.4, 0.7), "catalogue": (0.2, 0.5), "command": (0.3, 0.6), "manifest": (0.3, 0.5),
    "log": (0.6, 0.6), "gguf": (0.3, 0.8), "safetensors": (0.5, 0.8), "config": (0.7, 0.8),
}  # fmt: skip
"""Least shares of the inputs of a target that are read whole, and that pass the first check."""


@pytest.mark.parametrize("name", TARGETS)
def test_most_inputs_pass_the_first_check(name: str) -> None:
    """An input that is refused at once tries little; the same inputs each time, because a share varies."""
    found = run(name, TARGETS[name], "shares", 0, 300)
    whole, passed = SHARES[name]
    assert found.failures == []
    assert 1 - found.refused / found.inputs > whole
    assert 1 - found.early / found.inputs > passed


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("catalogue", b"gpus: [*a]"),
        ("deployments", b"deployments:\n- {gpu: a, nothing: 1}\n"),
        ("log", b"a line that no engine prints\n"),
        ("arguments", b"check\n--nothing"),
    ],
)
def test_what_is_refused_within_is_noticed(name: str, data: bytes) -> None:
    assert not is_read(TARGETS[name], data)


def test_an_input_follows_from_seed_and_number_alone() -> None:
    """A failure is repeated by its number, whatever was drawn before it."""

    def drawn() -> list[bytes]:
        return [target.draw(Random(f"again {number}")) for target in TARGETS.values() for number in range(30)]

    assert drawn() == drawn()
