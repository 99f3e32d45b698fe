"""What a layer and a whole pass compute, node by node (ggml-org/llama.cpp v0.5.0 ``src/llama-graph.cpp``)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.llamacpp.graphs import (
    HIDDEN,
    NETWORK,
    OUTPUTS,
    STORE,
    TOKENS,
    VOCABULARY,
    Size,
    nodes,
    part,
    sizes,
    whole,
)  # fmt: skip
from vramfit.engines.llamacpp.graph import NOTHING
from vramfit.engines.llamacpp.layers import attention
from vramfit.model.architecture import Attention

QUERY, KEY, VALUE, RESULT = 4 * 64 * TOKENS, 2 * 64 * TOKENS, 2 * 192 * TOKENS, 4 * 192 * TOKENS
PROJECTED = HIDDEN * TOKENS
"""What a layer's halves end with."""
Q8 = {"key_type": "q8_0", "value_type": "q8_0"}
SCORES = (0, 4 * 4 * TOKENS, 0)
"""A 32-bit number for each head, token and cell."""
MIXED = {"pattern": "sliding full", "window": 7}


def mixer(**changes: Any) -> Attention:
    return Attention(**{"kind": "full", "heads": 4, "kv_heads": 2, "head_dim": 64, "value_dim": 192, **changes})


@pytest.mark.parametrize(
    ("home", "expected", "asked"),
    [
        # On a GPU the projections come together, and V is stored before the keys are turned.
        ("gpu", [QUERY, VALUE, KEY, QUERY, STORE, KEY, STORE, RESULT], {}),
        # In RAM each waits for its weight: queries are turned first, then come V and K.
        ("ram", [QUERY, QUERY, VALUE, KEY, KEY, STORE, STORE, RESULT], {}),
        # Caches of several sequences: V is stored behind K.
        ("gpu", [QUERY, VALUE, KEY, QUERY, KEY, STORE, STORE, RESULT], {"run": {"streams": 2}}),
        # Scores and their softmax in tables, the result gathered by heads.
        (
            "gpu", [QUERY, VALUE, KEY, QUERY, STORE, KEY, STORE, SCORES, SCORES, RESULT, RESULT],
            {"run": {"flash_attention": False}},
        ),
        # A quantized cache has queries, keys and values turned by a matrix, and the result turned back.
        (
            "gpu",
            [QUERY, VALUE, KEY, QUERY, VALUE, KEY, QUERY, KEY, STORE, STORE, RESULT, RESULT],
            {"run": Q8},
        ),
        (
            "ram",
            [QUERY, QUERY, QUERY, VALUE, VALUE, KEY, KEY, KEY, STORE, STORE, RESULT, RESULT],
            {"run": Q8},
        ),
        # K alone, V alone.
        (
            "gpu", [QUERY, VALUE, KEY, QUERY, KEY, QUERY, KEY, STORE, STORE, RESULT], {"run": {"key_type": "q8_0"}},
        ),
        (
            "gpu", [QUERY, VALUE, KEY, QUERY, VALUE, STORE, KEY, STORE, RESULT, RESULT],
            {"run": {"value_type": "q8_0"}},
        ),
        # One matrix for all three, of which V is a view.
        ("gpu", [QUERY + KEY + VALUE, QUERY, STORE, KEY, STORE, RESULT], {"fused_qkv": True}),
        ("gpu", [QUERY, QUERY, VALUE, VALUE, KEY, KEY, QUERY, STORE, KEY, STORE, RESULT], {"qkv_bias": True}),
        # Norms of heads: a copy out of the view, its scale, its turn.
        (
            "gpu", [QUERY, VALUE, KEY, QUERY, QUERY, QUERY, STORE, KEY, KEY, KEY, STORE, RESULT],
            {"qk_norm": "head"},
        ),
        # Of whole projections: both before anything is turned, and V stored before both.
        (
            "gpu", [QUERY, VALUE, KEY, QUERY, QUERY, KEY, KEY, STORE, QUERY, KEY, STORE, RESULT],
            {"qk_norm": "projection"},
        ),
        # A gate beside the query, gathered, through its sigmoid, times the result.
        (
            "gpu", [2 * QUERY, VALUE, KEY, QUERY, STORE, KEY, STORE, RESULT, RESULT, RESULT, RESULT],
            {"query_gate": True},
        ),
        # Where some layers have windows K comes before V, and is stored first.
        ("gpu", [QUERY, KEY, VALUE, QUERY, KEY, STORE, STORE, RESULT], {"changes": MIXED}),
        ("ram", [QUERY, QUERY, KEY, KEY, VALUE, STORE, STORE, RESULT], {"changes": MIXED}),
        # Its full layers may not be turned (Llama 4, SmolLM3).
        ("gpu", [QUERY, KEY, VALUE, STORE, STORE, RESULT], {"changes": MIXED, "unrotated_full": True}),
        ("gpu", [QUERY, VALUE, KEY, QUERY, STORE, KEY, STORE, RESULT], {"unrotated_full": True}),
    ],
)  # fmt: skip
def test_attention(home: str, expected: list[Size], asked: dict[str, Any]) -> None:
    """In the order that the Vulkan backend leaves the nodes in."""
    found = nodes(lambda build, source: attention(build, mixer(), source), home, **asked)

    assert found == [*expected, PROJECTED]


