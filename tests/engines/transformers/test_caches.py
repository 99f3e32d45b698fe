"""Caches of the catalogue's models that transformers holds otherwise than the general rule has it."""

from __future__ import annotations

import pytest

from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        # Repeated for each query head: 128 of 64 wide, not 8; 232 of 64, not 8; one of 64 for all stays one.
        ("falcon-40b", 60 * 2 * 128 * 64 * 2 * 2000),
        ("falcon-180b", 80 * 2 * 232 * 64 * 2 * 2000),
        ("falcon-7b", 32 * 2 * 1 * 64 * 2 * 2000),
        # 57 of 60 layers keep an indexer's key of 128 besides: 14,592 bytes a token.
        ("minimax-m3", (60 * 2 * 4 * 128 * 2 + 14_592) * 2000),
        # Lightning states as the model, and no convolution.
        ("minimax-text-01", 10 * 2 * 8 * 128 * 2 * 2000 + 70 * 64 * 128 * 128 * 2),
        # All columns of the kernel: three of the hidden width, not two.
        ("lfm2-1.2b", 6 * 2 * 8 * 64 * 2 * 2000 + 10 * 3 * 2048 * 2),
        # Sliding layers with eight heads keep 128 tokens, of keys 192 and values 128 wide.
        ("mimo-v2-flash", (9 * 4 * 2000 + 39 * 8 * 128) * (192 + 128) * 2),
        # Beside each cache two columns of queries and keys and half a token's values.
        ("zaya1-base", 40 * (2 * 2 * 128 * 2000 + 2 * (8 + 2) * 128 + 128) * 2),
    ],
)
def test_caches_as_transformers_holds_them(model: str, expected: int) -> None:
    """transformers 5.24.0, bytes of the tensors in the cache after a prefill of 2,000 tokens."""
    raw = {"gpu": "8xb300", "model": model, "engine": "transformers", "quant": "bf16", "context": 2000, "images": 0}
    held = estimate(resolve(parse_request(raw), open_catalogue())[0])
    assert expected == sum(gpu.kv_cache_bytes for gpu in held.gpus)
