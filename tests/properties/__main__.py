"""The command: ``python -m tests.properties --examples N --seed S`` draws N deployments and lists every violation."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from collections import Counter
from random import Random

from tests.properties.promises import unnamed
from tests.properties.suite import INVARIANTS, Run
from vramfit.engines import names


def main() -> int:
    """Run the command; 1 where an invariant does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.properties", description=__doc__)
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--seed", default=None, help="a number or a word; drawn anew where none is given")
    parser.add_argument("--only", choices=tuple(INVARIANTS), help="one invariant alone")
    given = parser.parse_args()
    seed = given.seed or str(secrets.randbits(32))
    print(f"seed {seed}")
    run, started = Run(), time.process_time()
    for name in names() if given.only is None else ():
        run.hold("schemes", unnamed, {"engine": name}, Random(0))
    for number in range(given.examples):
        run.deployment(f"{seed} {number}", given.only)
    _print(run, time.process_time() - started)
    return 1 if run.violations else 0


def _print(run: Run, seconds: float) -> None:
    asked = ", ".join(f"{name} {count:,}" for name, count in run.asked.items())
    print(
        f"asked: {asked}; {run.asker.asked:,} deployments answered or refused ({run.asker.refused:,}), {seconds:.0f} s"
    )
    print(f"explained by an engine's source: {sum(run.explained.values()):,}")
    for kind, count in run.explained.most_common():
        print(f"  {count:,} {kind}")
    print(f"violations: {len(run.violations):,}")
    for kind, count in Counter(one.kind for one in run.violations).most_common():
        print(f"  {count:,} {kind}")
    for one in run.violations:
        print(
            json.dumps({"invariant": one.invariant, "deployment": one.raw, "changes": one.changes, "found": one.found})
        )


if __name__ == "__main__":
    sys.exit(main())
