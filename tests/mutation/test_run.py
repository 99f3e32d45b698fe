"""A mutant in a copy of a tree, against tests that notice it, that do not, and that never end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation import run
from tests.mutation.__main__ import passed, report
from tests.mutation.forks import Forks
from tests.mutation.mutants import Mutant
from tests.mutation.reach import Reach
from tests.mutation.run import Outcome, outcome, outcomes
from tests.mutation.survivors import KNOWN, Survivor, entry, reason, survivors
from tests.mutation.tree import Tree

MODULE = "src/vramfit/room.py"
SOURCE = "def area(width):\n    while width > 9:\n        width -= 1\n    return width * 2\n"
TESTS = """
from vramfit.room import area

def test_runs(): area(3)
def test_value(): assert area(3) == 6
def test_loop(): area(10)
"""


class Change(Mutant):
    """A mutant that needs no operators: the module's source with one text for another."""

    def apply(self, source: str) -> str:
        before, _, after = self.operator.partition("=>")
        assert before in source
        return source.replace(before, after)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A package of one module with three tests; what is read of this tree's own plugin is beside it."""
    for file, text in {
        MODULE: SOURCE, "src/vramfit/__init__.py": "", "checks/test_room.py": TESTS, "pyproject.toml": "",
    }.items():  # fmt: skip
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    monkeypatch.setattr(run, "START_SECONDS", 20)
    monkeypatch.setattr(run, "COLLECT_SECONDS", 0)
    (tmp_path / "tests").symlink_to(Path(__file__).parents[1])
    return Tree(tmp_path)


def reach(*names: str) -> Reach:
    """These tests reach every line, and the others of their file are known."""
    ids = {f"checks/test_room.py::{name}": 0.0 for name in ("test_runs", "test_value", "test_loop")}
    wanted = frozenset(f"checks/test_room.py::{name}" for name in names)
    return Reach(ids, {MODULE: dict.fromkeys(range(1, 5), wanted)})


@pytest.mark.parametrize(
    ("how", "tests", "change", "reached"),
    [
        ("failed", 1, "* 2=>* 3", ["test_value"]),
        # Not by those that reach it, but by another of the same file.
        ("failed", 3, "* 2=>* 3", ["test_runs"]),
        ("survived", 3, "> 9=>> 8", ["test_value"]),
        ("not reached", 0, "* 2=>* 3", []),
    ],
)
def test_what_becomes_of_a_mutant(tree: Tree, how: str, tests: int, change: str, reached: list[str]) -> None:
    """And the tree is as it was."""
    found = outcome(Change(MODULE, (4, 0), (4, 1), change, 0), tree, reach(*reached))

    assert (found.how, found.tests, found.killed) == (how, tests, how == "failed")
    assert (found.function, tree.read(MODULE)) == ("area", SOURCE)


def test_a_mutant_without_end(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "START_SECONDS", 5)
    monkeypatch.setattr(run, "COLLECT_SECONDS", 0)
    found = outcome(Change(MODULE, (3, 0), (3, 1), "-= 1=>-= 0", 0), tree, reach("test_loop"))

    assert (found.how, found.killed) == ("endless", True)
    assert (found.before, found.after) == ("width -= 1", "width -= 0")


FILES = ("checks/test_room.py",)


@pytest.mark.parametrize(
    ("answer", "change", "tests"),
    [
        (("failed", "test_value"), "* 2=>* 3", ["test_runs", "test_value"]),
        (("survived", ""), "* 2=>* 3", ["test_runs", "test_loop"]),
        (("survived", ""), "> 9=>> 8", ["test_value"]),
        (("elsewhere", ""), "def area(width)=>def area(width, height=2)", ["test_value"]),
        (("endless", "test_loop"), "-= 1=>-= 0", ["test_value", "test_loop"]),
        # A test that fails without a mutant as well tells nothing.
        (("survived", ""), "* 2=>* 3", ["test_broken", "test_runs"]),
        (("failed", "test_value"), "* 2=>* 3", ["test_broken", "test_value"]),
    ],
)
def test_answers_of_forks(tree: Tree, answer: tuple[str, str], change: str, tests: list[str]) -> None:
    """One process answers one job after another, each as if there had been none before."""
    before, _, after = change.partition("=>")
    (tree.root / FILES[0]).write_text(TESTS + "def test_broken(): assert area(3) == 7\n")
    job = (MODULE, SOURCE.replace(before, after), {f"{FILES[0]}::{name}": 3.0 for name in tests})
    how, failed = answer
    expected = (how, f"{FILES[0]}::{failed}" if failed else "")

    with Forks(tree, FILES) as forks:
        assert [forks.answer(*job), forks.answer(*job)] == [expected, expected]
    assert tree.read(MODULE) == SOURCE


