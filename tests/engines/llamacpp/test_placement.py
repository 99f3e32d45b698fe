"""Where layers, experts, the output and the cache go."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.llamacpp.asking import catalogue_model, devices, estimated
from tests.samples import gpu, model
from vramfit._record import replace
from vramfit.engines.llamacpp.cache_types import _check_blocks
from vramfit.engines.llamacpp.placement import HOST, INPUT_TENSORS, Parts, parts_of, place, resident
from vramfit.errors import UsageError
from vramfit.quantization import derive, find_scheme, store
from vramfit.units import GIB, MIB


@pytest.mark.parametrize(
    ("asked", "layers", "output"),
    [
        (0, [HOST] * 4, HOST),
        (1, [HOST] * 4, 0),
        (3, [HOST, HOST, 0, 0], 0),
        (5, [0] * 4, 0),
        (99, [0] * 4, 0),
    ],
)
def test_the_output_is_the_last_layer(asked: int, layers: list[int], output: int) -> None:
    """Of n layers asked for, the output and the last n - 1 go to the GPU."""
    placement = place(4, asked, 0, [GIB])
    assert (tuple(layers), output) == (placement.layer_device, placement.output_device)
    assert min(asked, 5) == placement.gpu_layers


@pytest.mark.parametrize(
    ("memory", "counts"),
    [
        ([1, 1], [41, 40]),
        ([1, 1, 1, 1], [21, 20, 20, 20]),
        ([3, 1], [61, 20]),
        ([1, 3], [21, 60]),
        # 24 and 12 GB, of which llama.cpp may use 24126 and 11906 MiB.
        ([24126, 11906], [55, 26]),
    ],
)
def test_cards_share_in_proportion_to_their_memory(memory: list[int], counts: list[int]) -> None:
    """80 layers and the output, which is on the last card."""
    placement = place(80, 81, 0, memory)
    homes = [*placement.layer_device, placement.output_device]
    assert counts == [homes.count(number) for number in range(len(memory))]
    assert homes == sorted(homes)
    assert placement.pipelined


def test_only_whole_models_are_pipelined() -> None:
    """A layer in RAM, or experts in RAM, and the GPUs wait for each other."""
    assert not place(80, 80, 0, [1, 1]).pipelined
    assert not place(80, 81, 1, [1, 1]).pipelined
    assert not place(80, 81, 0, [1]).pipelined


def parts(**changes: Any) -> Parts:
    """Two layers of 100 bytes, of which 60 are experts and a quarter of those active, in round figures."""
    facts: dict[str, Any] = {
        "input_bytes": 50, "layer_bytes": (100, 100), "expert_bytes": (60, 60), "active_share": (0.25, 0.25),
        "output_bytes": 7, "tied_bytes": 0, "vision_bytes": 0, "head_bytes": 5, "layer_tensors": ({}, {}), **changes,
    }  # fmt: skip
    return Parts(**facts)


def test_experts_of_the_first_layers_stay_in_ram() -> None:
    """Their cache does not, and each token reads a quarter of them."""
    held = resident(parts(), [10, 20], place(2, 3, 1, [GIB]), 1)
    assert (100 + 40 + 7, 30, 40 + 15 + 40 + 7) == (held[0].weights_bytes, held[0].cache_bytes, held[0].read_bytes)
    assert (50 + 60, 0, 15) == (held[HOST].weights_bytes, held[HOST].cache_bytes, held[HOST].read_bytes)


def test_the_cache_follows_its_layer() -> None:
    held = resident(parts(), [10, 20], place(2, 2, 0, [GIB]), 1)
    assert (20, 10) == (held[0].cache_bytes, held[HOST].cache_bytes)


def test_a_tied_head_is_a_second_copy_only_on_the_gpu() -> None:
    """In RAM the embedding serves as both; it is read for every token either way."""
    on_gpu = resident(parts(tied_bytes=5, output_bytes=2), [0, 0], place(2, 1, 0, [GIB]), 1)
    assert (7, 7, 250) == (on_gpu[0].weights_bytes, on_gpu[0].read_bytes, on_gpu[HOST].weights_bytes)
    in_ram = resident(parts(tied_bytes=5, output_bytes=2), [0, 0], place(2, 0, 0, [GIB]), 1)
    assert (0, 252) == (in_ram[0].weights_bytes, in_ram[HOST].weights_bytes)


@pytest.mark.parametrize("name", ["llama-3.1-8b", "qwen3-30b-a3b", "gemma-3-4b", "mamba2-2.7b", "llava-1.5-7b"])
@pytest.mark.parametrize("quant", ["F16", "Q4_K_M"])
def test_every_tensor_is_in_one_part(name: str, quant: str) -> None:
    """The parts add up to the file and its mmproj."""
    found, scheme = catalogue_model(name), find_scheme(quant)
    whole = sum(row.total_bytes for row in store(found, scheme) if row.tensor.part in ("text", "vision", "projector"))
    assert whole == parts_of(derive(found, scheme)).file_bytes


@given(
    layers=st.integers(0, 33),
    fewer=st.integers(0, 33),
    cards=st.integers(1, 4),
    quant=st.sampled_from(["F16", "Q4_K_M"]),
)
def test_moving_layers_moves_bytes(layers: int, fewer: int, cards: int, quant: str) -> None:
    """Fewer layers on the GPUs: never more weights there, never less in RAM, and nothing lost on the way."""
    low, high = sorted((layers, fewer))
    less, more = (estimated("llama-3.1-8b", quant, cards, gpu_layers=count) for count in (low, high))
    assert sum(card.weights_bytes for card in less.gpus) <= sum(card.weights_bytes for card in more.gpus)
    assert less.host.weights_bytes >= more.host.weights_bytes
    for found in (less, more):
        rows = devices(found).values()
        assert less.checkpoint_bytes == found.checkpoint_bytes == sum(row.weights_bytes for row in rows)
        assert 4096 * 131_072 == sum(row.kv_cache_bytes for row in rows)


@given(count=st.integers(0, 47), more=st.integers(0, 47))
def test_moving_experts_moves_bytes(count: int, more: int) -> None:
    """More experts in RAM: never more weights on the GPU; the cache stays, and all weights are somewhere."""
    low, high = (estimated("qwen3-30b-a3b", cpu_moe_layers=layers) for layers in sorted((count, more)))
    assert low.gpus[0].weights_bytes >= high.gpus[0].weights_bytes
    assert low.gpus[0].kv_cache_bytes == high.gpus[0].kv_cache_bytes
    assert low.gpus[0].weights_bytes + low.host.weights_bytes == high.gpus[0].weights_bytes + high.host.weights_bytes
    assert 0 == high.host.kv_cache_bytes


def test_a_token_reads_its_experts_only() -> None:
    """8 of 128 experts, the head but not the embedding: about 3.3 of 30.5 thousand million weights."""
    found = estimated("qwen3-30b-a3b").gpus[0]
    assert 0.09 < found.read_bytes / found.weights_bytes < 0.13
    dense = estimated("llama-3.1-8b").gpus[0]
    assert dense.weights_bytes == dense.read_bytes


def test_mixed_cards() -> None:
    """Twice the memory, twice the layers; the output is on the last."""
    cards = [gpu("rtx3090", usable_mib={"linux": 24000}), gpu("rtx3060-12gb", usable_mib={"linux": 12000})]
    found = estimated("llama-2-13b", "Q4_K_M", cards)
    assert (27 + 1, 40 - 28) == tuple(card.kv_cache_bytes // (800 * 2 * MIB // 20) for card in found.gpus)


def test_a_model_without_layers_of_its_name() -> None:
    """Nothing here reads a model's name: another id, the same bytes."""
    named, other = (estimated(model("llama-3.1-8b", id=name)) for name in ("llama-3.1-8b", "anything"))
    # The plan holds the checkpoint itself, which is another model's.
    assert replace(named, plan=None) == replace(other, plan=None)
    plans = [replace(found.plan, checkpoint=None) for found in (named, other)]
    assert plans[0] == plans[1]


