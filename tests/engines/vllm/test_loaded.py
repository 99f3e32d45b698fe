"""Weights of a rank of vLLM: copies and whole experts, slots of adapters, host memory, and bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.deployed import job
from tests.each import each
from vramfit.engines import estimate
from vramfit.engines.distributed import expert_division, layout
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.vllm.loaded import Loaded, division, layer_inputs_bytes, loaded, recipe_text, spread_bounds
from vramfit.engines.vllm.lora import slot_bytes
from vramfit.engines.vllm.weights import stages
from vramfit.errors import UsageError
from vramfit.quantization import derive, find_scheme
from vramfit.sources import open_catalogue
from vramfit.units import GIB

if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate

BOUNDS = (0.995, 1.015)


def asked(**request: Any) -> Any:
    """What vLLM is asked to hold."""
    return job(resolve(parse_request({"engine": "vllm", "quant": "bf16", **request}), open_catalogue())[0])


def weights(**request: Any) -> tuple[Loaded, ...]:
    """Weights of one rank of each stage."""
    made = asked(**request)
    ranks, count = layout(made)
    return loaded(made, ranks, count, made.traits.mxfp4_kernel, BOUNDS, 2048)


def estimated(**request: Any) -> Estimate:
    """Memory of a server."""
    return estimate(resolve(parse_request({"engine": "vllm", "quant": "bf16", **request}), open_catalogue())[0])


@pytest.mark.parametrize(
    ("shared_parts", "keys"),
    [
        (1, {"tensor_parallel": 2, "data_parallel": 4, "expert_parallel": True}),
        (1, {"tensor_parallel": 2, "data_parallel": 4, "expert_parallel": True, "engine_version": "0.11.0"}),
        (2, {"tensor_parallel": 2, "data_parallel": 4, "expert_parallel": True, "engine_version": "0.10.0"}),
        # Without whole experts, and without copies, they are cut like the rest.
        (2, {"tensor_parallel": 2, "data_parallel": 4}),
        (8, {"tensor_parallel": 8, "expert_parallel": True}),
    ],
)
def test_shared_experts_are_whole_where_three_divisions_meet(shared_parts: int, keys: dict[str, Any]) -> None:
    """58 layers of DeepSeek-V3 with an expert of 3 x 7,168 x 2,048 weights and the scales of its blocks."""
    made = asked(gpu="8xh200", model="deepseek-v3", quant="fp8-block", **keys)
    over, ranks = division(made, keys["tensor_parallel"]), keys["tensor_parallel"]
    (found,) = stages(made.checkpoint, ranks, 1, "", over)
    (cut,) = stages(made.checkpoint, ranks, 1, "", expert_division(made.keys, ranks))
    weights_bytes = 58 * 3 * 7168 * 2048
    more = weights_bytes // shared_parts - weights_bytes // ranks
    assert more == pytest.approx(found.weights_bytes - cut.weights_bytes, rel=0.002)


def test_copies_of_a_dense_model_are_whole() -> None:
    """Each has all weights, and its share of the requests' cache."""
    alone = estimated(gpu="h100-sxm", model="llama-3.1-8b", parallel=4)
    copied = estimated(gpu="4xh100-sxm", model="llama-3.1-8b", parallel=16, data_parallel=4)
    assert [(alone.gpus[0].weights_bytes, alone.gpus[0].kv_cache_bytes)] * 4 == [
        (gpu.weights_bytes, gpu.kv_cache_bytes) for gpu in copied.gpus
    ]
    assert copied.settings["data_parallel"] == 4
    assert copied.settings["tensor_parallel"] == 1


def test_copies_of_a_mixture_share_its_experts() -> None:
    """Attention, shared experts and embedding are whole on each of eight, experts an eighth (DeepSeek-V3 in FP8)."""
    (alone,) = weights(gpu="b200", model="deepseek-v3", quant="fp8-block")
    (copied,) = weights(gpu="8xb200", model="deepseek-v3", quant="fp8-block", data_parallel=8)
    rows = derive(open_catalogue().model("deepseek-v3"), find_scheme("fp8-block")).stored
    routed = sum([row.total_bytes for row in rows if "_exps." in row.tensor.name])
    assert alone.weights_bytes - routed * 7 / 8 == pytest.approx(copied.weights_bytes, rel=0.002)


