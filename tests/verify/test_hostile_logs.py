"""Logs whose lines are made to keep a reader busy: long runs of one thing in front of, behind and inside of what is read."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import pytest

from vramfit.errors import InputError
from vramfit.verify import marks, read
from vramfit.verify.lines import kept

LOGS = sorted((Path(__file__).parent / "logs").iterdir())
LONG = 60_000
RUNS = ("a", "9", " ", "1 ", "=1", "(a", "a.b", "'", "a: ", "| - ", "a[", "1.1", "9,", "- a1 : ", "models--")
MOST_SECONDS = 1.0
"""Processor time of a log of one line of 64 KB, of which most take a hundredth."""


def asked(text: str) -> float:
    """Processor time of reading a log, whatever is in it."""
    began = time.process_time()
    try:
        read(kept(io.BytesIO(text.encode()), marks()).lines)
    except InputError as error:
        assert error.message.startswith("no start-up lines")
    return time.process_time() - began


@pytest.mark.parametrize("run", RUNS)
def test_no_run_of_one_thing_takes_long(run: str) -> None:
    """A number of 5,000 digits took 3 s, and a word of 60,000 letters in front of "buffer size" 20 s."""
    long = (run * (LONG // len(run) + 1))[:LONG]
    every = sorted(set(marks()))
    assert len(every) > 80
    begun = RUNS.index(run) % 4  # a fourth of the words for each: all of them are some seconds
    taken = {mark: asked(f"{long}{mark}{long}\n") for mark in every[begun::4]}
    assert {mark: seconds for mark, seconds in taken.items() if seconds > MOST_SECONDS} == {}


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("number", ["9" * 5000, "0", "-1", "", "²"])
def test_every_number_of_a_log_may_be_another(path: Path, number: str) -> None:
    text = path.read_text(encoding="utf-8")
    places = list(re.finditer(r"\d+", text))
    assert places != []
    taken = [asked(text[: one.start()] + number + text[one.end() :]) for one in places[:: max(1, len(places) // 12)]]
    assert max(taken) < MOST_SECONDS
