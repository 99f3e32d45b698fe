"""vLLM: a rank's weights, the paged cache, the profile run, and the share of the card it allows itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import Catalogue, gpu, model
from vramfit.answer import answer
from vramfit.engines import engine, estimate
from vramfit.engines.interface import DeviceMemory, Share
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.servers import ServerKeys
from vramfit.engines.vllm.activations import peak_bytes, step_sequences, step_tokens
from vramfit.engines.vllm.estimate import _with_cache
from vramfit.engines.vllm.release import release
from vramfit.engines.vllm.speculative import graph_bytes
from vramfit.engines.vllm.weights import _mxfp4_bytes, mxfp4_kernel, stages
from vramfit.errors import UsageError
from vramfit.quantization import derive, find_scheme
from vramfit.sources import open_catalogue
from vramfit.units import MIB

if TYPE_CHECKING:
    from vramfit.engines import Estimate

SAMPLES = st.sampled_from(["llama-3.1-8b", "mixtral-8x7b", "latent", "sliding", "llava-1.5-7b", "recurrent"])


def estimated(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> Estimate:
    """The estimate of a request: Llama 3.1 8B in fp16 on an RTX 4090 unless it says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "fp16", "engine": "vllm", **request}
    return estimate(resolve(parse_request(raw), Catalogue(changes))[0])


def rank(**request: Any) -> DeviceMemory:
    """The first GPU of an estimate."""
    return estimated(**request).gpus[0]


# Llama 3.1 8B: matrices of 48 (Q, K, V), 32, 224 and 112 MiB in 16 bits take whole steps of 2 MiB; 32 MiB of angles.
LAYER = 2 * (4096 * 6144 + 4096 * 4096 + 3 * 4096 * 14336 + 2 * 4096)
LLAMA_8B = 32 * LAYER + 2 * (2 * 128_256 * 4096 + 4096) + 131_072 * 128 * 2


def test_llama_3_1_8b_whole() -> None:
    """Every figure worked out from config.json: 14.9888 GiB is what vllm-project/vllm issue 10517 prints."""
    found = rank()
    assert LLAMA_8B == found.weights_bytes
    assert "14.9888" == f"{LLAMA_8B / 2**30:.4f}"
    assert 131_072 * 4096 == found.kv_cache_bytes
    # 256 rows of logits outweigh a layer of 2048 tokens; the hidden states of the step, two copies of those that are
    # sampled from, cuBLAS's workspace, and the counts of sampled tokens.
    logits = 256 * 128_256 * 14 + 2 * 4096 * (2048 + 2 * 256) + 9 * MIB
    assert logits + 256 * 128_256 * 33 // 8 == found.compute_bytes
    # Context, libraries, vLLM's estimate of 51 and 35 graphs of 32 layers, and the block that is never given out.
    graphs = 160 * MIB + 32 * (51 * round(0.2 * MIB) + 35 * round(0.11 * MIB))
    assert (440 + 170) * MIB + round(0.95 * graphs) + 16 * 131_072 == found.overhead_bytes
    assert found.low_bytes < found.total_bytes < found.high_bytes
    assert LLAMA_8B - 131_072 * 128 * 2 - 128_256 * 4096 * 2 == found.read_bytes


