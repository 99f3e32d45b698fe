"""TensorRT-LLM: weights and cache of a rank, the share of what is free, and what it does not start with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.samples import Catalogue
from vramfit.answer import answer
from vramfit.engines import engine, estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import terms
from vramfit.errors import UsageError
from vramfit.sources import open_catalogue
from vramfit.units import GIB

if TYPE_CHECKING:
    from vramfit.answer import Answer
    from vramfit.engines import DeviceMemory, Estimate


def estimated(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> Estimate:
    """The estimate of a request: Llama 3.1 8B in bf16 on an RTX 4090 unless it says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "bf16", "engine": "tensorrt-llm", **request}
    return estimate(resolve(parse_request(raw), Catalogue(changes))[0])


def rank(**request: Any) -> DeviceMemory:
    return estimated(**request).gpus[0]


def judged(**request: Any) -> Answer:
    """The answer of the catalogue's cards and models."""
    raw = {"engine": "tensorrt-llm", **request}
    return answer(resolve(parse_request(raw), open_catalogue())[0])


def test_weights_are_divided_like_those_of_vllm() -> None:
    raw = {"gpu": "2xrtx4090", "model": "llama-3.1-8b", "quant": "fp8", "engine": "vllm"}
    other = estimate(resolve(parse_request(raw), Catalogue())[0])
    found = estimated(gpu="2xrtx4090", quant="fp8")
    assert [gpu.weights_bytes for gpu in other.gpus] == [gpu.weights_bytes for gpu in found.gpus]
    assert all(gpu.low_bytes < gpu.total_bytes < gpu.high_bytes for gpu in found.gpus)


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        # Whole blocks of 32 tokens for each request.
        (131_072 * 4096, {}),
        (131_072 * 32, {"context": 1}),
        (131_072 * 3 * 128, {"context": 100, "parallel": 3}),
        (65_536 * 4096, {"kv_cache_type": "fp8"}),
        (131_072 * 4096 // 8, {"gpu": "8xrtx4090"}),
        (131_072 * 4096 // 4, {"gpu": "4xrtx4090", "pipeline_parallel": 4}),
        # The latent is whole on every rank.
        (4 * 576 * 2 * 4096, {"model": "latent", "gpu": "8xrtx4090"}),
        (4 * 576 * 4096, {"model": "latent", "gpu": "8xrtx4090", "kv_cache_type": "fp8"}),
        # States of every request that it may process, and one for padding, whatever is asked at once.
        (9 * 64 * (2 * 15_360 + 4 * 81_920), {"model": "recurrent", "max_num_seqs": 8}),
        (2049 * 64 * (2 * 15_360 + 4 * 81_920), {"model": "recurrent", "context": 8, "parallel": 3}),
        # Windows keep the whole context unless max_attention_window is stated.
        (12 * 4096 * 131_072, {"model": "sliding", "context": 131_072}),
    ],
)
def test_kv_cache(expected: int, request_: dict[str, Any]) -> None:
    assert expected == rank(**request_).kv_cache_bytes


def test_windows_and_states_make_the_lower_bound_lower() -> None:
    """If windows are respected, and states allocated as they are needed."""
    windowed = rank(model="sliding", context=131_072)
    assert windowed.total_bytes - windowed.low_bytes > 9 * 4096 * (131_072 - 1024 - 64)
    states = rank(model="recurrent", context=8)
    assert states.total_bytes - states.low_bytes > 2047 * 64 * (2 * 15_360 + 4 * 81_920)


def test_an_engine_of_the_tensorrt_back_end_decides_its_cache() -> None:
    """INT8 runs there alone: the type of the command line changes nothing."""
    for kind in ("f16", "fp8"):
        found = estimated(quant="w8a8", kv_cache_type=kind)
        assert 131_072 * 4096 == found.gpus[0].kv_cache_bytes
        assert any("built for the TensorRT back end" in one for one in found.assumptions)


def test_what_it_decided() -> None:
    assert {
        "tensor_parallel": 2, "pipeline_parallel": 1, "data_parallel": 1, "nodes": 1, "max_num_seqs": 2048,
        "max_batched_tokens": 8192, "gpu_memory_utilization": 0.9,
    } == estimated(gpu="2xrtx4090").settings  # fmt: skip


def test_copies_of_the_attention_layers() -> None:
    """Attention data parallel: whole attention and a share of the requests on each GPU, and experts over all."""
    request = {"model": "deepseek-r1", "quant": "fp8-block", "parallel": 64}
    copied = judged(gpu="8xh200", data_parallel=8, expert_parallel=True, **request)
    split = judged(gpu="8xh200", expert_parallel=True, **request)
    assert len(copied.estimate.gpus) == 8
    assert 8 * copied.estimate.gpus[0].kv_cache_bytes == split.estimate.gpus[0].kv_cache_bytes
    assert copied.estimate.gpus[0].weights_bytes > split.estimate.gpus[0].weights_bytes
    assert " --tp_size 8 --pp_size 1 --ep_size 8 --enable_attention_dp " in copied.command
    served = engine("tensorrt-llm").serving(copied.deployment, copied.estimate, copied.verdict.usable_bytes)
    assert served is not None
    assert served.max_num_seqs == 8 * 2048
    assert served.starts


