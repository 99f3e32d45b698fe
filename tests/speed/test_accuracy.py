"""The speeds the program answers, held against measured runs: ``measured.yaml`` through resolving and estimating.

``python -m tests.speed.fit`` prints the same figures group by group, and with ``cross`` those of rows that were left
out of the fit.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.command import environment
from tests.speed.rows import FILE, Row, deployed, rows
from vramfit import engines
from vramfit.speed import Rate, throughput

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Answered:
    """A row and what the program says."""

    row: Row
    rate: Rate

    @property
    def error(self) -> float:
        return abs(self.rate.expected / self.row.measured - 1)

    @property
    def inside(self) -> bool:
        return self.rate.low <= self.row.measured <= self.rate.high


@pytest.fixture(scope="module")
def answers() -> list[Answered]:
    """Every row of an engine that is modelled."""
    found = []
    for row in rows():
        if not row.answerable:
            continue
        speed = throughput(*deployed(row, row.prompt))
        rate = None if speed is None else speed.decode if row.phase == "decode" else speed.prefill
        assert rate is not None, f"no speed for {row}"
        if row.phase == "prefill" and row.depth:
            # The tokens after others: the whole prompt less the time of those.
            before = throughput(*deployed(row, row.depth))
            assert before is not None
            assert before.prefill is not None
            taken = row.prompt / rate.expected - row.depth / before.prefill.expected
            factor = row.tokens / taken / rate.expected
            rate = Rate(rate.low * factor, rate.expected * factor, rate.high * factor)
        found.append(Answered(row, rate))
    return found


def ninety(errors: list[float]) -> float:
    """The 90th percentile."""
    return sorted(errors)[math.ceil(0.9 * len(errors)) - 1]


def test_decode(answers: list[Answered]) -> None:
    """Median within 8 %, nine of ten within 30 %, 85 % inside the interval; single-board computers are among them."""
    found = [each for each in answers if each.row.phase == "decode" and not each.row.offloaded]
    errors = [each.error for each in found]
    assert len(found) > 350
    assert statistics.median(errors) <= 0.08
    assert ninety(errors) <= 0.30
    assert sum(each.inside for each in found) >= 0.85 * len(found)


def test_prefill(answers: list[Answered]) -> None:
    """Median within 25 %."""
    found = [each for each in answers if each.row.phase == "prefill"]
    assert len(found) > 230
    assert statistics.median([each.error for each in found]) <= 0.25
    assert sum(each.inside for each in found) >= 0.80 * len(found)


def test_partial_offload(answers: list[Answered]) -> None:
    """Median within 12 % where the RAM's bandwidth was measured; where it was not, the interval still says something."""
    found = [each for each in answers if each.row.phase == "decode" and each.row.offloaded]
    stated = [each for each in found if "ram_bandwidth" in dict(each.row.keys)]
    assert len(stated) >= 10
    assert statistics.median([each.error for each in stated]) <= 0.12
    assert sum(each.inside for each in found) >= 0.7 * len(found)


def test_no_group_is_far_off(answers: list[Answered]) -> None:
    """Each engine with ten rows, with one card and with several: the whole must not hide a part."""
    groups: dict[tuple[str, str, bool], list[float]] = defaultdict(list)
    for each in answers:
        if not each.row.offloaded and not each.row.host:
            groups[each.row.phase, each.row.engine, each.row.cards > 1].append(
                math.log(each.rate.expected / each.row.measured)
            )
    large = {name: errors for name, errors in groups.items() if len(errors) >= 10}
    assert large
    for name, errors in large.items():
        assert abs(statistics.median(errors)) < 0.1, name
        assert statistics.median(map(abs, errors)) < 0.2, name


def test_every_row_is_answered_or_named() -> None:
    """The engine of every row is modelled; the left-out rows have a reason."""
    assert {row.engine for row in rows()} <= set(engines.names())
    assert all(
        left["because"] and left["rows"] for left in yaml.safe_load(FILE.read_text(encoding="utf-8"))["left_out"]
    )


def test_the_command_answers_the_same(answers: list[Answered], tmp_path: Path) -> None:
    """Every fortieth row as a user would ask it, in one file."""
    chosen = [each for each in answers if not each.row.depth][::40]
    asked = [{**each.row.request(each.row.prompt), "name": str(n)} for n, each in enumerate(chosen)]
    path = tmp_path / "rows.yaml"
    path.write_text(yaml.safe_dump({"deployments": asked}), encoding="utf-8")
    command = [sys.executable, "-m", "vramfit", "check", "--file", str(path), "--format", "ndjson"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(chosen), done.stderr
    for each, estimate in zip(chosen, told, strict=True):
        rate = estimate["throughput"][f"{each.row.phase}_tokens_per_second"]
        assert rate == {"low": each.rate.low, "expected": each.rate.expected, "high": each.rate.high}