@pytest.mark.parametrize(
    ("expected", "changes", "asked"),
    [
        ([QUERY, KEY, VALUE, QUERY, KEY, STORE, STORE, RESULT], {"window": 7}, {"unrotated_full": True}),
        # Another layer's cache is read, and nothing stored.
        ([QUERY, QUERY, RESULT], {"shares_cache": True}, {}),
        ([QUERY, QUERY, QUERY, RESULT, RESULT], {"shares_cache": True}, {"run": Q8}),
        # Values are the keys before they are turned.
        ([QUERY, KEY, QUERY, KEY, STORE, STORE, QUERY], {"value_is_key": True, "value_dim": 64}, {}),
    ],
)
def test_attention_of_other_kinds(expected: list[Size], changes: dict[str, Any], asked: dict[str, Any]) -> None:
    """In a model whose layers are of two kinds."""
    found = nodes(lambda build, source: attention(build, mixer(**changes), source), **{"changes": MIXED, **asked})

    assert found == [*expected, PROJECTED]


@pytest.mark.parametrize(
    ("expected", "asked"),
    [
        # Positions; the cells that V and K are written to, 64-bit; the mask, 16 bits for each token and cell.
        ([TOKENS, 2 * TOKENS, 2 * TOKENS, (0, 2 * TOKENS, 0)], {}),
        # Without flash attention V is transposed, a cell for each of its 384 elements; the mask has 32 bits.
        ([TOKENS, 2 * TOKENS * 384, 2 * TOKENS, (0, 4 * TOKENS, 0)], {"run": {"flash_attention": False}}),
        # One matrix of 64 x 64 serves V, queries and keys.
        ([TOKENS, 64 * 64, 2 * TOKENS, 2 * TOKENS, (0, 2 * TOKENS, 0)], {"run": Q8}),
    ],
)
def test_inputs_of_attention(expected: list[Size], asked: dict[str, Any]) -> None:
    """Which the host writes before each pass."""
    graph = part(lambda build, source: attention(build, mixer(), source), **asked)

    assert sizes(graph.inputs) == expected


@pytest.mark.parametrize(
    ("side", "head_dim"), [(64, 64), (128, 128), (64, 192), (256, 256), (128, 384), (0, 32), (0, 96)]
)
def test_the_matrix_that_turns_a_head(side: int, head_dim: int) -> None:
    """The largest power of two from 64 on that divides it; heads that 64 does not divide stay as they are."""
    made = mixer(head_dim=head_dim, value_dim=32)
    graph = part(lambda build, source: attention(build, made, source), run={"key_type": "q8_0"})

    assert sizes(graph.inputs)[1:-3] == ([side * side] if side else [])


