"""ExLlamaV3: DeepSeek-V4's compressed entries."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.exact.asking import estimate, of_devices

WINDOW = (128 + 2 * 256 + 128) * 2 * 512
"""The window of 128 and two pages, rounded up to three pages of 256; one head of 512 in 16 bits, cached once."""


@pytest.mark.parametrize(
    ("tokens", "keys"),
    [
        (256, {"context": 1}),
        (4096, {}),
        (8192, {"context": 8192}),
        (8448, {"context": 8193}),
    ],
)
@pytest.mark.parametrize("parallel", [1, 3])
def test_compressed_entries(tokens: int, keys: dict[str, Any], parallel: int) -> None:
    """One entry for 4 tokens with an indexer's key of 64, one for 128, none; always 16-bit, of whole pages of tokens."""
    row = estimate("rtx3090", "entries", "exllamav3", parallel=parallel, **keys)
    entries = tokens // 4 * 2 * (512 + 64) + tokens // 128 * 2 * 512

    assert row["breakdown"]["kv_cache"] == parallel * (3 * WINDOW + entries)


def test_layers_are_spread_by_bytes_without_the_embedding() -> None:
    """Which is in RAM: 4,460,032 bytes are left, half of a layer ends at 655,872, 1,967,616 and 3,279,360."""
    row = estimate("2xrtx3090", "three-layers", "exllamav3")
    layer, head = 2 * (4 * 256 * 256 + 3 * 256 * 512 + 2 * 256), 2 * (1024 * 256 + 256)

    assert of_devices("weights_bytes", row) == [2 * layer, layer + head, 2 * 1024 * 256]
    assert of_devices("kv_cache_bytes", row) == [2 * 2 * 256 * 2 * 4096, 2 * 256 * 2 * 4096, 0]


@pytest.mark.parametrize("parallel", [1, 3])
def test_states(parallel: int) -> None:
    """Two layers: convolution of 4 over 512 + 2 x 4 x 16 columns, three of them kept in 16 bits; 512 x 16 in FP32."""
    row = estimate("rtx3090", "four-groups", "exllamav3", parallel=parallel)

    assert row["breakdown"]["kv_cache"] == 2 * parallel * (2 * 3 * 640 + 4 * 512 * 16)


def test_what_reads_an_image_keeps_pages_of_patches() -> None:
    """202 patches fill one page of 256 tokens, beside three layers of 16 pages; 4 heads of 64, K and V, in 16 bits."""
    row = estimate("rtx3090", "crossing", "exllamav3", context=4096)

    assert row["breakdown"]["kv_cache"] == (3 * 4096 + 256) * 2 * 4 * 64 * 2
