"""Slots of LoRA adapters in SGLang."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import Catalogue
from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.errors import UsageError

QKV, OUTPUT, GATE_UP, DOWN = 3 * 4096 + 6144, 4096 + 4096, 2 * 4096 + 28672, 14336 + 4096
"""Inputs and outputs of a layer of Llama 3.1 8B; queries, keys and values have an A each, and so have gate and up."""


def weights(**request: Any) -> int:
    """Bytes of the weights on the first GPU: Llama 3.1 8B on two RTX 4090 unless the request says otherwise."""
    raw = {"gpu": "2xrtx4090", "model": "llama-3.1-8b", "quant": "bf16", "engine": "sglang", **request}
    return estimate(resolve(parse_request(raw), Catalogue())[0]).gpus[0].weights_bytes


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (32 * (QKV + OUTPUT + GATE_UP + DOWN), {"gpu": "rtx4090"}),
        # A is divided for the output and down projections, B for the others.
        (32 * (3 * 4096 + 3072 + 2048 + 4096 + 2 * 4096 + 14336 + 7168 + 4096), {}),
        (16 * (QKV + OUTPUT + GATE_UP + DOWN), {"pipeline_parallel": 2}),
        # Copies of the model have slots of their own.
        (32 * (QKV + OUTPUT + GATE_UP + DOWN), {"data_parallel": 2}),
    ],
)
def test_slots(expected: int, request_: dict[str, Any]) -> None:
    """Two bytes for each, slot and rank."""
    with_slots = weights(**request_, max_loras=3, max_lora_rank=48)
    assert 2 * 3 * 48 * expected == with_slots - weights(**request_)


def test_copies_of_the_attention_layers() -> None:
    """Refused: their adapters are divided in another way."""
    with pytest.raises(UsageError, match="copies of the attention layers"):
        weights(gpu="2xrtx4090", model="mixtral-8x7b", data_parallel=2, expert_parallel=True, max_loras=1)
