"""Which tests a mutant meets."""

from __future__ import annotations

import pytest

from tests.mutation.mutants import Mutant
from tests.mutation.reach import Reach

MODULE = "src/vramfit/memory/room.py"
SOURCE = """\
SMALL = 1
LARGE = SMALL * 2
ALONE = 3

def low(x):
    return x + SMALL

def high(x):
    if x > 2:
        return LARGE
    return low(
        x,
    )
"""
REACH = Reach(
    {"slow": 2.0, "quick": 0.1, "other": 1.0},
    {
        MODULE: {
            6: frozenset({"slow", "quick"}),
            9: frozenset({"slow"}),
            10: frozenset({"other"}),
            11: frozenset({"slow"}),
        }
    },
)


@pytest.mark.parametrize(
    ("expected", "lines"),
    [
        (["quick", "slow"], (6, 6)),
        (["slow"], (9, 9)),
        (["slow"], (11, 12)),
        # Constants count where they are read, by way of other constants.
        (["quick", "other", "slow"], (1, 1)),
        (["other"], (2, 2)),
        # One that is read elsewhere: wherever its module is.
        (["quick", "other", "slow"], (3, 3)),
        (["quick", "other", "slow"], (5, 5)),
    ],
)
def test_tests_of_a_mutant(expected: list[str], lines: tuple[int, int]) -> None:
    """The quickest first."""
    mutant = Mutant(MODULE, (lines[0], 0), (lines[1], 1), "NumberReplacer", 0)
    assert REACH.tests(mutant, SOURCE) == expected


def test_a_module_no_test_executes() -> None:
    assert REACH.tests(Mutant("src/vramfit/memory/attic.py", (6, 0), (6, 1), "NumberReplacer", 0), SOURCE) == []
