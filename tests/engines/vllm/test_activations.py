"""Elements per token of the layer that needs most on one rank, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import model
from vramfit.engines.vllm.activations import widest_layer

MIXING = 2 * 4096 + 2 * 1024
"""Mixtral's attention: queries twice, keys and values of 8 heads of 128."""


@pytest.mark.parametrize(
    ("expected", "ranks", "name", "changes"),
    [
        # A dense network: gate, up and their product, divided.
        (3 * 11_008, 1, "llama-2-7b", {}),
        (3 * 11_008 // 4, 4, "llama-2-7b", {}),
        # Attention where the network is narrow: queries twice, keys and values, 4,096 elements each.
        (4 * 4096, 1, "llama-2-7b", {"ffn": 1000}),
        # Two of the experts: gate and up, and their product.
        (2 * 3 * 14_336, 1, "mixtral-8x7b", {}),
        (2 * 3 * 7168, 2, "mixtral-8x7b", {}),
        # Each expert's output of 4,096 elements is wider than gate and up; it is whole on every rank.
        (3 * (4096 + 1500), 1, "mixtral-8x7b", {"moe": {"experts": 8, "active": 3, "width": 1500}}),
        (3 * (4096 + 1500), 2, "mixtral-8x7b", {"moe": {"experts": 8, "active": 3, "width": 3000}}),
        (MIXING, 1, "mixtral-8x7b", {"moe": {"experts": 8, "active": 1, "width": 1500}}),
    ],
)
def test_widest_layer(expected: int, ranks: int, name: str, changes: dict[str, Any]) -> None:
    assert expected == widest_layer(model(name, **changes), ranks)


@pytest.mark.parametrize(
    ("expected", "moe"),
    [
        (MIXING, {"experts": 8, "active": 2, "width": 14_336}),
        (3 * 4000, {"experts": 8, "active": 2, "width": 14_336, "shared_width": 4000}),
    ],
)
def test_routed_experts_can_be_left_out(expected: int, moe: dict[str, Any]) -> None:
    """What is left are attention and the experts of all tokens."""
    assert expected == widest_layer(model("mixtral-8x7b", moe=moe), 1, False)
