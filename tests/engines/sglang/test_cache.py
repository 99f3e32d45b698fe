"""Pools of SGLang: tokens, windows of fixed proportion, and slots for states."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import model
from vramfit.engines.sglang.cache import Capacity, Cells, Demand, capacity, cells, most_bytes, needed_bytes
from vramfit.model.traits import Architecture
from vramfit.sources import open_catalogue

WHOLE = (0, 10**6)
SLIDING = 2 * 4 * 256 * 2
"""Bytes of a token in a layer of the sliding sample: K and V of four heads of 256 in 16 bits."""


def named(sample: str, name: str, **changes: Any) -> Any:
    """A sample model of another architecture."""
    from vramfit._record import replace

    return replace(model(sample, **changes), architecture=Architecture(None, name, None))


@pytest.mark.parametrize(
    ("expected", "of", "cache_type", "ranks", "span", "plain_rows"),
    [
        (Cells(131_072), model("llama-3.1-8b"), "f16", 1, (0, 32), False),
        (Cells(65_536), model("llama-3.1-8b"), "fp8", 1, (0, 32), False),
        (Cells(131_072 // 4), model("llama-3.1-8b"), "bf16", 2, (16, 32), False),
        # More ranks than KV heads: each has one of the eight.
        (Cells(131_072 // 8), model("llama-3.1-8b"), "f16", 16, (0, 32), False),
        (Cells(4 * 576 * 2), model("latent"), "f16", 8, (0, 4), False),
        # Windows share the pool of the full layers where SGLang gives them none of their own.
        (Cells(12 * SLIDING), named("sliding", "gemma3"), "f16", 1, (0, 12), False),
        (Cells(2 * SLIDING, 10 * SLIDING, 1024, 0.8), named("sliding", "gpt_oss"), "f16", 1, (0, 12), False),
        (Cells(SLIDING, 5 * SLIDING, 1024, 0.8), named("sliding", "gemma4_text"), "f16", 1, (0, 6), False),
        # A stage without full layers has nothing that its windows are a part of.
        (Cells(0, 5 * SLIDING, 1024, 1.0), named("sliding", "gemma4_text"), "f16", 1, (0, 5), False),
        # Convolution of 3 x 5,120 in 16 bits and a state of 16 x 5,120 in 32; three slots, and two more where tracked.
        (Cells(0, 0, 0, 0.0, 64 * (2 * 15_360 + 4 * 81_920), 3), named("recurrent", "mamba"), "f16", 1, (0, 64), False),
        (
            Cells(0, 0, 0, 0.0, 32 * (2 * 15_360 + 4 * 81_920) // 2, 5),
            named("recurrent", "nemotron_h"), "fp8", 2, (0, 32), False,
        ),
    ],
)  # fmt: skip
def test_cells(expected: Cells, of: Any, cache_type: str, ranks: int, span: tuple[int, int], plain_rows: bool) -> None:
    """Bytes of a token, of a window's and of a slot on one rank."""
    assert expected == cells(of, cache_type, ranks, span, plain_rows)


@pytest.mark.parametrize(
    ("each", "cache_type", "plain_rows"),
    [
        # 576 wide in 16 bits, and the indexer's key of 128 in 8 with a float32 scale.
        (2 * 576 + 132, "f16", False),
        # In 8 bits four scales are added and the rotary key of 64 stays wide; plain rows have neither.
        (512 + 16 + 128 + 132, "fp8", False),
        (576 + 132, "fp8", True),
    ],
)
def test_sparse_latent_attention(each: int, cache_type: str, plain_rows: bool) -> None:
    """``calculate_mla_kv_cache_dim`` and ``_compute_dsa_indexer_cell_size``."""
    sparse = {"query_rank": 1536, "kv_rank": 512, "nope_dim": 128, "rope_dim": 64, "value_dim": 128}
    of = model("latent", mla={**sparse, "indexer_dim": 128, "indexer_heads": 64})
    assert Cells(4 * each) == cells(of, cache_type, 8, WHOLE, plain_rows)


def test_a_stated_ratio() -> None:
    """``swa_full_tokens_ratio``."""
    found = cells(named("sliding", "gpt_oss"), "f16", 1, WHOLE, False, 0.25)
    assert Cells(2 * SLIDING, 10 * SLIDING, 1024, 0.25) == found
    assert 2 * SLIDING + 2.5 * SLIDING == found.pair_bytes


def test_cells_with_a_draft() -> None:
    """Each token of the draft has a slot in all its layers, whatever they attend to."""
    own, draft = Cells(100, 40, 128, 0.8, 7, 5, 9), Cells(10, 4, 64, 0.8)
    assert Cells(114, 40, 128, 0.8, 7, 5, 9) == own.with_draft(draft)


WINDOWED = Cells(1000, 500, 128, 0.5)
STATES = Cells(1000, state_bytes=10_000, slots=5)