@pytest.mark.parametrize("fraction", [0.9, 0.45, 0.2])
@pytest.mark.parametrize("reserve", ["0B", "2GiB"])
def test_the_cache_has_a_share_of_what_is_free(fraction: float, reserve: str) -> None:
    """Everything but the cache, the context included, is taken before, and so is what others hold."""
    found = judged(gpu="rtx4090", model="llama-3.2-1b", quant="bf16", gpu_memory_utilization=fraction, reserve=reserve)
    (gpu,), (usable,) = found.estimate.gpus, found.verdict.usable_bytes
    offered = 24_080 * 2**20 - (2 * GIB if reserve == "2GiB" else 0)
    before = gpu.total_bytes - gpu.kv_cache_bytes
    assert usable == before + round(fraction * (offered - before))
    serving = engine("tensorrt-llm").serving(found.deployment, found.estimate, found.verdict.usable_bytes)
    assert serving is not None
    assert (usable - before) / (gpu.kv_cache_bytes or 1) == pytest.approx(serving.concurrent_requests, abs=0.01)
    assert serving.cache_tokens == pytest.approx((usable - before) / 32_768, abs=32)
    assert (True, None, 2048) == (serving.starts, serving.refusal, serving.max_num_seqs)


@pytest.mark.parametrize(
    ("tokens", "tolerance", "request_"),
    [
        # NVIDIA/TensorRT-LLM issue 1400: 69,524,783,104 bytes of SmoothQuant's engine on an A100.
        (132_608, 0.03, {"gpu": "a100-sxm4-80gb", "model": "llama-2-7b", "quant": "w8a8", "context": 5120,
                         "max_num_seqs": 1, "max_batched_tokens": 4096}),
        # Public lab notes of 2026-06: 0.45 of 16.25 GiB free on an L4.
        (273_792, 0.07, {"gpu": "l4", "model": "qwen2.5-1.5b", "quant": "fp16", "max_num_seqs": 64,
                         "gpu_memory_utilization": 0.45}),
        # Public test report of 2026-03-20: 0.9 of what Kimi K2.5 in NVFP4 leaves of eight B300.
        (5_073_376, 0.07, {"gpu": "8xb300", "model": "kimi-k2.5", "quant": "nvfp4", "context": 262_144,
                           "kv_cache_type": "fp8"}),
    ],
)  # fmt: skip
def test_tokens_of_start_up_logs(tokens: int, tolerance: float, request_: dict[str, Any]) -> None:
    """Tokens of the cache that a log printed, where nothing was fitted on them."""
    found = judged(**request_)
    serving = engine("tensorrt-llm").serving(found.deployment, found.estimate, found.verdict.usable_bytes)
    assert serving is not None
    assert serving.cache_tokens == pytest.approx(tokens, rel=tolerance)
    assert "fits" == found.verdict.word


@pytest.mark.parametrize(
    ("reason", "request_"),
    [
        ("it runs on NVIDIA GPUs alone", {"gpu": "mi300x", "quant": "bf16"}),
        ("it runs on Ampere cards and later", {"gpu": "t4", "model": "qwen2.5-1.5b", "quant": "fp16"}),
        ("its kernels for FP8 need compute capability 8.9", {"gpu": "a100-sxm4-80gb", "quant": "fp8"}),
        ("its kernels for NVFP4 need Blackwell", {"gpu": "h100-sxm", "quant": "nvfp4"}),
        ("goes through blocks of 128 weights that share a scale, and a rank cannot load a part of one",
         {"gpu": "8xh200", "model": "qwen3-235b-a22b", "quant": "fp8-block"}),
    ],
)  # fmt: skip
def test_what_it_does_not_start_with(reason: str, request_: dict[str, Any]) -> None:
    """Whatever the memory: unsupported, with the reason and where it was read."""
    found = judged(**{"model": "llama-3.1-8b", **request_})
    assert "unsupported" == found.verdict.word
    assert found.verdict.refusal is not None
    assert reason in found.verdict.refusal
    serving = engine("tensorrt-llm").serving(found.deployment, found.estimate, found.verdict.usable_bytes)
    assert serving is not None
    assert (False, found.verdict.refusal) == (serving.starts, serving.refusal)


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ("keeps K and V in one type", {"kv_cache_type": "fp8", "kv_cache_type_v": "f16"}),
        ("keeps every layer on the GPUs", {"gpu_layers": 3}),
        ("32 attention heads", {"gpu": "3xrtx4090"}),
        ("has no cache type q8_0", {"kv_cache_type": "q8_0"}),
        ("cannot load quant", {"quant": "Q4_K_M"}),
        ("on each GPU, not on 2", {"gpu": "4xrtx4090", "data_parallel": 2}),
        ("kv_cache_memory is not modelled", {"kv_cache_memory": "2GiB"}),
        ("cpu_offload is not modelled", {"cpu_offload": "2GiB"}),
        ("max_loras is not modelled", {"max_loras": 2}),
        ("fewer than the 9 requests asked at once", {"max_num_seqs": 8, "parallel": 9}),
    ],
)
def test_what_its_command_line_refuses(message: str, request_: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=message):
        judged(**{"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "bf16", **request_})


@pytest.mark.parametrize(("blocks", "context"), [(1, 1), (1, 32), (2, 33), (128, 4096)])
def test_terms_of_the_cache_name_whole_blocks(blocks: int, context: int) -> None:
    """Three requests of 32 layers, K and V of 8 heads of 128 in 16 bits, in blocks of 32 tokens."""
    raw = {"gpu": "h100-sxm", "model": "llama-3.1-8b", "quant": "bf16", "engine": "tensorrt-llm"}
    asked = parse_request({**raw, "context": context, "parallel": 3})
    (term,) = [one for one in terms(resolve(asked, open_catalogue())[0]) if one.part == "kv_cache"]

    assert (term.name, term.bytes) == ("paged cache, full attention", 3 * blocks * 32 * 32 * 2 * 8 * 128 * 2)
    assert term.inputs == {
        "requests": 3, "blocks": blocks, "block_tokens": 32, "layers": 32, "token_bytes": 2 * 8 * 128 * 2,
    }  # fmt: skip
