"""What drivers counted while llama.cpp ran lies between low and high: the calibration of the overhead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engines.llamacpp.asking import estimated
from vramfit.sources import open_catalogue
from vramfit.units import MIB

ROWS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("driver_totals.yaml").read_text(encoding="utf-8"))
NAMED = {row["name"]: row for row in ROWS}


def inside(row: dict[str, Any]) -> list[bool]:
    """For each GPU of a run, whether the driver's figure is in the interval."""
    asked = {"platform": "linux", **row["deployment"]}
    cards = open_catalogue().gpus(asked.pop("gpu"))
    if cards[0].vendor == "apple":
        asked["platform"] = "macos"
    asked["flash_attention"] = asked.get("flash_attention", "on") == "on"
    asked["kv_cache_type_v"] = asked.get("kv_cache_type", "f16")
    found = estimated(asked.pop("model"), asked.pop("quant"), cards, **asked)
    return [gpu.low_bytes <= mib * MIB <= gpu.high_bytes for gpu, mib in zip(found.gpus, row["mib"], strict=True)]


@pytest.mark.parametrize("name", NAMED)
def test_the_interval_holds_it(name: str) -> None:
    row = NAMED[name]
    assert row["source"]
    assert all(inside(row))


def test_nine_in_ten_of_the_whole_logs() -> None:
    """What the report promises of ``low`` and ``high``, over the runs whose every buffer is known."""
    told = [found for row in ROWS if row["grade"] == "A" for found in inside(row)]
    assert len(told) >= 5
    assert sum(told) >= 0.9 * len(told)
