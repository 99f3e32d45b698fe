"""One deployment put through the estimator and judged."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import Catalogue
from vramfit.answer import Answer, answer
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.units import GIB


def answered(**request: Any) -> Answer:
    """Llama 2 13B in int8 on an RTX 4090 unless the request says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-2-13b", "quant": "int8", **request}
    return answer(resolve(parse_request(raw), Catalogue())[0])


def test_required_bytes_are_the_gpus_together() -> None:
    """Host memory is not in it."""
    found = answered(gpu="2xrtx3060-12gb", gpu_layers=30)
    assert sum(gpu.total_bytes for gpu in found.estimate.gpus) == found.required_bytes
    assert found.estimate.host.total_bytes > 0


def test_margin_at_each_level() -> None:
    """``tight`` asks for the expected need, ``fits`` for the high one."""
    tight, fits = answered(), answered(level="fits")
    assert tight.verdict.headroom_bytes == tight.margin_bytes
    high = fits.estimate.gpus[0].high_bytes
    assert fits.verdict.usable_bytes[0] - high == fits.margin_bytes < tight.margin_bytes


def test_margin_counts_the_host_where_it_is_known() -> None:
    """Too little RAM misses the level as surely as too little VRAM."""
    found = answered(gpu_layers=1, ram="1GiB")
    assert GIB - found.estimate.host.total_bytes == found.margin_bytes
    assert not found.reached


@pytest.mark.parametrize(
    "request_",
    [
        {}, {"level": "fits"}, {"quant": "fp16"}, {"gpu": "rtx3060-12gb"}, {"gpu": "rtx3060-12gb", "quant": "nf4"},
        {"gpu": "rtx3060-12gb", "quant": "nf4", "level": "fits"}, {"gpu": "2xrtx3060-12gb"}, {"reserve": "8GiB"},
    ],
)  # fmt: skip
def test_the_level_is_reached_where_the_margin_is_not_negative(request_: dict[str, Any]) -> None:
    """Two ways to say the same: the searches use the margin, the report the verdict."""
    found = answered(**request_)
    assert found.reached == (found.margin_bytes >= 0)
