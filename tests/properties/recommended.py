"""The command: ``python -m tests.properties.recommended --seed S --examples N`` asks for recommendations and remedies.

Cards, models and engines are drawn: N recommendations, and N deployments with remedies. Whatever is recommended or offered is
asked afresh: it must start, fit as promised, and need what was promised.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from random import Random
from typing import TYPE_CHECKING

from tests.properties.asked import Asker
from tests.properties.drawn import drawn
from tests.properties.promises import Tally, unasked, unkept

if TYPE_CHECKING:
    from tests.properties.asked import Violation


def asked(seed: str, count: int, tally: Tally) -> list[Violation]:
    """Violations of as many recommendations, and of the remedies of as many deployments that have some."""
    asker = Asker()
    found: list[Violation] = []
    for number in range(count):
        rng = Random(f"{seed} {number}")
        found += unasked(drawn(rng), asker, rng, tally)
    number = 0
    while tally.remedied < count:
        rng = Random(f"{seed} remedy {number}")
        found += unkept(drawn(rng), asker, rng, tally)
        number += 1
    return found


def main() -> int:
    """Run the command; 1 where something offered does not start or is not as promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.properties.recommended", description=__doc__)
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--seed", default=None, help="a number or a word; drawn anew where none is given")
    given = parser.parse_args()
    seed, tally, started = given.seed or str(secrets.randbits(32)), Tally(), time.process_time()
    violations = asked(seed, given.examples, tally)
    print(
        f"seed {seed}: {given.examples:,} recommendations ({tally.refused:,} refused) with {tally.rows:,} rows;"
        f" {tally.remedied:,} deployments with {tally.remedies:,} remedies; {len(violations):,} violations,"
        f" {time.process_time() - started:.0f} s"
    )
    for one in violations:
        print(
            json.dumps({"invariant": one.invariant, "deployment": one.raw, "changes": one.changes, "found": one.found})
        )
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
