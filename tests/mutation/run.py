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

    from tests.mutation.forks import Forks
    from tests.mutation.mutants import Mutant
    from tests.mutation.reach import Reach
    from tests.mutation.tree import Tree

FIRST_SECONDS = 30
"""Tests a mutant meets at first, the quickest, by the time they take without one."""
ALL_SECONDS = 60
"""Tests it meets at most, after those."""
SLOWER, START_SECONDS = 4, 20
"""How much longer than recorded a test may take before it counts as endless."""
COLLECT_SECONDS = 180
"""What a process of its own may take besides, to collect the tests of many files."""
KILLED = ("failed", "endless")
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
    failed: str = ""
    """Test that noticed it, where that is known."""


def outcome(mutant: Mutant, tree: Tree, reach: Reach, forks: Forks | None = None) -> Outcome:
    """Run the tests that reach the mutant, then, if it is still there, all the tests of their files.

    The second time is for what a test does not execute, because an earlier one already had it worked out and kept. With
    ``forks`` what they cannot tell ends as ``elsewhere``; without, it is met by a process.
    """
    source = tree.read(mutant.module)
    changed = mutant.apply(source)
    tests = reach.tests(mutant, source)
    first = _within(tests, reach, FIRST_SECONDS)
    rest = _within([*tests[len(first) :], *_beside(tests, reach)], reach, ALL_SECONDS)
    how, met, failed = "not reached", len(first), ""
    if tests and forks is not None:
        met += len(rest)
        limits = {name: _limit([name], reach) for name in (*first, *rest)}
        how, failed = forks.answer(mutant.module, changed, limits)
    elif tests:
        with tree.changed(mutant.module, changed):
            how = _run(first, tree, reach)
            if how == "survived" and rest:
                how, met = _run(rest, tree, reach), met + len(rest)
    lines = difflib.unified_diff(source.splitlines(), changed.splitlines(), mutant.module, "mutant", lineterm="", n=1)
    where = function_at(source, mutant.start[0])
    before, after = changed_lines(source, changed)
    return Outcome(mutant, how in KILLED, how, met, where, before, after, "\n".join(lines), failed)


def outcomes(
    mutants: Sequence[Mutant], trees: Sequence[Tree], reach: Reach, forks: Sequence[Forks]
) -> Iterator[Outcome]:
    """Outcomes as they are known, one job for each tree at a time: in forks, then in processes what those cannot tell."""
    left = []
    for one in _outcomes(mutants, trees, reach, forks):
        if one.how == "elsewhere":
            left.append(one.mutant)
        else:
            yield one
    yield from _outcomes(left, trees, reach, [None] * len(trees))


def _outcomes(
    mutants: Sequence[Mutant], trees: Sequence[Tree], reach: Reach, forks: Sequence[Forks | None]
) -> Iterator[Outcome]:
    from concurrent.futures import ThreadPoolExecutor, as_completed

    free: SimpleQueue[tuple[Tree, Forks | None]] = SimpleQueue()
    for pair in zip(trees, forks, strict=True):
        free.put(pair)

    def one(mutant: Mutant) -> Outcome:
        tree, fork = free.get()
        try:
            return outcome(mutant, tree, reach, fork)
        finally:
            free.put((tree, fork))

    with ThreadPoolExecutor(len(trees)) as pool:
        for done in as_completed([pool.submit(one, mutant) for mutant in mutants]):
            yield done.result()


def _beside(tests: Sequence[str], reach: Reach) -> list[str]:
    """Other tests of the same files, the quickest first."""
    files = {name.partition("::")[0] for name in tests}
    others = set(reach.seconds) - set(tests)
    return sorted((name for name in others if name.partition("::")[0] in files), key=lambda name: reach.seconds[name])


def _limit(tests: Sequence[str], reach: Reach) -> float:
    return START_SECONDS + SLOWER * sum(reach.seconds[name] for name in tests)


def _run(tests: Sequence[str], tree: Tree, reach: Reach) -> str:
    files = sorted({name.partition("::")[0] for name in tests})
    limit = COLLECT_SECONDS + _limit(tests, reach)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        Path(file.name).write_text("\n".join(tests), encoding="utf-8")
        arguments = ["-x", "-p", "tests.mutation.selected", *files]
        code = pytest_process(tree, arguments, {TESTS: file.name}, limit)
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
