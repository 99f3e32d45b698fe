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
    ("model", "full"),
    [
        # A token of the full layer is half of a windowed layer's, so that two blocks' tokens go into a page: 4,096 tokens
        # are 128 pages.
        ("half-as-wide", 128),
        # Three quarters do not divide a page: 256, each with a quarter to spare.
        ("three-quarters", 256),
    ],
)
def test_a_page_is_as_large_as_the_widest_layer_s(model: str, full: int) -> None:
    """A window of 256 tokens less one and two steps of 512 are 80 blocks, and one more where it starts within a block."""
    row = estimate("rtx3090", model, "vllm", context=4096, max_batched_tokens=512)

    assert row["breakdown"]["kv_cache"] == (full + 3 * 81) * BLOCK * TOKEN


@pytest.mark.parametrize(
    ("engine", "tokens"),
    [
        # Three groups of full layers, and one of what an image left: 202 patches are 13 blocks of 16.
        ("vllm", (3 * 256 + 13) * BLOCK),
        ("sglang", 3 * 4096 + 202),
    ],
)
@pytest.mark.parametrize("parallel", [1, 3])
def test_what_reads_an_image_keeps_its_patches(engine: str, tokens: int, parallel: int) -> None:
    """Of each sequence's one image, however many tokens the text has."""
    row = estimate("rtx3090", "crossing", engine, context=4096, parallel=parallel)

    assert row["breakdown"]["kv_cache"] == parallel * tokens * TOKEN


@pytest.mark.parametrize(
    ("model", "tables"),
    [
        # Sines and cosines of 8,192 positions for heads of 64, 16-bit.
        ("three-layers", 1),
        # Those of Llama 4 do not count as loaded.
        ("chunks", 0),
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


@pytest.mark.parametrize(
    ("share", "gpu", "model", "keys"),
    [
        # Kept back, in MiB: 512, 1.5 a token of a step, 128 a rank, 2 a sequence of the largest captured batch, 8 a captured
        # size of prefill (30 up to 512 tokens, 42 up to 2,048, 50 up to 4,096, 58 up to 8,192 and beyond).
        # T4: 15,360 less 512 + 3,072 + 128 + 2 x 8 + 8 x 42.
        (0.735, "t4", "three-layers", {}),
        # RTX 3090: 24,576 less 512 + 6,144 + 128 + 2 x 48 + 8 x 50; over two cards a rank more; over four 160 sequences.
        (0.704, "rtx3090", "three-layers", {}),
        (0.699, "2xrtx3090", "three-layers", {"pipeline_parallel": 2}),
        (0.699, "2xrtx3090", "three-layers", {}),
        (0.679, "4xrtx3090", "three-layers", {}),
        # Fewer than 2,048 tokens keep back no less: 512 + 3,072 + 128 + 2 x 48 + 8 x 30.
        (0.835, "rtx3090", "three-layers", {"max_batched_tokens": 512}),
        # A model that sees has 0.95 of it; one with latent attention keeps back 1,536 instead of sizes of prefill.
        (0.669, "rtx3090", "frames", {}),
        (0.658, "rtx3090", "deepseek-v2-lite", {}),
        # RTX 6000 Ada: 49,140 less 512 + 6,144 + 128 + 2 x 32 + 8 x 50.
        (0.853, "rtx6000ada", "three-layers", {}),
        # A100 80 GB: 81,920 less 512 + 12,288 + 128 + 2 x 256 + 8 x 58. With 512 tokens 10 GiB are kept back at least.
        (0.83, "a100-sxm4-80gb", "three-layers", {}),
        (0.875, "a100-sxm4-80gb", "three-layers", {"max_batched_tokens": 512}),
        # B200: 183,359 less 512 + 24,576 + 128 + 2 x 512 + 8 x 58.
        (0.854, "b200", "three-layers", {}),
    ],
)
def test_the_static_share_of_sglang(share: float, gpu: str, model: str, keys: dict[str, Any]) -> None:
    """``mem_fraction_static`` when none is given (0.5.23 ``memory_hook.py``), to three digits."""
    assert estimate(gpu, model, "sglang", **keys)["deployment"]["gpu_memory_utilization"] == share