NETWORK_NODES = [NETWORK, NETWORK, NETWORK, HIDDEN]
TURN = [QUERY, VALUE, KEY, QUERY, STORE, KEY, STORE]


def of(rows: int, widths: list[int]) -> list[int]:
    return [rows * width for width in widths]


NORM = [HIDDEN, HIDDEN]
"""A norm and its scale."""


@pytest.mark.parametrize(
    ("half", "full", "last", "traits"),
    [
        # Behind the mixer its residual sum, a norm, the network, its residual sum.
        ([*NORM], [HIDDEN, *NORM, *NETWORK_NODES, HIDDEN], [HIDDEN, *NORM, *NETWORK_NODES, HIDDEN], {}),
        # Each norm with a bias.
        (
            [*NORM, HIDDEN], [HIDDEN, *NORM, HIDDEN, *NETWORK_NODES, HIDDEN],
            [HIDDEN, *NORM, HIDDEN, *NETWORK_NODES, HIDDEN], {"norm_bias": True},
        ),
        # A norm behind each half as well, or there alone.
        (
            [*NORM], [*NORM, HIDDEN, *NORM, *NETWORK_NODES, *NORM, HIDDEN],
            [*NORM, HIDDEN, *NORM, *NETWORK_NODES, *NORM, HIDDEN],
            {"norms": ["attn_norm", "post_attn_norm", "ffn_norm", "post_ffw_norm"]},
        ),
        (
            [], [*NORM, HIDDEN, *NETWORK_NODES, *NORM, HIDDEN], [*NORM, HIDDEN, *NETWORK_NODES, *NORM, HIDDEN],
            {"norms": ["post_attn_norm", "post_ffw_norm"]},
        ),
    ],
)  # fmt: skip
def test_a_whole_pass(half: list[int], full: list[int], last: list[int], traits: dict[str, Any]) -> None:
    """Rows of the embedding; two layers, behind the mixer of the last only the rows of logits; the head."""
    graph = whole(**traits)
    head = [*NORM, HIDDEN] if "norm_bias" in traits else NORM

    assert sizes(graph.nodes) == [
        PROJECTED,
        *of(TOKENS, half), *TURN, RESULT, *of(TOKENS, [HIDDEN, *full]),
        *of(TOKENS, half), *TURN, HIDDEN * OUTPUTS, RESULT, PROJECTED, *of(OUTPUTS, [HIDDEN, *last]),
        *of(OUTPUTS, [*head, VOCABULARY]),
    ]  # fmt: skip
    # Positions, tokens, embeddings given in their stead, cells of V and K, the mask, the rows of logits.
    assert sizes(graph.inputs) == [TOKENS, TOKENS, PROJECTED, 2 * TOKENS, 2 * TOKENS, (0, 2 * TOKENS, 0), OUTPUTS]


@pytest.mark.parametrize(
    ("home", "first"),
    [
        # On a GPU the network's matrices come with the cache's writes, so that both are under way.
        (
            "gpu",
            [*TURN[:4], NETWORK * TOKENS, NETWORK * TOKENS, *TURN[4:], NETWORK * TOKENS, RESULT, PROJECTED, PROJECTED],
        ),
        ("ram", [QUERY, QUERY, VALUE, KEY, KEY, STORE, STORE, RESULT, *of(TOKENS, NETWORK_NODES)]),
    ],
)
def test_a_parallel_network(home: str, first: list[Size]) -> None:
    """One norm serves attention and network; the last layer's follow each other."""
    found = sizes(whole(home, norms=["attn_norm"]).nodes)
    norm = of(TOKENS, NORM)
    begun = [PROJECTED, *norm, *first]

    assert found[: len(begun)] == begun


