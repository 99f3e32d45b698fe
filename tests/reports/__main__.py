"""The command: ``draw`` prints deployments, ``compare`` has two interpreters answer them."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.reports.compare import changed, full, summary
from tests.reports.differences import EXPECTED, expected_differences
from tests.reports.draw import SEED, draw
from tests.reports.listed import listed
from tests.reports.run import answers


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 when answers differ that are not listed."""
    given = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(folder) / name for name in ("before", "after")]
        pythons = [] if given.command == "draw" else [_absolute(one) for one in (given.before, given.after)]
        python = pythons[0] if pythons else sys.executable
        if given.command == "compare" and given.deployments is not None:
            lines = given.deployments.read_text(encoding="utf-8").splitlines()
            deployments = [json.loads(line) for line in lines if line]
        else:
            homes[0].mkdir()
            deployments = draw(listed(python, homes[0]), given.seed)
        deployments = deployments[: given.limit]
        if given.command == "draw":
            sys.stdout.writelines(json.dumps(one) + "\n" for one in deployments)
            return 0
        before, after = answers(pythons, deployments, homes, given.jobs)
    expected = expected_differences(given.expected)
    found = changed(deployments, before, after, expected)
    print("\n".join(summary(deployments, before, found, expected)))
    given.differences.write_text("".join(f"{line}\n" for line in full(found)), encoding="utf-8")
    if found:
        print(f"every difference is in {given.differences}")
    return 0 if all(one.listed for one in found) else 1


def _absolute(python: str) -> str:
    """The interpreter's path from anywhere; links are kept, because an environment is found by them."""
    return os.path.abspath(shutil.which(python) or python)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.reports", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw", help="print the deployments of the draw, one JSON object a line")
    comparing = commands.add_parser("compare", help="compare the answers of two installed versions")
    comparing.add_argument("before", help="Python interpreter with the version before; its catalogue is drawn from")
    comparing.add_argument("after", help="Python interpreter with the version after")
    comparing.add_argument("--jobs", type=int, default=1, help="processes at a time")
    comparing.add_argument("--deployments", type=Path, help="a file written by draw, instead of a draw")
    comparing.add_argument("--expected", type=Path, default=EXPECTED, help="the listed differences")
    where = Path(tempfile.gettempdir()) / "vramfit-report-differences.txt"
    comparing.add_argument("--differences", type=Path, default=where, help=f"where they are written ({where})")
    for command in (drawing, comparing):
        command.add_argument("--seed", type=int, default=SEED)
        command.add_argument("--limit", type=int, help="the first so many, which are spread over all strata")
    return parser


if __name__ == "__main__":
    sys.exit(main())
