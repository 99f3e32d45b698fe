"""``auto``: as much on the GPUs as leaves the margin of ``llama-server --fit``."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.llamacpp.asking import estimated
from tests.samples import gpu
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate
from vramfit.engines.llamacpp.auto import choose
from vramfit.units import MIB
from vramfit.workload.common import Workload

MARGIN = 1024 * MIB


def card(mebibytes: int) -> Any:
    """A card on which so much is usable."""
    return gpu("rtx4090", memory_mib=mebibytes, vram_gb=mebibytes // 1024, usable_mib={"linux": mebibytes})


def room(found: Estimate, mebibytes: int) -> int:
    """What is free on the fullest card beyond the margin."""
    return min(mebibytes * MIB - device.total_bytes for device in found.gpus) - MARGIN


def test_everything_when_it_fits() -> None:
    found = estimated("llama-3.1-8b", gpus=[card(24080)], gpu_layers="auto")
    assert {"backend": "cuda", "gpu_layers": "all"} == found.settings
    assert found.gpus == estimated("llama-3.1-8b", gpus=[card(24080)]).gpus


@given(
    memory=st.integers(3000, 40_000), quant=st.sampled_from(["Q4_K_M", "Q8_0"]), context=st.sampled_from([512, 16384])
)
def test_the_most_layers_that_leave_the_margin(memory: int, quant: str, context: int) -> None:
    """What was chosen leaves it, and one layer more does not."""
    found = estimated("llama-2-13b", quant, [card(memory)], gpu_layers="auto", context=context)
    chosen = found.settings["gpu_layers"]
    if chosen == "all":
        assert room(found, memory) >= 0
        return
    assert isinstance(chosen, int)
    assert room(found, memory) >= 0 or chosen == 0
    more = estimated("llama-2-13b", quant, [card(memory)], gpu_layers=chosen + 1, context=context)
    assert room(more, memory) < 0
    asked = estimated("llama-2-13b", quant, [card(memory)], gpu_layers=chosen, context=context)
    assert (found.gpus, found.host) == (asked.gpus, asked.host)


@given(memory=st.integers(5000, 24_000))
def test_a_mixture_moves_experts_before_layers(memory: int) -> None:
    """All layers stay, and the fewest layers' experts go that leave the margin."""
    found = estimated("qwen3-30b-a3b", gpus=[card(memory)], gpu_layers="auto", context=16384)
    moved = found.settings.get("cpu_moe_layers", 0)
    assert isinstance(moved, int)
    assert "all" == found.settings["gpu_layers"]
    assert room(found, memory) >= 0
    if moved:
        fewer = estimated("qwen3-30b-a3b", gpus=[card(memory)], cpu_moe_layers=moved - 1, context=16384)
        assert room(fewer, memory) < 0


def test_a_mixture_that_does_not_fit_without_its_experts_leaves_out_layers_too() -> None:
    found = estimated("qwen3-30b-a3b", gpus=[card(2600)], gpu_layers="auto", context=16384)
    assert 48 == found.settings["cpu_moe_layers"]
    assert 0 < int(str(found.settings["gpu_layers"])) < 49
    assert room(found, 2600) >= 0


def test_experts_alone() -> None:
    """``cpu_moe_layers: auto`` with all layers on the GPU; nothing else was left open, so nothing else is reported."""
    found = estimated("qwen3-30b-a3b", gpus=[card(12000)], cpu_moe_layers="auto", context=16384)
    assert {"backend", "cpu_moe_layers"} == set(found.settings)
    assert room(found, 12000) >= 0


def test_nothing_fits() -> None:
    """The smallest placement is returned, for the verdict to say so."""
    found = estimated("llama-2-13b", gpus=[card(700)], gpu_layers="auto")
    assert {"backend": "cuda", "gpu_layers": 0} == found.settings
    assert 0 == found.gpus[0].weights_bytes


@pytest.mark.parametrize("cards", [2, 4])
def test_several_cards(cards: int) -> None:
    """The fullest of them decides."""
    found = estimated("llama-3.1-70b", "Q4_K_M", [card(11900)] * cards, gpu_layers="auto", context=8192)
    chosen = found.settings["gpu_layers"]
    assert room(found, 11900) >= 0
    if chosen != "all":
        more = estimated(
            "llama-3.1-70b", "Q4_K_M", [card(11900)] * cards, gpu_layers=int(str(chosen)) + 1, context=8192
        )
        assert room(more, 11900) < 0


def test_memory_held_by_others_is_left_alone() -> None:
    """A reserve of 8 GiB is a card of 8 GiB less, but for the smaller share of a split."""
    reserved = estimated("llama-2-13b", "Q8_0", [card(16384)], gpu_layers="auto", reserve_bytes=8192 * MIB)
    assert reserved.settings == estimated("llama-2-13b", "Q8_0", [card(8192)], gpu_layers="auto").settings
    assert reserved.settings != estimated("llama-2-13b", "Q8_0", [card(16384)], gpu_layers="auto").settings


def as_if(needs: list[int]) -> Any:
    """An estimate that needs so many bytes of its one card, by the layers whose experts are in RAM."""
    return lambda _, moved: Estimate(
        (DeviceMemory("gpu0", needs[moved], 0, 0, 0, 0, 0),), NOTHING, 0, (), {"cpu_moe_layers": moved}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "needs"),
    [
        # What all of them leave is the margin to the byte; it may be what fewer leave as well.
        (1, [101, 100, 100, 100, 100]),
        (2, [103, 101, 100, 100, 100]),
        (3, [103, 102, 101, 100, 100]),
        (4, [103, 103, 103, 101, 100]),
        # Nothing fits: as many as there are.
        (4, [105, 104, 103, 102, 101]),
        (0, [100, 90, 80, 70, 60]),
        (1, [101, 60, 50, 40, 30]),
        (3, [200, 199, 198, 100, 30]),
    ],
)
def test_the_fewest_layers_whose_experts_must_go(chosen: int, needs: list[int]) -> None:
    """Of a mixture of four layers, on a card with the margin and 100 bytes."""
    found = choose(Workload(4096, cpu_moe_layers="auto"), (5, 0), 4, True, [MARGIN + 100], as_if(needs))
    assert found.settings == {"cpu_moe_layers": chosen}