@pytest.mark.parametrize(("gpus", "keys"), [(8, {}), (8, {"data_parallel": 8}), (4, {"data_parallel": 2})])
def test_whole_experts_take_what_parts_take(gpus: int, keys: dict[str, Any]) -> None:
    """128 experts divide evenly, so only the blocks of the allocator differ."""
    request = {"gpu": f"{gpus}xh100-sxm", "model": "qwen3-30b-a3b", **keys}
    (parts,), (whole,) = weights(**request), weights(**request, expert_parallel=True)
    assert parts.weights_bytes == pytest.approx(whole.weights_bytes, rel=0.01)


def test_whole_experts_of_mxfp4_are_padded_less() -> None:
    """An inner width of 2,880 over 8 ranks is 360, which Marlin rounds up to 384; whole it is 2,944."""
    request = {"gpu": "8xa100-sxm4-80gb", "model": "gpt-oss-120b", "quant": "MXFP4"}
    (parts,), (whole,) = weights(**request), weights(**request, expert_parallel=True)
    assert whole.weights_bytes < parts.weights_bytes


@pytest.mark.parametrize(
    ("expected", "ranks"),
    [
        # Inputs and outputs of a layer of Llama 3.2 3B: queries, keys and values 9,216 + 5,120, output 6,144, gate and
        # up 22,528, down 11,264. Embedding and head: 128,256 + 3,072 each.
        (28 * (9216 + 5120 + 6144 + 22528 + 11264) + 2 * (128_256 + 3072), 1),
        # On two ranks A of the output and down projections is halved, and B of the others.
        (28 * (9216 + 2560 + 1536 + 3072 + 6144 + 8192 + 4096 + 3072) + 2 * (128_256 + 3072), 2),
    ],
)
def test_slots_of_adapters(expected: int, ranks: int) -> None:
    """Two bytes, slots and rank for each."""
    made = asked(gpu=f"{ranks}xh100-sxm", model="llama-3.2-3b", max_loras=3, max_lora_rank=64)
    assert [expected * 2 * 3 * 64] == slot_bytes(made, ranks, 1, None)


def test_slots_that_were_measured() -> None:
    """unsloth/Llama-3.2-3B-Instruct with one adapter of rank 64 took 6.2472 GiB in vLLM, and 6.0187 without
    (unslothai/notebooks@bdda2efc Advanced_Llama3_2_(3B)_GRPO_LoRA)."""
    (found,) = weights(gpu="a100-sxm4-40gb", model="llama-3.2-3b", max_loras=1, max_lora_rank=64)
    assert found.weights_bytes / GIB == pytest.approx(6.2472, rel=0.004)


def test_slots_of_experts() -> None:
    """Each expert of a rank has both matrices of gate, up and down (``fused_moe.py``)."""
    made = asked(gpu="2xh100-sxm", model="qwen3-30b-a3b", max_loras=1, max_lora_rank=8)
    attention = 2048 * 3 + (4096 + 512 + 512) // 2 + 4096 // 2 + 2048
    vocabulary = 2 * (151_936 + 2048)
    cut = 128 * (2 * (2048 + 384) + 384 + 2048)
    whole = 64 * (2 * (2048 + 768) + 768 + 2048)
    assert [16 * (48 * (attention + cut) + vocabulary)] == slot_bytes(made, 2, 1, None)
    divided = asked(gpu="2xh100-sxm", model="qwen3-30b-a3b", max_loras=1, max_lora_rank=8, expert_parallel=True)
    over = expert_division(divided.keys, 2)
    assert [16 * (48 * (attention + whole) + vocabulary)] == slot_bytes(divided, 2, 1, over)


