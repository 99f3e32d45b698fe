"""What a token moves and multiplies, by hand."""

from __future__ import annotations

import pytest

from tests.samples import model
from vramfit.speed.decode import attention_operations, cache_read_bytes, shape


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        # All of 6,738,415,616 but embedding, head and 65 norms.
        ("llama-2-7b", 6_738_415_616 - 2 * 32000 * 4096 - 65 * 4096),
        # Mixtral: attention, router, and 2 of 8 experts of three 4096 x 14336 matrices in each of 32 layers.
        ("mixtral-8x7b", 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 4096 * 8 + 2 * 3 * 4096 * 14336)),
        # The vision tower takes no part in generating.
        ("llava-1.5-7b", 6_738_415_616 - 2 * 32000 * 4096 - 65 * 4096),
    ],
)
def test_active_weights(name: str, weights: int) -> None:
    assert shape(model(name)).parameters == weights


def test_layers_by_kind() -> None:
    mixtral, mamba = shape(model("mixtral-8x7b")), shape(model("recurrent"))
    assert (mixtral.layers, mixtral.expert_layers, mixtral.recurrent_layers) == (32, 32, 0)
    assert (mixtral.experts_share, mamba.experts_share) == (0.25, 1.0)
    assert mixtral.experts_weight == pytest.approx(2 * 3 * 4096 * 14336 * 32 / mixtral.parameters)
    assert (mamba.layers, mamba.expert_layers, mamba.recurrent_layers) == (64, 0, 64)


@pytest.mark.parametrize(
    ("name", "depth", "types", "read"),
    [
        ("llama-2-7b", 1000, ("f16", "f16"), 1000 * 32 * 2 * 4096 * 2),
        ("llama-3.1-8b", 1000, ("q8_0", "f16"), 1000 * 32 * (1024 // 32 * 34 + 1024 * 2)),
        # Ten layers look back over 1024 tokens, two over all.
        ("sliding", 5000, ("f16", "f16"), (10 * 1024 + 2 * 5000) * 2 * 4 * 256 * 2),
        # A latent of 512 and a rotary key of 64, once for keys and values.
        ("latent", 1000, ("f16", "f16"), 1000 * 4 * 576 * 2),
        # Scan state 16 x 5120 and convolution state 3 x 5120 in 32-bit floats, read and written.
        ("recurrent", 1000, ("f16", "f16"), 64 * (16 + 3) * 5120 * 4 * 2),
    ],
)
def test_cache_read(name: str, depth: int, types: tuple[str, str], read: int) -> None:
    assert cache_read_bytes(model(name), depth, *types) == read


@pytest.mark.parametrize(
    ("name", "depth", "operations"),
    [
        ("llama-2-7b", 1000, 1000 * 32 * 4 * 4096),
        ("sliding", 5000, (10 * 1024 + 2 * 5000) * 4 * 8 * 256),
        ("latent", 1000, 1000 * 4 * 2 * 128 * (128 + 64 + 128)),
        ("recurrent", 1000, 0),
    ],
)
def test_attention(name: str, depth: int, operations: int) -> None:
    assert attention_operations(model(name), depth) == operations
