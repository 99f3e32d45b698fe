"""Hugging Face transformers: how accelerate spreads layers, and the process's context."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.exact.asking import estimate, of_devices
from vramfit.units import MIB

EMBEDDING = 1024 * 256 * 2
LAYER = 2 * (4 * 256 * 256 + 3 * 256 * 512 + 2 * 256)
HEAD = EMBEDDING + 2 * 256
"""The output matrix and the norm before it."""
CACHE = 2 * 256 * 2 * 4096
"""K and V of one layer, 4,096 tokens."""


@pytest.mark.parametrize(
    ("gpus", "layers", "spread", "host"),
    [
        # All bytes are 4,984,320, the embedding 524,288, a layer 1,311,744. A GPU takes a layer as long as half of it
        # still lies below its share. Shares end at 2,492,160: half of the second layer ends at 2,491,904.
        (2, "all", [2, 1], 0),
        # At 1,661,440 and 3,322,880: the halves of layers end at 1,180,160, 2,491,904 and 3,803,648.
        (3, "all", [1, 1, 1], 0),
        # At 1,246,080, 2,492,160 and 3,738,240: none ends in the third share.
        (4, "all", [1, 1, 0, 1], 0),
        # Two layers and the rest are 3,672,576, so the first share ends at 1,836,288; half of the second at 2,491,904.
        (2, 2, [1, 1], 1),
        # One layer and the rest are 2,360,832: at 1,180,416, half of the layer at 1,180,160.
        (2, 1, [1, 0], 2),
        (2, 0, [0, 0], 3),
    ],
)
def test_accelerate_takes_a_layer_whose_half_fits(gpus: int, layers: Any, spread: list[int], host: int) -> None:
    """Whole layers in order by equal shares of the bytes (accelerate ``utils/modeling.py`` ``get_balanced_memory``)."""
    row = estimate(f"{gpus}xrtx3090", "three-layers", "transformers", gpu_layers=layers)
    weights = [LAYER * count for count in spread]
    weights[0] += EMBEDDING
    weights[-1] += HEAD

    assert of_devices("weights_bytes", row) == [*weights, LAYER * host]
    assert of_devices("kv_cache_bytes", row)[:-1] == [CACHE * count for count in spread]


def compute_bytes(tokens: int) -> int:
    """Activations of one layer: four residual widths, and gate, up and product, in 16 bits."""
    return 2 * (4 * 256 + 3 * 512) * tokens


@pytest.mark.parametrize(
    ("gpu", "context", "workspace"),
    [
        # A CUDA context of 440 MiB, 630 on Blackwell; cuBLAS 9 MiB a handle and 32 from compute capability 9.0 on.
        ("t4", 440, 9),
        ("rtx4090", 440, 9),
        ("h100-sxm", 440, 32),
        ("b200", 630, 32),
        ("rtx5090", 630, 32),
        # Metal has no context like CUDA's: a quarter.
        ("m1-16gb", 110, 9),
        ("custom:24GiB", 440, 9),
    ],
)
def test_what_a_process_takes_of_a_card(gpu: str, context: int, workspace: int) -> None:
    """Context and workspace, 3 % of what the allocator hands out beside the weights, and one layer's growing cache.

    The interval: 0.45 to 1.6 contexts, half to 1.35 of the activations, 12 % instead of 3.
    """
    row = estimate(gpu, "three-layers", "transformers")
    weights, cache, compute = EMBEDDING + 3 * LAYER + HEAD, 3 * CACHE, compute_bytes(4096)

    assert row["breakdown"] == {
        "weights": weights,
        "kv_cache": cache,
        "compute": compute,
        "overhead": (context + workspace) * MIB + round(0.03 * (cache + compute)) + CACHE,
    }
    assert row["required_bytes"]["low"] == weights + cache + compute // 2 + round(0.45 * context * MIB)
    assert row["required_bytes"]["high"] == (
        weights + cache + round(1.35 * compute) + round(1.6 * context * MIB) + workspace * MIB
        + round(0.12 * (cache + compute)) + CACHE
    )  # fmt: skip


@pytest.mark.parametrize("parallel", [1, 3])
def test_what_reads_an_image_keeps_its_patches(parallel: int) -> None:
    """202 of each sequence's image in one layer, and in three every token of the text."""
    row = estimate("rtx3090", "crossing", "transformers", parallel=parallel)

    assert row["breakdown"]["kv_cache"] == parallel * (3 * CACHE + 202 * 2 * 256 * 2)