def test_slots_on_stages() -> None:
    """Those of the embedding are on the first stage, those of the head on the last."""
    made = asked(gpu="2xh100-sxm", model="llama-3.1-8b", pipeline_parallel=2, max_loras=1)
    first, last = slot_bytes(made, 1, 2, None)
    assert first == last
    (alone,) = slot_bytes(asked(gpu="h100-sxm", model="llama-3.1-8b", max_loras=1), 1, 1, None)
    assert first + last == alone


@pytest.mark.parametrize("rank", [0, 24, 1024])
def test_ranks_without_slots(rank: int) -> None:
    """vLLM has slots for a few ranks (``MaxLoRARanks``)."""
    with pytest.raises(UsageError, match="rank"):
        weights(gpu="h100-sxm", model="llama-3.1-8b", max_loras=1, max_lora_rank=rank)


def test_weights_in_host_memory() -> None:
    """Whole parameters from the first layer on, until the asked bytes are reached; the largest is gate and up."""
    (whole,), (left,) = (weights(gpu="rtx4090", model="llama-3.1-8b", **keys) for keys in ({}, {"cpu_offload": "4GiB"}))
    largest = 2 * 4096 * 2 * 14_336
    assert 4 * GIB <= left.host_bytes < 4 * GIB + largest
    assert whole.weights_bytes - left.weights_bytes == pytest.approx(left.host_bytes, rel=0.002)
    assert left.streamed_bytes == left.host_bytes
    assert whole.read_bytes - left.streamed_bytes == left.read_bytes


def test_host_memory_that_was_measured() -> None:
    """3.7682 GiB were left of a model of about 8.8 with --cpu-offload-gb 5 (LMCache/LMCache issue 1372): Qwen3-8B in FP8 by
    that and by its 147,456 bytes of cache a token."""
    (left,) = weights(gpu="rtx4090", model="qwen3-8b", quant="fp8", cpu_offload="5GiB")
    assert left.weights_bytes / GIB == pytest.approx(3.7682, rel=0.001)


def test_only_layers_go_to_host_memory() -> None:
    """Embedding and head stay on the GPU, however much is asked."""
    (left,) = weights(gpu="rtx4090", model="llama-3.1-8b", cpu_offload="64GiB")
    layers = 32 * (4096 * (4096 + 1024) * 2 + 3 * 4096 * 14_336 + 2 * 4096) * 2
    assert left.host_bytes == layers
    assert left.low_bytes >= 0


def test_experts_are_streamed_by_choice() -> None:
    """A token takes 8 of 128 experts over PCIe."""
    (left,) = weights(gpu="h100-sxm", model="qwen3-30b-a3b", cpu_offload="40GiB")
    assert left.streamed_bytes < left.host_bytes / 8


def test_host_memory_of_all_ranks() -> None:
    """Every GPU has as much in host memory, copies included; they read at the same time."""
    found = estimated(gpu="4xrtx4090", model="llama-3.1-8b", data_parallel=2, cpu_offload="2GiB")
    (one,) = weights(gpu="4xrtx4090", model="llama-3.1-8b", data_parallel=2, cpu_offload="2GiB")
    assert (4 * one.host_bytes, one.streamed_bytes) == (found.host.weights_bytes, found.streamed_bytes)


@pytest.mark.parametrize(
    ("expected", "model", "scheme"),
    [
        (BOUNDS, "llama-3.1-8b", "bf16"),
        (BOUNDS, "llama-3.1-8b", "awq"),
        ((0.995 * 0.85, 1.015 * 1.429), "qwen3.8-27b", "nvfp4"),
    ],
)
def test_bounds(expected: tuple[float, float], model: str, scheme: str) -> None:
    """Those of loading times those of publishers."""
    found = spread_bounds(derive(open_catalogue().model(model), find_scheme(scheme)), BOUNDS)
    assert expected == pytest.approx(found, rel=0.001)


