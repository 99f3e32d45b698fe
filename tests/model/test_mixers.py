"""What each kind of layer says of itself: the widths it computes with, and the cache it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vramfit.model.architecture import Attention, Cache, Widths
from vramfit.model.mixers import (
    CompressedAttention,
    FixedState,
    LatentAttention,
    LinearAttention,
    ShortConvolution,
    StateSpace,
)

if TYPE_CHECKING:
    from vramfit.model.mixers import Mixer

LAYERS = (0, 2)
HIDDEN = 100

KINDS: dict[str, tuple[Mixer, Widths, Cache | None]] = {
    "grouped": (
        Attention("full", 8, 2, 16, 12),
        Widths(8, 8, 2, 128, 32, 24, 96, working=2 * 128 + 32 + 24),
        Cache("full", LAYERS, 32, 24),
    ),
    "sliding, with an indexer": (
        Attention("sliding", 4, 4, 8, 8, window=64, indexer_dim=6, indexer_bytes=2),
        Widths(4, 4, 4, 32, 32, 32, 32, 64, working=128),
        Cache("sliding", LAYERS, 32, 32, 64, index_width=6, index_bytes=2),
    ),
    "cross": (
        Attention("cross", 4, 4, 8, 8, encoder_tokens=1500),
        Widths(4, 4, 4, 32, 32, 32, 32, working=128),
        Cache("cross", LAYERS, 32, 32, encoder_tokens=1500),
    ),
    "another's cache": (
        Attention("full", 4, 4, 8, 8, shares_cache=True), Widths(4, 4, 4, 32, 32, 32, 32, working=128), None,
    ),
    "encoder": (Attention("encoder", 4, 4, 8, 8), Widths(4, 4, 4, 32, 32, 32, 32, working=128), None),
    "latent": (
        LatentAttention(4, None, 20, 6, 2, 5),
        Widths(4, 4, 1, 32, 32, 20, 20, working=2 * 32 + 2 * 20),
        Cache("latent", LAYERS, 22),
    ),
    "latent, with a window and an indexer": (
        LatentAttention(4, 10, 20, 6, 2, 5, indexer_dim=7, indexer_heads=2, indexer_bytes=4, window=9),
        Widths(4, 4, 1, 32, 32, 20, 20, 9, working=104),
        Cache("latent", LAYERS, 22, 0, 9, index_width=7, index_bytes=4),
    ),
    "compressed": (
        CompressedAttention(4, 8, 10, 128, 4, 2, 6, indexer_dim=3, indexer_heads=2),
        Widths(4, 0, 1, 32, 8, 0, 32, 128),
        Cache("compressed", LAYERS, 8, 0, 128, index_width=3, ratio=4),
    ),
    "Mamba 1": (
        StateSpace("mamba1", 64, 16, 4, dt_rank=4),
        Widths(working=4 * 64 + 2 * 16),
        Cache("state", LAYERS, convolution_elements=3 * 64, recurrent_elements=16 * 64, convolution_kernel=4),
    ),
    "Mamba 2": (
        StateSpace("mamba2", 64, 16, 4, groups=2, heads=8),
        Widths(working=4 * 64 + 2 * 2 * 16),
        Cache(
            "state", LAYERS, convolution_elements=3 * (64 + 2 * 2 * 16), recurrent_elements=16 * 64,
            convolution_kernel=4,
        ),
    ),
    "gated delta net": (
        LinearAttention("gated_delta_net", 2, 4, 8, 6, 4),
        Widths(working=2 * 2 * 8 + 3 * 4 * 6),
        Cache(
            "state", LAYERS, convolution_elements=3 * (2 * 2 * 8 + 4 * 6), recurrent_elements=4 * 8 * 6,
            convolution_kernel=4,
        ),
    ),
    "lightning": (
        LinearAttention("lightning", 2, 4, 8, 6),
        Widths(working=2 * 2 * 8 + 3 * 4 * 6),
        Cache("state", LAYERS, recurrent_elements=4 * 8 * 6, recurrent_bytes=0),
    ),
    "short convolution": (
        ShortConvolution(3),
        Widths(),
        Cache("state", LAYERS, convolution_elements=2 * HIDDEN, convolution_kernel=3),
    ),
    "a state of a fixed size": (
        FixedState("rwkv", 5, 4, 70, 2, 1),
        Widths(),
        Cache("state", LAYERS, 0, 0, None, 15, 70, 4, 1, 2),
    ),
    "a state without a convolution": (
        FixedState("xlstm", elements=70),
        Widths(),
        Cache("state", LAYERS, recurrent_elements=70, recurrent_bytes=0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_widths(name: str) -> None:
    mixer, widths, _ = KINDS[name]
    assert mixer.widths == widths


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cross", "cross"),
        ("latent", "latent"),
        ("compressed", "compressed"),
        ("Mamba 2", "mamba2"),
        ("lightning", "lightning"),
        ("short convolution", "convolution"),
        ("a state of a fixed size", "rwkv"),
    ],
)
def test_kind(name: str, kind: str) -> None:
    assert KINDS[name][0].kind == kind


@pytest.mark.parametrize("name", KINDS)
def test_cache(name: str) -> None:
    mixer, _, cache = KINDS[name]
    assert mixer.cache(LAYERS, HIDDEN) == cache


@pytest.mark.parametrize(
    ("name", "products"), [("grouped", 8 * (16 + 12)), ("latent", 4 * (6 + 2 + 5)), ("compressed", 2 * 4 * 8)]
)
def test_products_for_each_token_looked_back_on(name: str, products: int) -> None:
    assert KINDS[name][0].widths.pair_products == products


@pytest.mark.parametrize(
    ("cache", "kept"),
    [
        (Cache("full", LAYERS, 8), {5: 5, 100: 100}),
        (Cache("sliding", LAYERS, 8, 8, 64), {63: 63, 64: 64, 65: 64}),
        (Cache("compressed", LAYERS, 8, 0, 16, ratio=4), {3: 3, 4: 5, 16: 20, 17: 20, 20: 21}),
        (Cache("compressed", LAYERS, 8, 0, 16), {3: 3, 20: 16}),
    ],
)
def test_rows_kept_of_a_sequence(cache: Cache, kept: dict[int, int]) -> None:
    assert {tokens: cache.tokens_kept(tokens) for tokens in kept} == kept


@pytest.mark.parametrize(
    ("mixer", "cache"),
    [
        (LatentAttention(4, None, 20, 6, 2, 5, shares_cache=True), None),
        (
            LatentAttention(4, None, 20, 6, 2, 5, indexer_dim=7, indexer_heads=2, shares_cache=True),
            Cache("latent", (3,), 0, 0, None, index_width=7),
        ),
    ],
)
def test_latents_of_an_earlier_layer(mixer: LatentAttention, cache: Cache | None) -> None:
    """A layer that reads them keeps its indexer's keys alone (Mistral Large 4)."""
    assert mixer.cache((3,), 64) == cache
