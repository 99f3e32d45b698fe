"""One mutant after another put into a copy of the tree and held against the tests that reach it."""

from __future__ import annotations

import difflib
import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from tests.mutation.mutants import changed_lines, function_at
from tests.mutation.selected import TESTS
from tests.mutation.tree import pytest_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.mutation.mutants import Mutant
    from tests.mutation.reach import Reach
    from tests.mutation.tree import Tree

FIRST_SECONDS = 60
"""Tests a mutant meets at first, the quickest, by the time they take without one."""
ALL_SECONDS = 150
"""Tests it meets at most."""
SLOWER, START_SECONDS = 6, 60
"""How much longer than recorded a run may take before it counts as endless."""
NOTHING_RUN = 5
"""Exit code of pytest when no test was run."""


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant."""

    mutant: Mutant
    killed: bool
    how: str
    """``failed``, ``endless``, ``survived`` or ``not reached``."""
    tests: int
    """Tests it met."""
    function: str
    """Where it is: dotted name of the function or class, empty at the top of the module."""
    before: str
    """Source of the changed lines."""
    after: str
    """Their source with the fault."""
    diff: str


def outcome(mutant: Mutant, tree: Tree, reach: Reach) -> Outcome:
    """Run the tests that reach the mutant, then, if it is still there, all the tests of their files.

    The second time is for what a test does not execute, because an earlier one already had it worked out and kept.
    """
    source = tree.read(mutant.module)
    changed = mutant.apply(source)
    tests = reach.tests(mutant, source)
    files = {name.partition("::")[0] for name in tests}
    beside = sorted(
        (name for name in reach.seconds if name.partition("::")[0] in files), key=lambda name: reach.seconds[name]
    )
    how, met = "not reached", 0
    if tests:
        first = _within(tests, reach, FIRST_SECONDS)
        rest = _within([*tests[len(first) :], *[name for name in beside if name not in set(tests)]], reach, ALL_SECONDS)
        with tree.changed(mutant.module, changed):
            for part in (first, rest):
                met += len(part)
                how = _run(part, tree, reach) if part else how
                if how != "survived":
                    break
    lines = difflib.unified_diff(source.splitlines(), changed.splitlines(), mutant.module, "mutant", lineterm="", n=1)
    where = function_at(source, mutant.start[0])
    return Outcome(
        mutant, how in ("failed", "endless"), how, met, where, *changed_lines(source, changed), "\n".join(lines)
    )


def outcomes(mutants: Sequence[Mutant], trees: Sequence[Tree], reach: Reach) -> Iterator[Outcome]:
    """Outcomes as they are known, one process for each tree at a time."""
    from concurrent.futures import ThreadPoolExecutor, as_completed

    free: SimpleQueue[Tree] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def one(mutant: Mutant) -> Outcome:
        tree = free.get()
        try:
            return outcome(mutant, tree, reach)
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(trees)) as pool:
        for done in as_completed([pool.submit(one, mutant) for mutant in mutants]):
            yield done.result()


def _run(tests: Sequence[str], tree: Tree, reach: Reach) -> str:
    files = sorted({name.partition("::")[0] for name in tests})
    limit = START_SECONDS + SLOWER * sum(reach.seconds[name] for name in tests)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        Path(file.name).write_text("\n".join(tests), encoding="utf-8")
        code = pytest_process(tree, ["-x", "-p", "tests.mutation.selected", *files], {TESTS: file.name}, limit)
    if code is None:
        return "endless"
    if code == NOTHING_RUN:
        raise RuntimeError(f"none of {len(tests)} tests was found")
    return "failed" if code else "survived"


def _within(tests: Sequence[str], reach: Reach, seconds: float) -> list[str]:
    """The first tests that together take no longer, and one at least."""
    sums = itertools.accumulate(reach.seconds[name] for name in tests)
    return [
        name for number, (name, total) in enumerate(zip(tests, sums, strict=True)) if not number or total <= seconds
    ]