def test_forks_first_then_processes(tree: Tree) -> None:
    """What forks cannot tell is met by a process of its own, after all that they can."""
    mutants = [
        Change(MODULE, (line, 0), (line, 1), change, 0)
        for line, change in enumerate(("(width):=>(width, height=9 // 0):", "* 2=>* 3", "> 9=>> 8"), 1)
    ]
    with Forks(tree, FILES) as forks:
        found = list(outcomes(mutants, [tree], reach("test_value"), [forks]))
    assert [(one.mutant.start[0], one.how, one.failed) for one in found] == [
        (2, "failed", "checks/test_room.py::test_value"),
        (3, "survived", ""),
        (1, "failed", ""),
    ]


def test_tests_that_are_not_there_are_no_survivor(tree: Tree) -> None:
    """Nothing run is nothing known."""
    gone = Reach({"checks/test_room.py::test_gone": 0.0}, {MODULE: {4: frozenset({"checks/test_room.py::test_gone"})}})
    with pytest.raises(RuntimeError, match="none of 1 tests was found"):
        outcome(Change(MODULE, (4, 0), (4, 1), "* 2=>* 3", 0), tree, gone)


def found(line: int, how: str) -> Outcome:
    """An outcome of a mutant in a line."""
    mutant = Mutant(MODULE, (line, 0), (line, 1), "NumberReplacer", 0)
    return Outcome(mutant, how == "failed", how, 1, "area", f"line {line}", "changed", "the diff")


SURVIVOR = Survivor("room.py", "area", "NumberReplacer", "line 1", "changed", "equivalent")


@pytest.mark.parametrize(
    ("expected", "alive", "killed", "known"),
    [
        (True, 0, 1, []),
        (True, 1, 9, [SURVIVOR]),
        (False, 1, 9, []),
        (False, 1, 5, [SURVIVOR]),
        (True, 3, 17, [SURVIVOR]),
        (False, 3, 16, [SURVIVOR]),
    ],
)
def test_enough_killed_and_every_survivor_listed(
    expected: bool, alive: int, killed: int, known: list[Survivor]
) -> None:
    """85 of 100 at least; a survivor is found again wherever its line went."""
    assert passed([found(1, "survived")] * alive + [found(2, "failed")] * killed, known) is expected


def test_a_survivor_is_known_by_what_it_does() -> None:
    assert reason(found(1, "survived"), [SURVIVOR]) == "equivalent"
    assert reason(found(2, "survived"), [SURVIVOR]) is None


def test_the_entry_of_a_survivor_can_be_read_back(tmp_path: Path) -> None:
    (tmp_path / "known.yaml").write_text(entry(found(1, "survived")))
    assert survivors(tmp_path / "known.yaml") == [
        Survivor("room.py", "area", "NumberReplacer", "line 1", "changed", "")
    ]


def test_the_report() -> None:
    lines = list(report([found(1, "survived"), found(2, "survived"), found(3, "failed")], [SURVIVOR]))
    assert lines == [
        f"   1 of    3 killed  {MODULE}",
        f"\nsurvived: {MODULE}:2 NumberReplacer in area",
        "the diff",
        f"NOT LISTED:\n{entry(found(2, 'survived'))}",
        f"\nsurvived: {MODULE}:1 NumberReplacer in area",
        "the diff",
        "listed: equivalent",
        "1 of 3 killed (33.3%), 2 survive, 1 of them not listed",
    ]


def test_the_known_survivors_have_reasons() -> None:
    assert [one for one in survivors(KNOWN) if not one.reason] == []