def test_a_last_layer_without_a_mixer() -> None:
    """Attention and network as layers of their own (Nemotron-H): every row goes through the last norm, then some are cut out."""
    graph = whole(changes={"pattern": "full mlp"})

    assert sizes(graph.nodes) == [
        PROJECTED, *of(TOKENS, NORM), *TURN, RESULT, PROJECTED, PROJECTED,
        *of(TOKENS, [*NORM, *NETWORK_NODES, HIDDEN, *NORM]),
        *of(OUTPUTS, [HIDDEN, VOCABULARY]),
    ]  # fmt: skip
    assert sizes(graph.inputs) == [TOKENS, TOKENS, PROJECTED, 2 * TOKENS, 2 * TOKENS, (0, 2 * TOKENS, 0), OUTPUTS]


def test_inputs_of_each_layer() -> None:
    """Three numbers for each of two layers, looked up and projected at once; each layer adds its own (Gemma 4 E)."""
    own, wide = 3, 3 * 2
    half = [HIDDEN, *NORM, *NETWORK_NODES, HIDDEN]
    extra = [HIDDEN, *NORM, HIDDEN]
    graph = whole(per_layer_embedding=own)

    assert sizes(graph.nodes) == [
        PROJECTED, wide * TOKENS, *of(TOKENS, NORM), *TURN, RESULT, *of(TOKENS, [HIDDEN, *half]),
        # Projected and gathered by layer when the first layer needs it.
        *of(TOKENS, [own, own, wide, wide, wide, wide, own, *extra]),
        *of(TOKENS, NORM), *TURN, HIDDEN * OUTPUTS, RESULT, PROJECTED, *of(OUTPUTS, [HIDDEN, *half, own, own, own, *extra]),
        *of(OUTPUTS, [*NORM, VOCABULARY]),
    ]  # fmt: skip


def test_several_streams() -> None:
    """Four residual streams, predicted before each layer and corrected behind it; at last one again (Gemma 3n)."""
    wide, streams = 3 * 2, 4 * HIDDEN * TOKENS
    graph = whole(per_layer_embedding=3, altup=4)
    found = sizes(graph.nodes)

    # Here the layers' inputs are gathered right away.
    assert found[:9] == [PROJECTED, *of(TOKENS, [wide] * 5), streams, streams, streams]
    assert found[-6:] == [streams, PROJECTED, *of(OUTPUTS, [HIDDEN, *NORM, VOCABULARY])]
    assert sizes(graph.inputs) == [TOKENS, TOKENS, PROJECTED, 2 * TOKENS, 2 * TOKENS, (0, 2 * TOKENS, 0), OUTPUTS]


@pytest.mark.parametrize(
    ("elements", "window", "run"),
    [
        (0, None, {}),
        (2 * 64, None, {"key_type": "q8_0"}),
        (2 * 192, None, {"value_type": "q8_0"}),
        (2 * 64 + 2 * 192, None, Q8),
        (2 * 64 + 2 * 192, None, {"key_type": "bf16", "value_type": "f32"}),
        (2 * 192, 7, {"value_type": "q8_0"}),
        (3 * 2 * 192, None, {"value_type": "q8_0", "streams": 3}),
        (0, None, {**Q8, "flash_attention": False}),
    ],
)
def test_what_is_unpacked_to_16_bits(elements: int, window: int | None, run: dict[str, Any]) -> None:
    """K and V that are not stored as F16, by cell of the layer's own kind, in all streams."""
    made = mixer(kind="full" if window is None else "sliding", window=window)
    graph = part(lambda build, source: attention(build, made, source), changes=MIXED, run=run)
    size = (0, 2 * elements, 0) if window is None else (0, 0, 2 * elements)

    assert [node.scratch for node in graph.nodes if node.scratch != NOTHING] == ([size] if elements else [])
