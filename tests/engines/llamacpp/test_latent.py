"""Attention to a compressed cache, node by node (ggml-org/llama.cpp v0.5.0 ``src/models/deepseek2.cpp``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.engines.llamacpp.graphs import HIDDEN, STORE, TOKENS, Size, nodes, part, sizes
from vramfit.engines.llamacpp import latent
from vramfit.engines.llamacpp.placement import HOST
from vramfit.model.mixers import CompressedAttention, LatentAttention

if TYPE_CHECKING:
    from vramfit.engines.llamacpp.graph import Graph

HEADS, RANK, NOPE, ROPE, VALUE = 3, 5, 4, 2, 6
QUERY = HEADS * (NOPE + ROPE)
TABLE = (0, 4 * HEADS * TOKENS, 0)
"""A 32-bit score for each head, token and cell."""


def mla(query_rank: int | None = None) -> LatentAttention:
    return LatentAttention(HEADS, query_rank, RANK, NOPE, ROPE, VALUE)


def widths(found: list[Size]) -> list[Size]:
    """For each token."""
    return [size // TOKENS if isinstance(size, int) else size for size in found]


LOW_RANK = [7, 7, 7]
"""A query of rank 7 and its norm."""
SPLIT = [HEADS * RANK, HEADS * ROPE, RANK, RANK, ROPE]
"""Queries in the latent's space, their turned part, the latent and its norm, the turned key."""
OUT = [HEADS * RANK, HEADS * VALUE, HEADS * VALUE, HIDDEN]
"""What comes out of the latent's space, head by head, gathered, and projected."""
BOTH = RANK + ROPE


@pytest.mark.parametrize(
    ("home", "query_rank", "expected", "run"),
    [
        ("gpu", None, [QUERY, BOTH, *SPLIT, HEADS * BOTH, BOTH, STORE, *OUT], {}),
        ("gpu", 7, [*LOW_RANK, QUERY, BOTH, *SPLIT, HEADS * BOTH, BOTH, STORE, *OUT], {}),
        # In RAM queries come whole before the latent does.
        ("ram", None, [QUERY, *SPLIT[:2], HEADS * BOTH, BOTH, *SPLIT[2:], BOTH, STORE, *OUT], {}),
        # Without flash attention the cache is transposed for the values, 16 bits of each; scores have tables.
        (
            "gpu", None,
            [QUERY, BOTH, *SPLIT, HEADS * BOTH, BOTH, STORE, (0, 2 * RANK, 0), TABLE, TABLE, *OUT],
            {"flash_attention": False},
        ),
        (
            "gpu", None,
            [QUERY, BOTH, *SPLIT, HEADS * BOTH, BOTH, STORE, (0, 2 * RANK * 2, 0), TABLE, TABLE, *OUT],
            {"flash_attention": False, "streams": 2},
        ),
    ],
)  # fmt: skip
def test_latent_attention(home: str, query_rank: int | None, expected: list[Size], run: dict[str, Any]) -> None:
    found = nodes(lambda build, source: latent.mixer(build, mla(query_rank), source), home, run=run)

    assert widths(found) == expected


@pytest.mark.parametrize(
    ("expected", "run"),
    [
        ([HEADS * 8, 6, HIDDEN], {}),
        ([TABLE, TABLE, HEADS * 8, HEADS * 8, 6, HIDDEN], {"flash_attention": False}),
    ],
)
def test_attention_to_compressed_entries(expected: list[Size], run: dict[str, Any]) -> None:
    """Queries of rank 7, one key of 8, what comes out reduced to 2 for each of three groups (DeepSeek-V4)."""
    made = CompressedAttention(HEADS, 8, 7, 128, 4, 3, 2)
    found = nodes(lambda build, source: latent.mixer(build, made, source), run=run)

    assert widths(found) == [*LOW_RANK, HEADS * 8, HEADS * 8, 8, 8, STORE, *expected]


def scratch(graph: Graph) -> list[tuple[int, int, int]]:
    """What flash attention has beside its result."""
    return [node.scratch for node in graph.nodes if any(node.scratch)]


@pytest.mark.parametrize(
    "made", [LatentAttention(HEADS, None, 30, NOPE, 2, VALUE), CompressedAttention(HEADS, 32, 7, 128, 4, 3, 2)]
)
@pytest.mark.parametrize("streams", [1, 2])
def test_a_quantized_cache_is_unpacked(made: Any, streams: int) -> None:
    """To 16 bits, 32 numbers of every cell; one in 16 bits is not."""
    plain, quantized = (
        part(lambda build, source: latent.mixer(build, made, source), run={"key_type": kind, "streams": streams})
        for kind in ("f16", "q8_0")
    )

    assert (scratch(plain), scratch(quantized)) == ([], [(0, 2 * 32 * streams, 0)])
    assert sizes(plain.inputs) == sizes(quantized.inputs)


@pytest.mark.parametrize(("vulkan", "streams", "left"), [(True, 2, 1), (True, 1, 0), (False, 2, 0)])
def test_a_product_that_vulkan_leaves_to_the_cpu(vulkan: bool, streams: int, left: int) -> None:
    """Where caches of several sequences lie side by side."""
    asked = {"vulkan": vulkan, "streams": streams}
    graph = part(lambda build, source: latent.mixer(build, mla(), source), run=asked)

    assert [node.size[0] // 4 for node in graph.nodes if node.device == HOST] == [HEADS * VALUE * TOKENS] * left