@pytest.mark.parametrize(
    ("expected", "cell", "demand"),
    [
        (3 * 4096 * 1000, Cells(1000), Demand(3, 4096, 512)),
        (4096 * 1000 + 77, Cells(1000, fixed_bytes=77), Demand(1, 4096, 512)),
        # Half a windowed token for each full one.
        (4096 * 1250 + 1, WINDOWED, Demand(1, 4096, 512)),
        # 129 tokens of the window and a step of 512 are 641, which need 1,282 of the full layers.
        (1282 * 1250 + 1, WINDOWED, Demand(1, 1000, 512)),
        # A step has no more tokens than all requests.
        (2 * (129 + 200) * 1250 + 1, WINDOWED, Demand(1, 200, 512)),
        ((641 * 500) + 1, Cells(0, 500, 128, 1.0), Demand(1, 4096, 512)),
        # 1.9 bytes for each of the tokens', which leaves the states more than six slots.
        (int(4096 * 1000 * 1.9) + 1, STATES, Demand(1, 4096, 512)),
        # Or 1.9 / 0.9 of five slots for each request and one more.
        (int((64 * 5 + 1) * 10_000 * 1.9 / 0.9) + 1, STATES, Demand(64, 10, 512)),
        (int(4096 * 1000 * 1.5) + 1, STATES, Demand(1, 4096, 512, state_ratio=0.5)),
        (int(6 * 10_000 * 1.9 / 0.9) + 1, Cells(state_bytes=10_000, slots=5), Demand(1, 4096, 512)),
    ],
)
def test_needed_bytes(expected: int, cell: Cells, demand: Demand) -> None:
    """The pool that holds all requests at full length, divided as SGLang divides it."""
    assert expected == needed_bytes(cell, demand)


@pytest.mark.parametrize(
    ("expected", "cell", "pool", "demand"),
    [
        (Capacity(10_000, 2.5), Cells(1000), 10_000_999, Demand(1, 4000, 512)),
        (Capacity(10_000, 2.5), Cells(1000, fixed_bytes=5), 10_000_005, Demand(1, 4000, 512)),
        (Capacity(0, 0.0), Cells(1000, fixed_bytes=5), 4, Demand(1, 4000, 512)),
        (Capacity(8000, 2.0), WINDOWED, 10_000_000, Demand(1, 4000, 512)),
        # The window of 129 tokens holds fewer requests than the full layers: 4,000 / 129 of 8,000 / 200.
        (Capacity(8000, 4000 / 129), WINDOWED, 10_000_000, Demand(1, 200, 512)),
        # 0.9 of 1.9 MB less the spare slot: 89 slots are 17 requests of five, and the tokens have what is left of 90.
        (Capacity(1000, 1.0, 89), STATES, 1_900_000, Demand(1, 1000, 512)),
        (Capacity(1000, 17.0, 89), STATES, 1_900_000, Demand(1, 10, 512)),
        # A draft of four: 10,000 x (1 + 4) aside, 850,000 of 10,000 x (1 + 4 / 5) are 47 slots; two requests have four
        # states each, and one to spare.
        (Capacity(1300, 1.3, 47), STATES, 1_900_000, Demand(2, 1000, 512, 4, 2)),
        (Capacity(500, 0.5), Cells(1000), 10_000_000, Demand(1, 1000, 512, most_tokens=500)),
        # Without a token's bytes the states alone count: 89 slots.
        (Capacity(17_000, 17.0, 89), Cells(state_bytes=10_000, slots=5), 1_900_000, Demand(1, 1000, 512)),
    ],
)
def test_capacity(expected: Capacity, cell: Cells, pool: int, demand: Demand) -> None:
    """Tokens and requests of the full context that a pool holds."""
    found = capacity(cell, pool, demand)
    assert (expected.tokens, expected.slots) == (found.tokens, found.slots)
    assert expected.requests == pytest.approx(found.requests, rel=1e-9)


@pytest.mark.parametrize(
    ("expected", "cell", "most"),
    [
        (None, Cells(1000), None),
        (5_000_000, Cells(1000), 5000),
        (5000 * 1250 + 1, WINDOWED, 5000),
        (int(5_000_000 * 1.9) + 1, STATES, 5000),
    ],
)
def test_most_bytes(expected: int | None, cell: Cells, most: int | None) -> None:
    """What ``max_total_tokens`` ends."""
    assert expected == most_bytes(cell, Demand(1, 100, 512, most_tokens=most))


small = st.integers(1, 4000)
cell_kinds = st.one_of(
    st.builds(Cells, token_bytes=small),
    st.builds(
        Cells, token_bytes=small, window_bytes=small, window=small, window_ratio=st.sampled_from((0.1, 0.8, 1.0))
    ),
    st.builds(Cells, token_bytes=small, state_bytes=small, slots=st.sampled_from((3, 5))),
)


@given(cell_kinds, st.integers(1, 30), st.integers(1, 5000), st.integers(1, 600), st.integers(0, 8))
def test_what_is_needed_holds_the_requests(cell: Cells, requests: int, tokens: int, step: int, checked: int) -> None:
    """A pool of the need holds what was asked, whatever its kind; a byte in a thousand may be lost in rounding."""
    demand = Demand(requests, tokens, step, checked if cell.state_bytes else 0, requests)
    found = capacity(cell, needed_bytes(cell, demand), demand)
    assert found.tokens >= requests * tokens - 1 - requests * tokens // 1000
    assert found.slots >= requests * cell.slots


def test_rings_of_tokens_to_be_compressed() -> None:
    """DeepSeek-V4 Flash: 20 layers compress 128 tokens to one, whose rings have two rows of 512 numbers in 32 bits.

    There is a ring of 128 for each of 256 requests and two more, and one row, in whole pages of 128.
    """
    made = open_catalogue().model("deepseek-v4-flash")
    rows = (256 + 2) * 128 + 128

    assert rows * 2 * 512 * 4 * 20 == cells(made, "fp8", 1, (0, made.layer_count), False).fixed_bytes
