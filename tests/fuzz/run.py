"""One run of a target over changed inputs."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from vramfit.errors import VramfitError
from vramfit.launch.mask import one_line

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

SLOW_SECONDS = 1.0
"""Processor time of one input from which it counts as a hang."""


@dataclass
class Outcome:
    """What became of the inputs of a run."""

    inputs: int = 0
    refused: int = 0
    early: int = 0
    """Inputs of the refused ones that the reader's first check ended."""
    failures: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run(name: str, target: Target, seed: str, first: int, count: int, seconds: float = 1e9) -> Outcome:
    """Give the target so many inputs, from number ``first`` on; an input follows from seed, target and number alone.

    After ``seconds`` of processor time the run ends, whatever is left of the count.
    """
    found, early = Outcome(), re.compile(target.early)
    started = ended = time.process_time()
    for number in range(first, first + count):
        data, began = target.draw(Random(f"{seed} {name} {number}")), ended
        try:
            target.read(data)
        except VramfitError as error:
            found.refused += 1
            found.early += early.search(error.message) is not None
            if not one_line(error.message).isprintable():
                found.failures.append(f"{number}: raw control characters in an error: {error.message!r}"[:300])
        except Exception as error:  # whatever it is, it is the finding
            found.failures.append(f"{number}: {type(error).__name__}: {error}"[:300])
        ended = time.process_time()
        if ended - began > SLOW_SECONDS:
            found.slow.append(str(number))
        found.inputs += 1
        if ended - started > seconds:
            break
    found.seconds = ended - started
    return found
