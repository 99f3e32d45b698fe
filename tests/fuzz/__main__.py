"""The command: ``python -m tests.fuzz --inputs N [--seconds S] [--target NAME] [--seed S] [--record FILE]``."""

from __future__ import annotations

import argparse
import json
import resource
import sys
from pathlib import Path

from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Run the command; 1 where an input failed or took longer than a second."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, help="further inputs of each target")
    parser.add_argument("--seconds", type=float, default=1e9, help="processor time after which a target ends")
    parser.add_argument("--target", choices=tuple(TARGETS))
    parser.add_argument("--seed", default="1")
    parser.add_argument("--record", type=Path, default=Path(__file__).parent / "record.json")
    given = parser.parse_args()
    record = json.loads(given.record.read_text(encoding="utf-8")) if given.record.exists() else {}
    bad = False
    for name in [given.target] if given.target else TARGETS:
        known = record.setdefault(
            f"{name} {given.seed}", {"inputs": 0, "refused": 0, "early": 0, "failures": [], "slow": [], "seconds": 0}
        )
        found = run(name, TARGETS[name], given.seed, known["inputs"], given.inputs, given.seconds)
        known["inputs"] += found.inputs
        known["refused"] += found.refused
        known["early"] += found.early
        known["failures"] += found.failures
        known["slow"] += found.slow
        known["seconds"] = round(known["seconds"] + found.seconds, 1)
        # Of this process, so that one target at a time has a peak of its own.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        known["peak_mib"] = max(known.get("peak_mib", 0), peak)
        bad = bad or bool(found.failures or found.slow)
        print(
            f"{name}: {known['inputs']:,} inputs, {len(known['failures'])} failures, {known['seconds']} s, {peak} MiB"
        )
        given.record.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
