"""What a mixture of experts computes, node by node (ggml-org/llama.cpp v0.5.0 ``src/llama-graph.cpp`` ``build_moe_ffn``)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.llamacpp.graphs import HIDDEN, TOKENS, Size, built, nodes
from vramfit.engines.llamacpp.experts import experts
from vramfit.engines.llamacpp.graph import Builder, Home
from vramfit.engines.llamacpp.placement import HOST
from vramfit.model.architecture import Experts

COUNT, WIDTH, SHARED = 9, 7, 13


def widths(home: str = "gpu", traits: dict[str, Any] | None = None, **layer: Any) -> list[Size]:
    """Floats that each node has for a token, in order."""
    made = Experts(count=COUNT, width=WIDTH, **{"active": 3, **layer})
    found = nodes(lambda build, source: experts(build, made, source), home, **traits or {})
    return [size // TOKENS if isinstance(size, int) else size for size in found]


def routed(active: int) -> list[int]:
    """Logits, chances, their order and the weights of the chosen."""
    return [COUNT, COUNT, COUNT, active]


def inner(active: int) -> list[int]:
    """Up, gate and product of the chosen experts."""
    return [active * WIDTH] * 3


@pytest.mark.parametrize("home", ["gpu", "experts in ram", "ram"])
@pytest.mark.parametrize("active", [2, 3, 4, 5, 8])
def test_the_chosen_are_added_one_by_one(active: int, home: str) -> None:
    """Down, weighted, then one sum fewer than there are experts, the first being no step of its own for two."""
    assert widths(home, active=active) == [
        *routed(active), *inner(active), active * HIDDEN, active * HIDDEN, *[HIDDEN] * (active - 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("home", "expected"),
    [
        # The input is copied while the router computes, and the copy weighted.
        ("gpu", [COUNT, HIDDEN, COUNT, COUNT, 1, HIDDEN, WIDTH, WIDTH, WIDTH, HIDDEN, HIDDEN]),
        ("experts in ram", [COUNT, HIDDEN, COUNT, COUNT, 1, HIDDEN, WIDTH, WIDTH, WIDTH, HIDDEN, HIDDEN]),
        ("ram", [COUNT, COUNT, COUNT, 1, HIDDEN, HIDDEN, WIDTH, WIDTH, WIDTH, HIDDEN, HIDDEN]),
    ],
)
def test_a_single_expert_has_its_input_weighted(home: str, expected: list[Size]) -> None:
    """As Llama 4 has it; nothing is summed."""
    assert widths(home, active=1) == expected


@pytest.mark.parametrize("active", [6, 7])
def test_a_shared_expert_comes_with_the_routed(active: int) -> None:
    """Its gate and up behind theirs, as long as they are 20 nodes away at most (``NUM_TO_CHECK``)."""
    assert widths(active=active, shared_width=SHARED) == [
        *routed(active), *inner(active)[:2], SHARED, SHARED, active * WIDTH, SHARED,
        active * HIDDEN, active * HIDDEN, *[HIDDEN] * (active - 1), HIDDEN, HIDDEN,
    ]  # fmt: skip


@pytest.mark.parametrize("active", [8])
def test_a_shared_expert_at_the_end_of_what_is_looked_at(active: int) -> None:
    """Its first matrices come behind the routed product, its own product where it is written."""
    assert widths(active=active, shared_width=SHARED) == [
        *routed(active), *inner(active), SHARED, SHARED, active * HIDDEN, active * HIDDEN, SHARED,
        *[HIDDEN] * (active - 1), HIDDEN, HIDDEN,
    ]  # fmt: skip


def test_a_shared_expert_too_far_away() -> None:
    """Comes before the sums."""
    assert widths(active=9, shared_width=SHARED) == [
        *routed(9), *inner(9), 9 * HIDDEN, 9 * HIDDEN, SHARED, SHARED, SHARED, *[HIDDEN] * 8, HIDDEN, HIDDEN,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("home", "active", "expected"),
    [
        # The products of those in RAM wait for copies: the shared expert's matrices come before the sums, no product does.
        (
            "experts in ram", 3,
            [*routed(3), *inner(3), 30, 30, SHARED, SHARED, HIDDEN, HIDDEN, SHARED, HIDDEN, HIDDEN],
        ),
        # Where all is in RAM it comes as written.
        ("ram", 3, [*routed(3), *inner(3), 30, 30, HIDDEN, HIDDEN, SHARED, SHARED, SHARED, HIDDEN, HIDDEN]),
        # Beside a single expert it comes with the router.
        (
            "gpu", 1,
            [COUNT, HIDDEN, SHARED, SHARED, COUNT, COUNT, 1, SHARED, HIDDEN, HIDDEN, 7, 7, 7, HIDDEN, HIDDEN, HIDDEN],
        ),
        (
            "experts in ram", 1,
            [COUNT, HIDDEN, COUNT, COUNT, 1, HIDDEN, 7, 7, 7, HIDDEN, SHARED, SHARED, HIDDEN, SHARED, HIDDEN, HIDDEN],
        ),
    ],
)  # fmt: skip
def test_a_shared_expert_elsewhere(home: str, active: int, expected: list[Size]) -> None:
    assert widths(home, active=active, shared_width=SHARED) == expected


@pytest.mark.parametrize(
    ("expected", "layer", "traits"),
    [
        # Without a gate what is up is its own product.
        ([*routed(3), 21, 21, 30, 30, 10, 10], {"gated": False}, {}),
        # Into a latent of 5 and out again: as wide as that between.
        ([*routed(3), 5, *inner(3), 15, 15, 5, 5, 10], {"latent": 5}, {}),
        # A dense network of 17 beside the mixture, added at last.
        ([*routed(3), *inner(3), 30, 30, 10, 10, 17, 17, 17, 10, 10], {"dense_width": 17}, {}),
        # One more step for each bias, and for the shared expert's gate.
        ([9, *routed(3), *inner(3), 30, 30, 10, 10], {}, {"router_bias": True}),
        ([9, *routed(3), *inner(3), 30, 30, 10, 10], {}, {"selection_bias": True}),
        ([*routed(3), *[21] * 5, 30, 30, 30, 10, 10], {}, {"expert_bias": True}),
        (
            [*routed(3), 21, 21, 13, 13, 21, 13, 30, 30, 10, 10, 10, 1, 1, 10, 10],
            {"shared_width": SHARED}, {"shared_gate": True},
        ),
    ],
)  # fmt: skip
def test_further_parts(expected: list[Size], layer: dict[str, Any], traits: dict[str, Any]) -> None:
    assert widths(traits=traits, **layer) == expected


def test_matrices_in_ram_are_as_large_as_they_are_stored() -> None:
    """Or 32-bit where no tensor of that name is stored: all experts of a matrix together, gate, up and down."""
    layer = Experts(count=COUNT, active=3, width=WIDTH)
    home = Home(0, HOST, {"ffn_gate_exps.weight": 1000})
    build = Builder(*built())
    build.at(home)
    build.graph.expand(experts(build, layer, build.graph.given((4 * HIDDEN * TOKENS, 0, 0))))
    matrices = [one.size[0] for node in build.graph.nodes for one in node.sources if one.device == HOST and one.weight]

    assert matrices == [1000, 4 * HIDDEN * WIDTH * COUNT, 4 * HIDDEN * WIDTH * COUNT]