def test_the_projection_of_per_layer_embeddings_is_in_the_first_layer() -> None:
    """Gemma 3n: 35 x 256 x 2048 weights that are one tensor of the model, created with block 0; F16, or as stored."""
    parted = parts_of(derive(catalogue_model("gemma-3n-e4b"), find_scheme("F16")))
    assert parted.layer_bytes[0] - parted.layer_bytes[1] == 35 * 256 * 2048 * 2 + 256 * 4


@pytest.mark.parametrize(
    ("message", "kinds", "widths"),
    [
        ("stores K as q8_0 in blocks of 32, and this model's heads are 80 wide", ("q8_0", "f16"), (80, 64)),
        ("stores V as q4_0 in blocks of 32, and this model's heads are 48 wide", ("q8_0", "q4_0"), (64, 48)),
        (None, ("q8_0", "f16"), (64, 80)),
        (None, ("f16", "q8_0"), (80, 64)),
        (None, ("q8_0", "q8_0"), (64, 96)),
        (None, ("f16", "f16"), (80, 80)),
    ],
)
def test_heads_of_whole_blocks(message: str | None, kinds: tuple[str, str], widths: tuple[int, int]) -> None:
    """Keys and values each in their own type and width."""
    refused = pytest.raises(UsageError, match=message) if message else contextlib.nullcontext()
    with refused:
        _check_blocks(kinds, widths)


@pytest.mark.parametrize(
    ("model", "quant", "lazy_bytes"),
    [
        # 320 million rows of 160 elements in IQ4_NL, and a table of 4 GiB at most, which stays in RAM
        ("qwen3.8-flash-next", "UD-Q4_K_XL", 320_000_000 * 160 * 18 // 32),
        ("gemma-4-e2b", "Q4_0", 0),
        ("llama-3.1-8b", "F16", 0),
    ],
)
def test_large_tables_are_read_from_the_file(model: str, quant: str, lazy_bytes: int) -> None:
    """``--lazy-mode auto`` leaves a table of more than 4 GiB there."""
    file = derive(catalogue_model(model), find_scheme(quant))
    parts = parts_of(file)
    tables = [row.total_bytes for row in file.stored if row.tensor.name in INPUT_TENSORS]

    assert parts.lazy_bytes == lazy_bytes
    assert parts.input_bytes == sum(tables) - lazy_bytes
