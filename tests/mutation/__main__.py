"""The command: draw mutants by a seed, run the tests that reach them, report the survivors."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mutation.forks import Forks
from tests.mutation.kept import Kept
from tests.mutation.mutants import draw, modules, mutants
from tests.mutation.reach import files_of_tests, reach
from tests.mutation.run import outcomes
from tests.mutation.survivors import entry, reason, survivors
from tests.mutation.tree import copied

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.mutation.run import Outcome
    from tests.mutation.survivors import Survivor

ROOT = Path(__file__).parent.parent.parent
LEAST_KILLED = 0.85
TESTS = ("tests/engines", "tests/memory", "tests/launch", "tests/speed", "tests/verify")
"""Tests of the rooms, and of what an engine's folder says of its command, its speed and its log.

The whole suite takes much longer.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 when too few mutants are killed, or when a survivor is not listed."""
    given = _parser().parse_args(arguments)
    start = time.monotonic()
    drawn = draw((one for file in modules(ROOT, given.module) for one in mutants(file, ROOT)), given.seed, given.count)
    if given.list:
        print("\n".join(one.label for one in drawn))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        trees = [copied(ROOT, Path(folder) / f"tree{number}") for number in range(given.jobs)]
        files = files_of_tests(ROOT, given.tests)
        reached = reach(trees[0], files, given.jobs)
        kept = Kept(ROOT, files)
        found = kept.outcomes(drawn)
        known = {one.mutant for one in found}
        print(f"{len(found)} of {len(drawn)} are known from before", flush=True)
        with contextlib.ExitStack() as stack:
            forks = [stack.enter_context(Forks(tree, files)) for tree in trees]
            for one in outcomes([one for one in drawn if one not in known], trees, reached, forks):
                found.append(one)
                kept.add(one)
                count = f"{len(found):4}/{len(drawn)}"
                print(f"{count} {one.how:11} {one.tests:5} tests  {one.mutant.label}  {one.failed}", flush=True)
    print("\n".join(report(sorted(found, key=lambda one: one.mutant), survivors())))
    print(f"{time.monotonic() - start:.0f} s")
    return 0 if passed(found, survivors()) else 1


def report(found: Sequence[Outcome], known: Sequence[Survivor]) -> Iterator[str]:
    """Lines for people: killed of each module, then the survivors, those first that are not listed."""
    killed, all_of = Counter[str](), Counter[str]()
    for one in found:
        all_of[one.mutant.module] += 1
        killed[one.mutant.module] += one.killed
    yield from (f"{killed[module]:4} of {count:4} killed  {module}" for module, count in sorted(all_of.items()))
    alive = [(one, reason(one, known)) for one in found if not one.killed]
    for one, why in sorted(alive, key=lambda pair: pair[1] is not None):
        yield f"\n{one.how}: {one.mutant.label} in {one.function or 'the module'}"
        yield one.diff
        yield f"listed: {why}" if why is not None else f"NOT LISTED:\n{entry(one)}"
    unlisted = sum(why is None for _, why in alive)
    share = sum(killed.values()) / len(found) if found else 0
    yield f"{sum(killed.values())} of {len(found)} killed ({share:.1%}), {len(alive)} survive, {unlisted} of them not listed"


def passed(found: Sequence[Outcome], known: Sequence[Survivor]) -> bool:
    """Whether enough are killed and every survivor is listed."""
    alive = [one for one in found if not one.killed]
    enough = len(alive) <= (1 - LEAST_KILLED) * len(found)
    return enough and all(reason(one, known) is not None for one in alive)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200, help="mutants drawn (200)")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time (1)")
    parser.add_argument("--module", default="", help="draw from modules whose path contains this")
    parser.add_argument("--tests", nargs="+", default=TESTS, metavar="FOLDER", help=f"their tests ({' '.join(TESTS)})")
    parser.add_argument("--list", action="store_true", help="print what is drawn, and run nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
