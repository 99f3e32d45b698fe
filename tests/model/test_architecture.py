"""What layers and models say of their feed-forward networks and of their mixers together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import vramfit.model
from tests.quantization.builders import build
from vramfit._record import replace
from vramfit.model import mixers, origin
from vramfit.model.architecture import Attention, Experts, FeedForward, Layers
from vramfit.model.mixers import LatentAttention

if TYPE_CHECKING:
    from typing import Any

    from vramfit.model import Model

DENSE = FeedForward(96)
ALL_KINDS = Experts(8, 2, 32, shared_width=64, dense_width=48)
ROUTED = Experts(8, 2, 32)
ATTENTION = Attention("full", 4, 4, 8, 8)
LATENT = LatentAttention(4, None, 20, 6, 2, 5)


def small(**facts: Any) -> Model:
    """A model of four layers, but for what ``facts`` change."""
    return build(**{"layers": 4, "hidden": 64, "ffn": 96, "heads": 4, "vocab": 128, **facts})


@pytest.mark.parametrize(
    ("network", "passed", "inner"),
    [
        (DENSE, 96, (96,)),
        (ROUTED, 2 * 32, (32,)),
        (ALL_KINDS, 2 * 32 + 64 + 48, (32, 64, 48)),
        (Experts(8, 2, 32, dense_width=48), 2 * 32 + 48, (32, 48)),
    ],
)
def test_widths_of_feed_forward_networks(network: FeedForward | Experts, passed: int, inner: tuple[int, ...]) -> None:
    assert (network.passed_width, network.inner_widths) == (passed, inner)
    assert Layers((0,), (), network).passed_width == passed


@pytest.mark.parametrize(("network", "experts"), [(DENSE, None), (ROUTED, ROUTED), (None, None)])
def test_mixture_of_a_layer(network: FeedForward | Experts | None, experts: Experts | None) -> None:
    assert Layers((0,), (ATTENTION,), network).experts == experts


def test_a_layer_without_a_feed_forward_network_passes_nothing() -> None:
    assert Layers((0,), (ATTENTION,), None).passed_width == 0


def test_a_model_of_dense_layers_has_no_experts() -> None:
    dense = small()
    assert (dense.has_experts, dense.active_shares) == (False, (1.0, 1.0, 1.0, 1.0))


def test_shares_of_experts_are_those_of_each_layer() -> None:
    mixed = small(moe={"experts": 8, "active": 2, "width": 32, "dense_layers": 1})
    assert (mixed.has_experts, mixed.active_shares) == (True, (1.0, 0.25, 0.25, 0.25))


@pytest.mark.parametrize(
    ("groups", "latent"),
    [
        ((Layers((0,), (ATTENTION,), DENSE),), False),
        ((Layers((0,), (ATTENTION,), DENSE), Layers((1,), (LATENT,), DENSE)), True),
        ((Layers((0,), (mixers.CompressedAttention(4, 8, 10, 128, 4, 2, 6),), DENSE),), False),
        ((Layers((0,), (), DENSE),), False),
    ],
)
def test_latent_attention_in_any_layer(groups: tuple[Layers, ...], latent: bool) -> None:
    assert replace(small(), layers=groups).has_latent_attention is latent


@pytest.mark.parametrize(
    "name", ["CompressedAttention", "FixedState", "LinearAttention", "ShortConvolution", "StateSpace"]
)
def test_kinds_that_few_models_have_are_public_too(name: str) -> None:
    assert getattr(vramfit.model, name) is getattr(mixers, name)


def test_the_origin_of_a_model_is_public_too() -> None:
    assert vramfit.model.Origin is origin.Origin


def test_the_room_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'state'"):
        vramfit.model.state  # noqa: B018
