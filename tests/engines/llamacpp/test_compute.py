"""What a compute buffer is worked out from: layers that stand for all, holes, and how much is remembered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.llamacpp.asking import estimated
from tests.samples import model
from vramfit.answer import answer
from vramfit.engines.keys import parse_request
from vramfit.engines.llamacpp import compute
from vramfit.engines.llamacpp.placement import HOST, Plan, parts_of, place
from vramfit.engines.resolve import resolve
from vramfit.quantization import derive, find_scheme
from vramfit.sources import open_catalogue

SLIDING, FULL = 0, 1


@pytest.mark.parametrize(
    ("chosen", "shares"),
    [
        # One card: two of each kind behind each other kind, and from the 22nd on those without three behind them.
        ([0, 1, 2, 5, 6, 11, 12, 21, 22, 23], [1.0]),
        # Sixteen layers on the first: its last three, and on the second the same anew.
        ([0, 1, 2, 5, 6, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23], [16.0, 9.0]),
        # Nine and fifteen: the border's kind is new.
        ([0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17, 18, 21, 22, 23], [9.0, 16.0]),
    ],
)
def test_layers_that_stand_for_all(chosen: list[int], shares: list[float]) -> None:
    """Of five sliding layers to a full one, 24 in all: each as its kind and the device it is on."""
    made = model("sliding", layers=24)
    placement = place(24, 25, 0, shares)
    found = compute._representatives(made, parts_of(derive(made, find_scheme("fp16"))), placement, False)

    assert [(number, home.device) for number, _, home in found] == [
        (FULL if index % 6 == 5 else SLIDING, placement.layer_device[index]) for index in chosen
    ]


@pytest.mark.parametrize(
    ("layers", "shares"),
    [
        ([0, 31 - 1, 31], [1.0]),
        ([0, 1, 17, 30, 31], [1.0, 1.0]),
        ([0, 1, 29, 30, 31], [29.0, 4.0]),
        ([0, 1, 30, 31], [30.0, 3.0]),  # two layers are left to the second: the first of them is no third
    ],
)
def test_equal_layers_up_to_the_end_are_three(layers: list[int], shares: list[float]) -> None:
    """The first and the last two, where a cache in F16 needs no unpacking and the last three are on one GPU."""
    made = model("llama-2-7b")
    placement = place(32, 33, 0, shares)
    found = compute._representatives(made, parts_of(derive(made, find_scheme("fp16"))), placement, True)
    assert [home.device for _, _, home in found] == [placement.layer_device[index] for index in layers]


def test_layers_after_those_with_experts_in_ram_are_four() -> None:
    """As many as with a cache that needs unpacking."""
    made = model("mixtral-8x7b")
    placement, parts = place(32, 33, 2, [1.0]), parts_of(derive(made, find_scheme("fp16")))
    fewer, usual = (compute._representatives(made, parts, placement, plain) for plain in (True, False))
    assert len(fewer) == len(usual) == 6


@pytest.mark.parametrize("keys", [{}, {"flash_attention": "off"}, {"context": 20_000, "parallel": 3}, {"batch": 40}])
@pytest.mark.parametrize("name", ["llama-2-7b", "llama-3.1-8b", "mixtral-8x7b", "deepseek-v2-lite", "falcon-7b"])
def test_three_layers_take_what_four_do(name: str, keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of these and of every other model with equal layers; falcon is the one where an unpacked cache would tell."""
    request = {"gpu": "2xrtx4090", "model": name, "quant": "Q4_K_M", "engine": "llama.cpp", **keys}
    chosen: Any = compute._representatives
    found = []
    for fewer in (True, False):
        monkeypatch.setattr(
            compute, "_representatives", lambda *asked, fewer=fewer: chosen(*asked[:3], fewer and asked[3])
        )
        compute._plans.clear()
        compute._results.clear()
        (deployment,) = resolve(parse_request(request), open_catalogue())
        plan: Any = answer(deployment).estimate.plan
        found.append(plan.buffers)
    assert found[0] == found[1]


@pytest.mark.parametrize(("homes", "gpu_layers"), [([0, 0, 0, 0], 33), ([HOST, HOST, 0, 0, 0, 0], 17)])
def test_layers_that_stand_for_equal_ones(homes: list[int], gpu_layers: int) -> None:
    """On each device the first and one behind another, and the last two of all."""
    made = model("llama-3.1-8b")
    placement = place(32, gpu_layers, 0, [1.0])
    found = compute._representatives(made, parts_of(derive(made, find_scheme("fp16"))), placement, False)

    assert [home.device for _, _, home in found] == homes


@pytest.mark.parametrize(("kept", "most"), [([1, 2, 3, 1], 3), ([1, 2, 1, 2], 2), ([1, 1, 1, 1], 1), ([1, 2, 3, 4], 9)])
def test_results_are_remembered_up_to_a_number(kept: list[int], most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are forgotten before one more than ``LARGEST_MEMORY`` would be kept; plans likewise."""
    made = model("llama-3.1-8b")
    monkeypatch.setattr(compute, "LARGEST_MEMORY", most)
    compute._results.clear()
    compute._plans.clear()
    sizes = []
    for blocks in range(4):
        estimated(made, "fp16", context=1024 + 256 * blocks)
        sizes.append(len(compute._results))

    assert sizes == kept
    assert len(compute._plans) == 1


@pytest.mark.parametrize(("value_type", "size"), [("q8_0", 0), ("f16", 131072)])
def test_unpacking_never_shrinks_a_buffer(value_type: str, size: int) -> None:
    """The tensors may lie closer together with the room for unpacking: that is no memory given back."""
    found = estimated(
        "cogito-v2-preview-llama-109b-moe", "Q3_K_S", context=32000, kv_cache_type="q8_0", kv_cache_type_v=value_type,
        cpu_moe_layers=44, ubatch=1024,
    )  # fmt: skip
    assert isinstance(found.plan, Plan)

    assert found.plan.buffers.unpacking_bytes == (size,)
    assert not [text for text in found.assumptions if "unpacks" in text]