@pytest.mark.parametrize(
    ("quant", "linear", "more"),
    [
        # A scale and no zero point for each group of 128 inputs; no index of groups.
        ("gptq-int4", 0.5 + 2 / 128, 0),
        ("awq", 0.5 + 2.5 / 128, 0),
        # bitsandbytes as stored: scales quantized themselves, and a code book for each of seven matrices in 32 layers.
        ("nf4", 0.5 + 1 / 64 + 4 / 64 / 256, 7 * 32 * 1024),
        ("fp8", 1, 7 * 32 * 4),
    ],
)
def test_quantized_layers(quant: str, linear: float, more: int) -> None:
    """Only linear layers of the blocks, in the layout of the kernels."""
    weights = 32 * (LAYER // 2 - 2 * 4096)
    rest = LLAMA_8B - 2 * weights
    assert round(weights * linear) + more + rest == pytest.approx(rank(quant=quant).weights_bytes, rel=1e-4)


@pytest.mark.parametrize(
    ("kernel", "ratio"),
    [
        ("marlin", 3072 * 2944 / 2880**2),
        ("rocm", 3072**2 / 2880**2),
        ("xpu", 1),
        # Values padded to 1472 bytes a row, scales to 92, over 5888 rows of gate and up and 3072 of down.
        ("triton", (1472 + 92) * (5888 + 3072) / ((1440 + 90) * (5760 + 2880))),
    ],
)
def test_experts_are_rounded_up(kernel: str, ratio: float) -> None:
    """gpt-oss has experts of 2880 x 2880, which kernels round up in their own ways."""
    made = model(
        "mixtral-8x7b", layers=2, hidden=2880, heads=64, head_dim=64, vocab=64, context=64,
        moe={"experts": 32, "active": 4, "width": 2880},
    )  # fmt: skip
    experts = 2 * 32 * 3 * 2880**2 * 17 // 32
    rest = [stages(derive(made, find_scheme("MXFP4")), 1, 1, name)[0].weights_bytes for name in (kernel, "xpu")]
    assert (ratio - 1) * experts == pytest.approx(rest[0] - rest[1], rel=0.01, abs=MIB)  # the allocator's steps


@pytest.mark.parametrize(
    ("name", "ranks", "kernel", "weights"),
    [
        ("up", 1, "marlin", 3072 * 2944),
        ("down", 1, "marlin", 3072 * 2944),
        # Cut first, rounded up then: 1440 to a multiple of 128, of 64, 720 to one of 256.
        ("up", 2, "marlin", 3072 * 2 * 1536),
        ("down", 2, "marlin", 3072 * 2 * 1536),
        ("gate", 2, "xpu", 2880 * 2 * 1472),
        ("down", 4, "rocm", 3072 * 4 * 768),
    ],
)
def test_experts_are_cut_before_they_are_rounded_up(name: str, ranks: int, kernel: str, weights: int) -> None:
    """Bytes of all ranks' cuts of 32 experts of 2880 x 2880; 17 bytes for 32 weights."""
    assert _mxfp4_bytes(f"blk.0.ffn_{name}_exps.weight", (2880, 2880, 32), ranks, kernel) == 32 * weights * 17 // 32


@pytest.mark.parametrize(
    ("name", "ranks", "inner", "size"),
    [
        # Rows of gate and up together are padded to 256, inputs to 128 (half a byte each), scales of 32 to 4.
        ("up", 1, 2880, 2944 * (1472 + 92)),
        ("gate", 2, 2880, 2 * 1536 * (1472 + 92)),
        ("down", 1, 2880, 3072 * (1472 + 92)),
        ("down", 2, 2880, 2 * 3072 * (768 + 48)),
        # 23 x 128 is a whole number of everything.
        ("up", 1, 2944, 2944 * (1472 + 92)),
        ("down", 1, 2944, 3072 * (1472 + 92)),
    ],
)
def test_experts_on_hopper(name: str, ranks: int, inner: int, size: int) -> None:
    """Bytes of all ranks' cuts of one expert, 2880 wide outside, as the Triton kernels lay it out."""
    shape = (inner, 2880, 1) if name == "down" else (2880, inner, 1)
    assert _mxfp4_bytes(f"blk.0.ffn_{name}_exps.weight", shape, ranks, "triton") == size


@pytest.mark.parametrize(
    ("expected", "sample", "changes"),
    [
        ("marlin", "rtx4090", {}),
        ("marlin", "a100-sxm4-80gb", {}),
        ("triton", "a100-sxm4-80gb", {"compute_target": "sm_90"}),
        ("rocm", "rtx4090", {"vendor": "amd", "compute_target": "gfx942"}),
        ("xpu", "rtx4090", {"vendor": "intel", "compute_target": None}),
    ],
)
def test_kernel_of_a_card(expected: str, sample: str, changes: dict[str, Any]) -> None:
    """By vendor, Hopper apart."""
    assert expected == mxfp4_kernel(gpu(sample, **changes))


def test_a_quantized_latent_has_a_16_bit_copy() -> None:
    """Of the projection that expands it, for decoding: its 8 bits and 16 more."""
    plain, quantized = (
        stages(derive(model("latent"), find_scheme(name)), 8, 1, "marlin")[0] for name in ("fp16", "fp8")
    )
    expand = 4 * 512 * 128 * 256 // 8
    linear = (plain.weights_bytes - quantized.weights_bytes) + 2 * expand
    assert linear == pytest.approx(sum((
        4 * (7168 * 1536 + 7168 * 576),
        4 * (1536 * 128 * 192 + 512 * 128 * 256 + 128 * 128 * 7168 + 3 * 7168 * 18432) // 8,
    )), rel=0.01)  # fmt: skip


def test_stages_hold_the_whole_model() -> None:
    """Embedding on the first, head on the last; angles on each. A tied head is a copy on the last stage."""
    four = stages(derive(model("llama-3.1-8b"), find_scheme("fp16")), 1, 4, "marlin")
    assert LLAMA_8B + 3 * 131_072 * 128 * 2 == sum(stage.weights_bytes for stage in four)
    assert 2 * 128_256 * 4096 == four[0].weights_bytes - four[1].weights_bytes
    tied = [stages(derive(model("sliding"), find_scheme("fp16")), 1, count, "marlin") for count in (1, 2)]
    angles = 2 * 131_072 * 256 * 2
    assert 2 * 262_144 * 2560 + angles == sum(s.weights_bytes for s in tied[1]) - tied[0][0].weights_bytes


@pytest.mark.parametrize(
    ("expected", "tokens", "sequences", "ranks"),
    [
        # vllm-project/vllm issue 10517: 2.07 and 2.99 GiB with one step of 20,000 and 29,000 tokens.
        (2.06, 20_000, 256, 1),
        (2.99, 29_000, 256, 1),
        # The feed-forward part is divided, the residual stream is not.
        (20_000 * 2 * (3 * 4096 + 3 * 14336 / 4) / 2**30, 20_000, 1, 4),
        # Logits are not divided either.
        (1024 * 128_256 * 14 / 2**30, 2048, 1024, 8),
    ],
)
def test_activation_peak(expected: float, tokens: int, sequences: int, ranks: int) -> None:
    """The larger of a layer and the sampler."""
    peak, sorting = peak_bytes(model("llama-3.1-8b"), tokens, sequences, ranks, 0)
    assert expected == pytest.approx(peak / 2**30, abs=0.005)
    assert sorting >= peak


@pytest.mark.parametrize(
    ("tokens", "sequences", "sample", "changes", "version"),
    [
        (2048, 256, "rtx4090", {}, None),
        # "a100" in the name keeps the smaller step (vllm-project/vllm PR 17885).
        (2048, 256, "a100-sxm4-80gb", {}, None),
        (2048, 256, "a100-sxm4-80gb", {}, "0.9.2"),
        (8192, 1024, "a100-sxm4-80gb", {}, "0.8.5"),
        (8192, 1024, "a100-sxm4-80gb", {"name": "NVIDIA H100 80GB HBM3"}, None),
        (2048, 256, "a100-sxm4-80gb", {"name": "NVIDIA H100 80GB HBM3"}, "0.7.3"),
        (16384, 1024, "a100-sxm4-80gb", {"name": "NVIDIA B200", "memory_mib": 183_359}, None),
        (8192, 1024, "a100-sxm4-80gb", {"name": "NVIDIA B200", "memory_mib": 183_359}, "0.25"),
        # A GB10 is no large card from 0.31 on.
        (2048, 256, "a100-sxm4-80gb", {"name": "NVIDIA GB10", "compute_target": "sm_121"}, None),
        (8192, 1024, "a100-sxm4-80gb", {"name": "NVIDIA GB10", "compute_target": "sm_121"}, "0.30"),
        (2048, 256, "a100-sxm4-80gb", {"name": "NVIDIA GB10", "compute_target": "sm_121"}, "0.31"),
    ],
)
def test_default_step(tokens: int, sequences: int, sample: str, changes: dict[str, Any], version: str | None) -> None:
    """As the server chooses it from the card's name and size, by release."""
    card, facts = gpu(sample, **changes), release(ServerKeys(engine_version=version))
    assert (tokens, sequences) == (step_tokens(card, facts), step_sequences(card, facts))


def test_images_of_one_step_are_encoded_together() -> None:
    """2048 tokens hold three images of 576."""
    assert peak_bytes(model("llava-1.5-7b"), 2048, 1, 1, 0)[0] == 2048 * 2 * (3 * 4096 + 3 * 11008)
    per_image = 577 * 2 * (4 * 1024 + 2 * 4096)
    small = model("llava-1.5-7b", hidden=64, ffn=64, heads=1, vocab=64)
    assert 3 * per_image == peak_bytes(small, 2048, 1, 1, 1)[0]


def test_graphs_of_a_draft_grow_with_layers_and_end_with_eager() -> None:
    """18 MiB a layer."""
    assert 32 * 18 * MIB == graph_bytes(32, eager=False)
    assert 0 == graph_bytes(32, eager=True)


def test_what_vllm_decided() -> None:
    """The settings it would log, and the share of the card as the limit: the context lies outside of it."""
    found = estimated(gpu="2xrtx4090")
    assert {
        "tensor_parallel": 2, "pipeline_parallel": 1, "nodes": 1, "data_parallel": 1, "max_num_seqs": 256,
        "max_batched_tokens": 2048,
        "gpu_memory_utilization": 0.92,
    } == found.settings  # fmt: skip
    assert found.pool is not None
    assert (math.ceil(0.92 * 24080 * MIB) + 440 * MIB,) * 2 == found.pool.limits([24080 * MIB] * 2)


@pytest.mark.parametrize(
    ("word", "utilization"), [("exceeds", 0.5), ("exceeds", 0.65), ("tight", 0.75), ("fits", 0.92), ("exceeds", 1.0)]
)
def test_the_share_decides(word: str, utilization: float) -> None:
    """The same need on the same card, allowed more and more of it, but no more than is free beside the context."""
    raw = {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "fp16", "engine": "vllm"}
    found = answer(resolve(parse_request({**raw, "gpu_memory_utilization": utilization}), Catalogue())[0])
    assert (word, 17) == (found.verdict.word, round(found.required_bytes / 2**30))


@pytest.mark.parametrize(
    "request_",
    [
        {"gpu_layers": 10},
        {"cpu_moe_layers": 4, "model": "mixtral-8x7b"},
        {"kv_cache_type": "fp8", "kv_cache_type_v": "f16"},
    ],
)
def test_what_vllm_does_not_do(request_: dict[str, Any]) -> None:
    """Said instead of left out."""
    with pytest.raises(UsageError):
        estimated(**request_)


def test_on_apple_by_its_plug_in() -> None:
    """The pool is a share of Metal's working set, no CUDA context is beside it, and the estimate says what it rests on."""
    raw = {"engine": "vllm", "gpu": "m4-max-64gb", "model": "llama-3.1-8b", "quant": "bf16", "context": 4096}
    (deployment,) = resolve(parse_request(raw), open_catalogue())
    view = engine("vllm").view(deployment.gpus, deployment.workload)
    assert (Share(0, 0, 0),) == view.shares
    found = answer(deployment)
    assert "fits" == found.verdict.word
    (remark,) = engine("vllm").remarks(deployment, found.estimate)
    assert remark.startswith("the plug-in vllm-metal was not measured")
    assert not engine("vllm").recommended_on(deployment.gpus, "macos")


@given(SAMPLES, st.sampled_from([1, 2, 4]), st.integers(1, 8192), st.integers(1, 8))
def test_need_grows_with_what_is_asked(sample: str, ranks: int, context: int, parallel: int) -> None:
    """More tokens or sequences need no less; more ranks no more of each; the interval holds the expected need."""
    asked = {"model": sample, "gpu": f"{ranks}xrtx4090", "context": context, "parallel": parallel}
    found = rank(**asked)
    assert found.low_bytes <= found.total_bytes <= found.high_bytes
    assert rank(**{**asked, "context": context + 100}).kv_cache_bytes >= found.kv_cache_bytes
    assert rank(**{**asked, "parallel": parallel + 1}).kv_cache_bytes >= found.kv_cache_bytes
    more = rank(**{**asked, "gpu": f"{2 * ranks}xrtx4090"})
    assert more.weights_bytes < found.weights_bytes
    assert more.kv_cache_bytes <= found.kv_cache_bytes


def test_the_cache_that_graphs_are_captured_with_must_fit() -> None:
    """Qwen3.8 27B in NVFP4 on an RTX 5090: 256 blocks, whatever the share; not without graphs, nor with few sequences.

    "Graph capture asks 784 MiB with 47 MiB free, at 0.80 and 0.93 alike" (vllm-project/recipes
    models/Qwen/Qwen3.8-27B.yaml, section 1x RTX 5090).
    """
    raw = {
        "gpu": "rtx5090", "model": "qwen3.8-27b", "quant": "nvfp4", "engine": "vllm", "context": 32768,
        "kv_cache_type": "fp8", "engine_version": "0.26.1",
    }  # fmt: skip
    verdicts = {}
    for name, keys in (
        ("0.80", {"gpu_memory_utilization": 0.8}),
        ("0.93", {"gpu_memory_utilization": 0.93}),
        ("eager", {"enforce_eager": True}),
        ("few", {"max_num_seqs": 8}),
    ):
        verdicts[name] = answer(resolve(parse_request({**raw, **keys}), open_catalogue())[0]).verdict
    assert {"0.80": "exceeds", "0.93": "exceeds"} == {name: verdicts[name].word for name in ("0.80", "0.93")}
    assert "a cache of 256 blocks that CUDA graphs are captured with" in str(verdicts["0.93"].refusal)
    assert verdicts["eager"].refusal is None
    assert verdicts["few"].refusal is None


@pytest.mark.parametrize(
    ("word", "request_"),
    [
        # "CUDA out of memory occurred when warming up sampler with 1024 dummy requests" on one and on two; 0.90 runs.
        ("exceeds", {"gpu": "h100-sxm", "gpu_memory_utilization": 0.95}),
        ("exceeds", {"gpu": "2xh100-sxm", "gpu_memory_utilization": 0.95}),
        ("fits", {"gpu": "2xh100-sxm", "gpu_memory_utilization": 0.9}),
        ("fits", {"gpu": "h100-sxm", "gpu_memory_utilization": 0.95, "max_num_seqs": 256}),
        ("fits", {"gpu": "h100-sxm", "gpu_memory_utilization": 0.95, "enforce_eager": True}),
        # Other kernels leave no such blocks: Kimi-VL ran on two with 0.69 GiB to spare.
        (
            "fits",
            {"gpu": "2xh100-sxm", "gpu_memory_utilization": 0.95, "model": "kimi-vl-a3b", "quant": "bf16", "images": 0},
        ),
    ],
)
def test_the_sampler_must_find_room_once_graphs_are_captured(word: str, request_: dict[str, Any]) -> None:
    """gpt-oss-20b in vLLM 0.19.0 on H100 (jgchn/llm-d-planner at 2489dbb^, ``accuracy/results/v0.19.0/logs``)."""
    raw = {
        "model": "gpt-oss-20b", "quant": "MXFP4", "engine": "vllm", "context": 8192, "max_num_seqs": 1024,
        "max_batched_tokens": 8192, "engine_version": "0.19.0", **request_,
    }  # fmt: skip
    assert word == answer(resolve(parse_request(raw), open_catalogue())[0]).verdict.word


def test_a_larger_cache_moves_the_whole_interval() -> None:
    """The spare block is of the upper bound and the expected overhead alone."""
    before = DeviceMemory("gpu0", 1, 20, 300, 4000, 50000, 900000, 7)
    assert _with_cache(before, 6, 5) == DeviceMemory("gpu0", 1, 26, 300, 4005, 50006, 900011, 7)
