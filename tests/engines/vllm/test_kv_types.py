"""Bytes of a token in vLLM's caches, type by type."""

from __future__ import annotations

import pytest

from vramfit.engines.vllm.kv_types import head_bytes, index_bytes, latent_bytes
from vramfit.errors import UsageError
from vramfit.memory.kv_cache import ELEMENT_TYPES


@pytest.mark.parametrize(
    ("expected", "kind", "key", "value"),
    [
        (512, "f16", 128, 128),
        (1024, "f32", 128, 128),
        (320, "fp8", 192, 128),
        # A float32 scale for K and for V.
        (264, "int8", 128, 128),
        (264, "fp8_per_token_head", 128, 128),
        (136, "int4_per_token_head", 128, 128),
        # Half a byte and a sixteenth of one for the scale of 16 elements.
        (144, "nvfp4", 128, 128),
        # Keys in 8 bits without a norm; else a float16 norm; values with a scale and a zero point of 2 bytes each.
        (128 + 64 + 4, "turboquant_k8v4", 128, 128),
        (64 + 2 + 64 + 4, "turboquant_4bit_nc", 128, 128),
        (48 + 2 + 64 + 4, "turboquant_k3v4_nc", 128, 128),
        (48 + 2 + 48 + 4, "turboquant_3bit_nc", 128, 128),
        # 80 x 3 bits are 30 bytes; 5 x 3 are two, and an odd slot is rounded up.
        (30 + 2 + 30 + 4, "turboquant_3bit_nc", 80, 80),
        (2 + 2 + 3 + 4 + 1, "turboquant_k3v4_nc", 5, 6),
    ],
)
def test_bytes_of_a_head(expected: int, kind: str, key: int, value: int) -> None:
    """K and V of one token."""
    assert expected == head_bytes(kind, key, value)


@pytest.mark.parametrize(
    "kind", ["fp8_per_token_head", "int4_per_token_head", "nvfp4", "turboquant_k8v4", "turboquant_4bit_nc",
             "turboquant_k3v4_nc", "turboquant_3bit_nc"],
)  # fmt: skip
def test_the_mean_of_k_and_v(kind: str) -> None:
    """What the speed reads of a cache is the same for heads of 128 elements."""
    block, size = ELEMENT_TYPES[kind]
    assert 256 * size == block * head_bytes(kind, 128, 128)


@pytest.mark.parametrize(
    ("expected", "kind", "index"),
    [
        (1152, "f16", 0),
        (576, "fp8", 0),
        (584, "int8", 0),
        (296, "int4_per_token_head", 0),
        # A sparse one has an indexer's key of 128 elements and its scale, in whatever type.
        (1152 + 132, "bf16", 128),
        (656 + 132, "fp8", 128),
        (352 + 132, "nvfp4", 128),
    ],
)
def test_bytes_of_a_latent(expected: int, kind: str, index: int) -> None:
    """Of 576 elements."""
    assert expected == latent_bytes(kind, 576, index)


@pytest.mark.parametrize(("kind", "index"), [("nvfp4", 0), ("turboquant_k8v4", 0), ("turboquant_k8v4", 128)])
def test_types_without_latents(kind: str, index: int) -> None:
    """vLLM has no kernel for them, and says so."""
    with pytest.raises(UsageError, match=kind):
        latent_bytes(kind, 576, index)


@pytest.mark.parametrize(("expected", "width"), [(0, 0), (132, 128), (68, 64), (200, 192)])
def test_bytes_of_an_index(expected: int, width: int) -> None:
    """One float32 scale for up to 128 elements."""
    assert expected == index_bytes(width)
