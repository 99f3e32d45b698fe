"""Logs that the tests of ``verify`` compare, and what they give."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.command import Ran, vramfit
from vramfit.sources import open_catalogue
from vramfit.verify import Verified, marks, verify
from vramfit.verify.lines import kept

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
LOGS: list[dict[str, Any]] = yaml.safe_load((HERE / "logs.yaml").read_text("utf-8"))


def ran(row: Mapping[str, Any], *further: str) -> Ran:
    """``vramfit verify`` on a log of ``logs.yaml``, with its arguments."""
    return vramfit("verify", str(HERE / "logs" / f"{row['log']}.log"), *row["arguments"], *further)


def expected(row: Mapping[str, Any]) -> Path:
    """File with the whole output for a log."""
    return HERE / "expected" / f"{row['log']}.txt"


def table(row: Mapping[str, Any]) -> Ran:
    """The table for a log, as on a terminal."""
    return ran(row, "--format", "table")


def lines(text: str | bytes) -> tuple[str, ...]:
    """Lines that are kept of a log."""
    return kept(io.BytesIO(text.encode() if isinstance(text, str) else text), marks()).lines


def verified(text: str, **given: Any) -> Verified:
    """A log of these lines, compared."""
    return verify(lines(text), given, open_catalogue())


if __name__ == "__main__":  # python -m tests.verify.asking writes the outputs of today
    for one in LOGS:
        answer = table(one)
        sys.stdout.write(f"{answer.code} {one['log']}\n")
        expected(one).write_text(answer.out, encoding="utf-8")