def test_publishers_in_words() -> None:
    """The range of their checkpoints; nothing for schemes that all make alike."""
    model = open_catalogue().model("qwen3.8-27b")
    assert [
        "checkpoints in nvfp4 take 16.69 GiB to 28.05 GiB by what their publishers leave in 16 bits; a repository's own "
        "files (hf:org/name) say which"
    ] == recipe_text(derive(model, find_scheme("nvfp4")))
    assert recipe_text(derive(model, find_scheme("bf16"))) == []


KEYS = st.fixed_dictionaries(
    {
        "data_parallel": st.sampled_from([1, 2, 4]),
        "expert_parallel": st.booleans(),
        "max_loras": st.integers(0, 4),
        "max_lora_rank": st.sampled_from([8, 64]),
        "cpu_offload": st.sampled_from(["0GiB", "1GiB", "20GiB"]),
    }
)


@given(KEYS, st.sampled_from(["bf16", "fp8", "awq"]))
@settings(deadline=None, max_examples=40)
def test_all_ranks_together_have_the_model(keys: dict[str, Any], scheme: str) -> None:
    """GPUs and host hold at least the checkpoint, more adapters never less, and bounds enclose what is expected."""
    request = {"gpu": "4xh100-sxm", "model": "qwen3-30b-a3b", "quant": scheme, **keys}
    made = asked(**request)
    ranks, count = layout(made)
    (found,) = loaded(made, ranks, count, "marlin", BOUNDS, 2048)
    whole = made.checkpoint.file_bytes
    assert 4 * (found.weights_bytes + found.host_bytes) >= whole * 0.99
    assert found.low_bytes <= found.weights_bytes <= found.high_bytes
    (more,) = weights(**{**request, "max_loras": keys["max_loras"] + 1})
    assert more.weights_bytes > found.weights_bytes
    assert found.read_bytes >= 0


@given(st.sampled_from(["qwen3-30b-a3b", "deepseek-v3", "gpt-oss-20b", "llama-3.1-8b"]), st.sampled_from([1, 2, 4]))
@settings(deadline=None)
def test_copies_never_take_less_than_ranks(name: str, times: int) -> None:
    """A GPU of a copy has at least what a GPU of as many ranks has."""
    made = asked(gpu="8xb200", model=name, quant="fp8", tensor_parallel=8 // times, data_parallel=times)
    split = asked(gpu="8xb200", model=name, quant="fp8")
    over = expert_division(made.keys, 8 // times)
    copied = stages(made.checkpoint, 8 // times, 1, "marlin", over)
    divided = stages(split.checkpoint, 8, 1, "marlin")
    for one, other in each(zip(copied, divided, strict=True)):
        assert one.weights_bytes >= other.weights_bytes


@pytest.mark.parametrize(
    ("model", "tokens", "expected"),
    [
        # 42 layers with 256 elements for each token.
        ("gemma-4-e4b", 1, 42 * 256 * 2),
        ("gemma-4-e4b", 8192, 8192 * 42 * 256 * 2),
        ("gemma-4-31b", 8192, 0),
        ("gemma-3n-e4b", 8192, 8192 * 35 * 256 * 2),
    ],
)
def test_buffer_for_inputs_of_layers(model: str, tokens: int, expected: int) -> None:
    assert layer_inputs_bytes(open_catalogue().model(model), tokens) == expected


def test_the_buffer_is_loaded_once() -> None:
    """It is on the first stage, whatever the number of ranks."""
    few = weights(gpu="4xl40s", model="gemma-4-e4b", tensor_parallel=2, pipeline_parallel=2)
    made = asked(gpu="4xl40s", model="gemma-4-e4b", tensor_parallel=2, pipeline_parallel=2)
    many = loaded(made, 2, 2, made.traits.mxfp4_kernel, BOUNDS, 4096)
    added = [late.weights_bytes - early.weights_bytes for early, late in zip(few, many, strict=True)]
    assert added == [2048 * 42 * 256 * 2, 0]
