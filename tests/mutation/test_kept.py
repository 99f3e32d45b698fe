"""Which outcomes still hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.mutation.kept import Kept
from tests.mutation.mutants import Mutant
from tests.mutation.run import Outcome

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("tests/test_room.py", "tests/test_attic.py")


def outcome(how: str, line: int, failed: str = "") -> Outcome:
    """What became of a mutant of a line."""
    mutant = Mutant("src/vramfit/room.py", (line, 0), (line, 4), "NumberReplacer", 0)
    return Outcome(mutant, how == "failed", how, 3, "area", "before", "after", "diff", failed)


KILLED = outcome("failed", 1, "tests/test_room.py::test_area[2 x 3]")
UNNAMED = outcome("failed", 2)
SURVIVED = outcome("survived", 3)


@pytest.mark.parametrize(
    ("expected", "changed"),
    [
        ([KILLED, UNNAMED, SURVIVED], "README.md"),
        ([], "src/vramfit/room.py"),
        ([KILLED, UNNAMED, SURVIVED], "src/vramfit/attic.py"),
        ([], "tests/test_room.py"),
        # Whatever another file of tests says now, that one noticed the mutant.
        ([KILLED], "tests/test_attic.py"),
    ],
)
def test_what_holds_after_a_change(expected: list[Outcome], changed: str, tmp_path: Path) -> None:
    """The mutants that were drawn, in their order."""
    for name in (*FILES, "src/vramfit/room.py", "src/vramfit/attic.py", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("as it was")
    kept = Kept(tmp_path, FILES, tmp_path)
    for one in (SURVIVED, KILLED, UNNAMED):
        kept.add(one)
    (tmp_path / changed).write_text("as it is now")

    drawn = [one.mutant for one in (KILLED, UNNAMED, SURVIVED)]
    assert Kept(tmp_path, FILES, tmp_path).outcomes(drawn) == expected
    assert Kept(tmp_path, FILES, tmp_path).outcomes([]) == []
