"""vLLM and SGLang: chunked attention, tables of angles, and states cut over ranks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.exact.asking import estimate, of_devices

TOKEN = 2 * 4 * 64 * 2
"""K and V of a token in one layer: 4 heads of 64 in 16 bits."""
BLOCK = 16


@pytest.mark.parametrize(
    ("chunked", "full", "keys"),
    [
        # Two steps of 512 tokens are in flight: 256 + 1024 tokens are 80 blocks, and no block more, since a chunk begins
        # where a block does.
        (80, 512, {"context": 8192, "max_batched_tokens": 512}),
        (80, 81, {"context": 1281, "max_batched_tokens": 512}),
        (80, 80, {"context": 1280, "max_batched_tokens": 512}),
        (79, 79, {"context": 1264, "max_batched_tokens": 512}),
        (1, 1, {"context": 1}),
        # Of 1,010 tokens in flight three sequences have 337 each: 593 are 38 blocks, where 336 would be 37.
        (38, 256, {"context": 4096, "max_batched_tokens": 505, "parallel": 3}),
    ],
)
def test_chunked_attention_in_vllm(chunked: int, full: int, keys: dict[str, Any]) -> None:
    """Three chunked layers are three groups of one, beside one of the full layer (``ChunkedLocalAttentionSpec``)."""
    row = estimate("rtx3090", "chunks", "vllm", **keys)
    blocks = keys.get("parallel", 1) * (3 * chunked + full)

    assert row["breakdown"]["kv_cache"] == blocks * BLOCK * TOKEN


@pytest.mark.parametrize(
    ("kept", "keys"),
    [
        (256 + 512, {"context": 4096, "max_batched_tokens": 512}),
        (256 + 171, {"context": 4096, "max_batched_tokens": 512, "parallel": 3}),
        (256 + 128, {"context": 4096, "max_batched_tokens": 512, "parallel": 4}),
        (700, {"context": 700, "max_batched_tokens": 512}),
    ],
)
def test_chunked_attention_in_sglang(kept: int, keys: dict[str, Any]) -> None:
    """Token by token: the chunk, and each sequence's part of a step, rounded up."""
    row = estimate("rtx3090", "chunks", "sglang", **keys)

    assert row["breakdown"]["kv_cache"] == keys.get("parallel", 1) * TOKEN * (3 * kept + keys["context"])


@pytest.mark.parametrize(
    ("model", "tables"),
    [
        # Sines and cosines of 8,192 positions for heads of 64, 16-bit.
        ("three-layers", 1),
        # Two kinds of layers have a table each.
        ("chunks", 2),
        ("pictures", 1),
        # Positions in time, height and width: four times as many (``rotary_embedding/mrope.py``).
        ("frames", 4),
    ],
)
@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_tables_of_rotary_angles(model: str, tables: int, engine: str) -> None:
    """Beside the checkpoint, whose matrices here are too small to be rounded up."""
    row = estimate("rtx3090", model, engine)

    assert row["breakdown"]["weights"] == row["quant"]["checkpoint_bytes"] + tables * 2 * 64 * 8192


GROUP = 2 * 16 * (256 + 4 + 1) * 2
"""B and C of one group, state 16, in 16 bits: columns of the input projection, the convolution of 4 and its bias."""


@pytest.mark.parametrize(
    ("gpu", "groups", "alone"),
    [
        ("rtx3090", 4, 1),
        # Four groups are two on each of two ranks; of one group each rank has a copy.
        ("2xrtx3090", 2, 1),
        ("4xrtx3090", 1, 1),
        # Four groups do not go into eight ranks: each has one.
        ("8xrtx3090", 1, 1),
    ],
)
@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_groups_of_a_state_space_over_ranks(gpu: str, groups: int, alone: int, engine: str) -> None:
    """``mamba_mixer2.py`` ``extra_groups_for_head_shards``: at least one for each rank. Two layers, else alike."""
    several, one = (of_devices("weights_bytes", estimate(gpu, model, engine)) for model in ("four-groups", "one-group"))
    count = len(several) - 1

    assert [more - less for more, less in zip(several, one, strict=True)] == [2 * (groups - alone) * GROUP] * count + [
        0
    ]
