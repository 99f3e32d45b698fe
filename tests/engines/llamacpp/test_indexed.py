"""Indexers of llama.cpp's graph: tensors for each pair of token and cell, of the one architecture that selects cells so."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue
from vramfit.units import MIB


def compute_bytes(**request: Any) -> int:
    """Bytes of the compute buffer of one large card."""
    raw = {"gpu": "custom:400GiB@1000GB/s", "engine": "llama.cpp", "quant": "Q8_0", "images": 0, **request}
    (gpu,) = estimate(resolve(parse_request(raw), open_catalogue())[0]).gpus
    return gpu.compute_bytes


@pytest.mark.parametrize("ubatch", [256, 512, 2048])
def test_tensors_of_cells_grow_with_both(ubatch: int) -> None:
    """Scores spread over the cells, their copy and the mask as floats are 4 B for each pair of token and cell."""
    short, long = (compute_bytes(model="qwen3.8-flash-next", context=n, ubatch=ubatch) for n in (131_072, 262_144))

    assert 12 * ubatch * 131_072 <= long - short <= 15 * ubatch * 131_072


@pytest.mark.parametrize("model", ["minimax-m3", "qwen3.5-35b-a3b"])
def test_other_architectures_have_the_mask_alone(model: str) -> None:
    short, long = (compute_bytes(model=model, context=n) for n in (65_536, 131_072))

    assert long - short <= 3 * 512 * 65_536


def test_one_layer_needs_as_much_as_all() -> None:
    """ggml-org/llama.cpp issue 27953: 1,164 MiB with 65,536 cells and all layers in RAM, where weights are copied."""
    raw = {"model": "qwen3.8-flash-next", "context": 65_536}

    assert 0.85 * 1164 * MIB < compute_bytes(**raw, gpu_layers=1) < 1.05 * 1164 * MIB
    assert compute_bytes(**raw, gpu_layers=1) == compute_bytes(**raw, gpu_layers=10)


@pytest.mark.parametrize("model", ["deepseek-v3.2", "glm-5"])
def test_cells_scored_at_once(model: str) -> None:
    """Beside the mask there is one of the indexer; scores of 4 B for each token and cell are at the peak of long contexts."""
    short, long = (compute_bytes(model=model, context=n) for n in (65_536, 131_072))
    plain, longer = (compute_bytes(model="deepseek-v3", context=n) for n in (65_536, 131_072))

    assert 2 * 512 * 65_536 == pytest.approx(longer - plain, rel=0.01)
    assert 1.9 * (longer - plain) <= long - short <= 5 * (longer - plain)
