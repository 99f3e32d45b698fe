"""Deployments on local engines that people reported: what ran must not exceed, what died must not fit (``reported.yaml``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue
from vramfit.units import MIB
from vramfit.verdict import RUNS, judge

ROWS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("reported.yaml").read_text("utf-8"))
MEASURED = [row for row in ROWS if "memory_mib" in row]


def named(row: dict[str, Any]) -> str:
    """Name of a row in test reports."""
    asked = row["deployment"]
    return f"{row['source']}, {asked['gpu']}, {asked.get('context')}"


def test_rows_are_many_enough_to_judge_by() -> None:
    assert len(ROWS) >= 25
    assert len(MEASURED) >= 6
    assert {row["outcome"] for row in ROWS} == {"ran", "died"}


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_outcomes(row: dict[str, Any]) -> None:
    asked, *_ = resolve(parse_request(row["deployment"]), open_catalogue())

    assert (judge(asked, estimate(asked)).word in RUNS) == (row["outcome"] == "ran")


@pytest.mark.parametrize("row", MEASURED, ids=named)
def test_measured_memory(row: dict[str, Any]) -> None:
    asked, *_ = resolve(parse_request(row["deployment"]), open_catalogue())
    total = sum(gpu.total_bytes for gpu in estimate(asked).gpus)

    assert total == pytest.approx(row["memory_mib"] * MIB, rel=row["within"])
