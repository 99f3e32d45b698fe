"""vLLM and SGLang against what their servers printed when they started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue
from vramfit.units import GIB

ROWS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "measured.yaml").read_text("utf-8"))
CONTEXT = 4096
WEIGHTS_TOLERANCE = 0.005
CACHE_TOLERANCE = 0.005


def rows(key: str) -> list[Any]:
    """The rows that print ``key``, each under a name of its own."""
    return [pytest.param(row, id=f"{row['model']} {row['gpu']} {row['quant']}") for row in ROWS if key in row]


def device(row: dict[str, Any]) -> Any:
    """The first rank of a row's deployment."""
    keys = {"model": row["model"], "gpu": row["gpu"], "quant": row["quant"], "tensor_parallel": row["ranks"]}
    request = parse_request({**keys, "engine": row.get("engine", "vllm"), "context": CONTEXT})
    (deployment,) = resolve(request, open_catalogue())
    return estimate(deployment).gpus[0]


@pytest.mark.parametrize("row", rows("weights"))
def test_weights_of_a_rank(row: dict[str, Any]) -> None:
    """Loaded weights are tensors, cut and rounded up: no row is half a percent off."""
    assert row["weights"] * GIB == pytest.approx(device(row).weights_bytes, rel=WEIGHTS_TOLERANCE)


@pytest.mark.parametrize("row", rows("tokens"))
def test_cache_per_token(row: dict[str, Any]) -> None:
    """The printed memory over the printed tokens is exact but for its two decimals."""
    assert row["cache"] * GIB / row["tokens"] == pytest.approx(
        device(row).kv_cache_bytes / CONTEXT, rel=CACHE_TOLERANCE
    )
