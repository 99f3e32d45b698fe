"""vLLM and SGLang: least and most of one rank, part by part."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.exact.asking import estimate
from vramfit.units import MIB

LAYERS = 3
BLOCK = LAYERS * 16 * 2 * 256 * 2
"""Bytes of a block of 16 tokens over all layers, which vLLM never gives out."""


@pytest.mark.parametrize(
    ("graphs", "quant", "heaviest", "keys"),
    [
        # 51 sizes of pieces and 35 of whole steps, of which vLLM's own estimate says 0.95.
        (round(0.95 * (160 * MIB + LAYERS * (51 * round(0.2 * MIB) + 35 * round(0.11 * MIB)))), "fp16", 1.015, {}),
        (0, "fp16", 1.015, {"enforce_eager": True}),
        # Later versions undo bitsandbytes' double quantization.
        (0, "nf4", 1.08, {"enforce_eager": True}),
    ],
)
def test_the_interval_of_vllm(graphs: int, quant: str, heaviest: float, keys: dict[str, Any]) -> None:
    """Weights from 0.995 times, the profile run's peak from 0.94 to 1.06, 170 MiB of libraries from 0.35 to 2.2.

    The estimate of the graphs from 0.3 to 2.3 times, the context of 440 MiB from 0.45 to 1.6.
    """
    row = estimate("rtx3090", "three-layers", "vllm", quant, **keys)
    device = row["devices"][0]
    weights, cache, compute = (device[f"{part}_bytes"] for part in ("weights", "kv_cache", "compute"))

    assert device["overhead_bytes"] == (440 + 170) * MIB + graphs + BLOCK
    assert row["required_bytes"] == {
        "low": round(0.995 * weights) + cache + round(0.94 * compute) + round(0.35 * 170 * MIB) + round(0.3 * graphs)
        + round(0.45 * 440 * MIB),
        "expected": weights + cache + compute + (440 + 170) * MIB + graphs + BLOCK,
        "high": round(heaviest * weights) + cache + BLOCK + round(1.06 * compute) + round(2.2 * 170 * MIB)
        + round(2.3 * graphs) + round(1.6 * 440 * MIB),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("engine", "spare", "graphs", "quant", "heaviest", "keys"),
    [("sglang", 0, 18 * LAYERS, "fp16", 1.015, {}), ("sglang", 0, 18 * LAYERS, "fp8", 1.015, {})],
)
def test_the_interval(
    engine: str, spare: int, graphs: int, quant: str, heaviest: float, keys: dict[str, Any]
) -> None:  # fmt: skip
    """Weights from 0.995, activations from 0.4 to 1.35 times, 80 MiB of libraries and the graphs from 0.3 to 3 and 2.3.

    The context of 440 MiB from 0.45 to 1.6 times.
    """
    row = estimate("rtx3090", "three-layers", engine, quant, **keys)
    device = row["devices"][0]
    weights, cache, compute = (device[f"{part}_bytes"] for part in ("weights", "kv_cache", "compute"))

    assert device["overhead_bytes"] == (440 + 80 + graphs) * MIB + spare
    assert row["required_bytes"] == {
        "low": round(0.995 * weights) + cache + round(0.4 * compute)
        + round(0.3 * (80 + graphs) * MIB) + round(0.45 * 440 * MIB),
        "expected": weights + cache + compute + (440 + 80 + graphs) * MIB + spare,
        "high": round(heaviest * weights) + cache + round(1.35 * compute)
        + round(3 * 80 * MIB + 2.3 * graphs * MIB) + spare + round(1.6 * 440 * MIB),
    }  # fmt: skip


WORKSPACE = 9 * MIB
"""Bytes of cuBLAS's workspace, which exists throughout the profile run."""
COUNTS = 256 * 1024 * 33 // 8
"""Bytes of the counts of sampled tokens, for 256 sequences and 1,024 entries."""


@pytest.mark.parametrize(
    ("engine", "compute", "keys"),
    [
        # A step's tokens in 16 bits: three residual widths, and gate, up and product.
        ("vllm", WORKSPACE + 46 * MIB + 2048 * 2 * (3 * 256 + 3 * 512) + COUNTS, {}),
        ("vllm", WORKSPACE + 46 * MIB + 1024 * 2 * (3 * 256 + 3 * 512) + COUNTS, {"max_batched_tokens": 1024}),
        # Counts of as many sequences as there are.
        ("vllm", WORKSPACE + 46 * MIB + 2048 * 2 * (3 * 256 + 3 * 512) + 4 * COUNTS, {"max_num_seqs": 1024}),
        ("vllm", WORKSPACE + 46 * MIB + 64 * 2 * (3 * 256 + 3 * 512) + COUNTS, {"max_batched_tokens": 64}),
        ("sglang", 4096 * 2 * (3 * 256 + 3 * 512), {}),
        ("sglang", 64 * 1024 * 14, {"max_batched_tokens": 64, "parallel": 100}),
        ("sglang", 10 * 1024 * 14, {"max_batched_tokens": 10, "parallel": 10}),
    ],
)
def test_activations_of_a_step(engine: str, compute: int, keys: dict[str, Any]) -> None:
    assert estimate("rtx3090", "three-layers", engine, **keys)["breakdown"]["compute"] == compute
