"""What each layer keeps of the past."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import model
from vramfit.errors import UsageError
from vramfit.memory.kv_cache import ELEMENT_TYPES, Cache, caches, index_row_bytes, row_bytes


def bytes_per_token(name: str) -> int:
    """Cache bytes of one token over all layers at 16 bits, windows not considered."""
    return sum(
        len(cache.layers) * (row_bytes(cache.key_width, "f16") + row_bytes(cache.value_width, "f16"))
        for cache in caches(model(name))
    )


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        (524_288, "llama-2-7b"),  # 32 layers x 2 x 32 heads x 128 x 2 bytes (config.json)
        (819_200, "llama-2-13b"),  # 40 x 2 x 40 x 128 x 2; llama.cpp logs 3200 MiB at 4096 tokens
        (131_072, "llama-3.1-8b"),  # 32 x 2 x 8 KV heads x 128 x 2; llama.cpp logs 1024 MiB at 8192 tokens
        (131_072, "mixtral-8x7b"),  # experts keep nothing: as Llama 3.1 8B
        (4_608, "latent"),  # MLA: 4 layers x (512 + 64) x 2, the latent and the rotary key once for all 128 heads
        (49_152, "sliding"),  # 12 layers x 2 x 4 KV heads x 256 x 2
        (0, "recurrent"),
    ],
)
def test_bytes_per_token(expected: int, name: str) -> None:
    """The published widths times the layers, at 16 bits."""
    assert expected == bytes_per_token(name)


def test_caches_of_a_sliding_model() -> None:
    """Five layers keep their window, every sixth keeps everything."""
    assert caches(model("sliding")) == (
        Cache("sliding", (0, 1, 2, 3, 4, 6, 7, 8, 9, 10), 1024, 1024, 1024),
        Cache("full", (5, 11), 1024, 1024),
    )


def test_caches_of_a_recurrent_model() -> None:
    """Mamba 2.8B: the last three inputs of a 5120-wide convolution over four, and 16 states for each of 5120 channels."""
    (cache,) = caches(model("recurrent"))
    assert (
        Cache("state", tuple(range(64)), convolution_elements=15_360, recurrent_elements=81_920, convolution_kernel=4)
        == cache
    )


def test_layers_that_read_another_layer_s_cache_own_none() -> None:
    """Gemma 3n's last layers share the K and V of earlier ones."""
    shared = model("sliding", shared_cache_layers=6)
    assert {0, 1, 2, 3, 4, 5} == {layer for cache in caches(shared) for layer in cache.layers}


def test_encoder_layers_keep_nothing() -> None:
    """A bidirectional encoder reads its input once."""
    assert caches(model("llama-2-7b", pattern="encoder")) == ()


def test_attention_and_state_side_by_side() -> None:
    """A layer that runs attention and Mamba in parallel keeps both."""
    both = model("recurrent", pattern="full+mamba", layers=2, heads=32, kv_heads=8, head_dim=64)
    assert {"full", "state"} == {cache.kind for cache in caches(both)}
    assert all(cache.layers == (0, 1) for cache in caches(both))


# Bits per element: ggml/src/ggml-common.h block sizes (q8_0: 34 bytes per 32, and so on); int4 packs two to a byte.
BITS = {
    "f32": Fraction(32), "f16": Fraction(16), "bf16": Fraction(16), "q8_0": Fraction(17, 2), "q5_1": Fraction(6),
    "q5_0": Fraction(11, 2), "q4_1": Fraction(5), "q4_0": Fraction(9, 2), "iq4_nl": Fraction(9, 2),
    "fp8": Fraction(8), "fp8_e4m3": Fraction(8), "fp8_e5m2": Fraction(8), "int8": Fraction(8), "int4": Fraction(4),
    **{f"int{bits}": Fraction(bits) for bits in (2, 3, 5, 6, 7)},
    # K and V of a head of 128 elements with their scales, in bytes: engines/vllm/kv_types.
    **{
        name: Fraction(8 * size, 256)
        for name, size in {
            "fp8_per_token_head": 264, "int4_per_token_head": 136, "nvfp4": 144, "turboquant_k8v4": 196,
            "turboquant_4bit_nc": 134, "turboquant_k3v4_nc": 118, "turboquant_3bit_nc": 102,
        }.items()
    },
}  # fmt: skip


def test_every_element_type_has_its_bits() -> None:
    """Each cache type of the contract, scales of its blocks included."""
    told = {name: Fraction(8 * size, block) for name, (block, size) in ELEMENT_TYPES.items()}
    assert BITS == told


def test_a_row_of_whole_blocks() -> None:
    """128 elements as q8_0 are four blocks of 34 bytes."""
    assert 136 == row_bytes(128, "q8_0")
    assert 256 == row_bytes(128, "f16")
    assert 0 == row_bytes(0, "q4_0")


def test_a_row_that_is_not_whole_blocks_is_refused() -> None:
    """llama.cpp refuses a quantized cache for head widths that are no multiple of the block; so does the estimate."""
    with pytest.raises(UsageError) as caught:
        row_bytes(80, "q8_0")
    assert "a cache row of 80 elements is not a multiple of q8_0's block of 32" == caught.value.message
    assert "use f16 or bf16 for this model's cache" == caught.value.hint


@given(st.integers(0, 2**16), st.sampled_from(sorted(BITS)))
def test_rows_are_exact(blocks: int, element_type: str) -> None:
    """A row of whole blocks has exactly width x bits / 8 bytes."""
    block, _ = ELEMENT_TYPES[element_type]
    assert blocks * block * BITS[element_type] / 8 == row_bytes(blocks * block, element_type)


@pytest.mark.parametrize(
    ("expected", "width", "each", "kind"),
    [
        (0, 0, 0, "f16"),
        (256, 128, 0, "f16"),
        (136, 128, 0, "q8_0"),
        # Where the indexer fixes the bytes of its elements, the cache's type changes nothing.
        (128, 128, 1, "f16"),
        (512, 128, 4, "q8_0"),
        (100, 50, 2, "q8_0"),
    ],
)
def test_keys_of_an_indexer(expected: int, width: int, each: int, kind: str) -> None:
    cache = Cache("latent", (0,), 576, 0, index_width=width, index_bytes=each)
    assert expected == index_row_bytes(cache, kind)


def test_keys_of_an_indexer_that_fill_no_block() -> None:
    with pytest.raises(UsageError):
        index_row_bytes(Cache("latent", (0,), 576, 0, index_width=50), "q8_0")
