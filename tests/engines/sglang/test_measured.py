"""The pool of SGLang against what servers printed when they started."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from vramfit.answer import answer
from vramfit.engines import engine
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue

ROWS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "measured.yaml").read_text("utf-8"))
TOLERANCE = 0.04
MEDIAN_TOLERANCE = 0.016
OWN = ("max_batched_tokens", "engine_version")


def error(row: dict[str, Any]) -> float:
    """Relative error of the tokens of a row's cache."""
    keys = {"model": row["model"], "gpu": row["gpu"], "quant": row["quant"], "context": 32768, "images": 0}
    keys.update({key: row[key] for key in OWN if key in row})
    if "share" in row:
        keys["gpu_memory_utilization"] = row["share"]
    (deployment,) = resolve(parse_request({**keys, "engine": "sglang"}), open_catalogue())
    found = answer(deployment)
    serving = engine("sglang").serving(deployment, found.estimate, found.verdict.usable_bytes)
    assert serving is not None
    return serving.cache_tokens / int(row["tokens"]) - 1


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']} {row['gpu']}")
def test_tokens_of_the_pool(row: dict[str, Any]) -> None:
    """Every part counts: weights, the share, what was free, and the bytes of a token."""
    assert abs(error(row)) < TOLERANCE


def test_half_of_the_logs_are_closer() -> None:
    """Nothing leans: the errors are small, and of both signs."""
    errors = [error(row) for row in ROWS]
    assert median(map(abs, errors)) < MEDIAN_TOLERANCE
    assert min(errors) < 0 < max(errors)
