"""Which tests a mutant meets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.mutation.mutants import Mutant
from tests.mutation.reach import Reach, imports

if TYPE_CHECKING:
    from pathlib import Path

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
    {"src/vramfit/memory/constants.py": [(MODULE, 9), (MODULE, 10), (MODULE, 1)], MODULE: [(MODULE, 6)]},
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


def test_a_module_of_constants_alone() -> None:
    """Is executed where it is imported."""
    mutant = Mutant("src/vramfit/memory/constants.py", (1, 0), (1, 1), "NumberReplacer", 0)
    assert REACH.tests(mutant, "LIMIT = 3\n") == ["other", "slow"]


def test_lines_that_import(tmp_path: Path) -> None:
    """Inside functions too, by the module's path."""
    room = tmp_path / "src" / "vramfit" / "engines"
    room.mkdir(parents=True)
    (room / "one.py").write_text("from vramfit.engines.two import A\n\ndef f():\n    from vramfit.units import MIB\n")
    (room / "two.py").write_text("import os\nA = 1\n")
    one = "src/vramfit/engines/one.py"
    assert imports(tmp_path) == {"src/vramfit/engines/two.py": [(one, 1)], "src/vramfit/units.py": [(one, 4)]}


def test_a_module_no_test_executes() -> None:
    assert REACH.tests(Mutant("src/vramfit/memory/attic.py", (6, 0), (6, 1), "NumberReplacer", 0), SOURCE) == []
