"""Videos that people made in public: what ran must not exceed, what died must not fit (``public_videos.yaml``)."""

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

ROWS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("public_videos.yaml").read_text("utf-8"))
JUDGED = [row for row in ROWS if "open" not in row]
MEASURED = [row for row in ROWS if "memory_mib" in row]
OPENED = open_catalogue()


def named(row: dict[str, Any]) -> str:
    """Name of a row in test reports."""
    asked = row["deployment"]
    return f"{row['source']}, {asked['gpu']}, {asked.get('output_size')}"


def test_rows_are_many_enough_to_judge_by() -> None:
    assert len(ROWS) >= 87
    assert len(MEASURED) >= 24
    assert len(ROWS) - len(JUDGED) <= 5
    assert {row["outcome"] for row in JUDGED} == {"ran", "died"}


@pytest.mark.parametrize("row", JUDGED, ids=named)
def test_outcomes(row: dict[str, Any]) -> None:
    asked, *_ = resolve(parse_request(row["deployment"]), OPENED)

    assert (judge(asked, estimate(asked)).word in RUNS) == (row["outcome"] == "ran")


@pytest.mark.parametrize("row", MEASURED, ids=named)
def test_measured_memory_is_within_the_bounds(row: dict[str, Any]) -> None:
    asked, *_ = resolve(parse_request(row["deployment"]), OPENED)
    (gpu, *_) = estimate(asked).gpus

    assert gpu.low_bytes <= row["memory_mib"] * MIB <= gpu.high_bytes
