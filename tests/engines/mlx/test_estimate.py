"""MLX: one pool of memory, caches that grow by steps, and peaks that were measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.command import report
from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.mlx.launch import limits_context
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import terms
from vramfit.errors import UsageError
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.engines import Deployment, Estimate

GB = 10**9


def estimated(**request: Any) -> Estimate:
    """The estimate of a request: Llama 3.1 8B in 4 bits on an M4 Max with 64 GB unless it says otherwise."""
    raw = {"gpu": "m4-max-64gb", "model": "llama-3.1-8b", "quant": "mlx-4bit", "engine": "mlx", **request}
    return estimate(resolve(parse_request(raw), open_catalogue())[0])


@pytest.mark.parametrize(
    ("model", "quant", "peak"),
    [
        ("qwen3-4b-2507", "bf16", 9.02),
        ("qwen3-4b-2507", "mlx-8bit", 5.254),
        ("qwen3-4b-2507", "mlx-6bit", 4.25),
        ("qwen3-4b-2507", "mlx-5bit-g32", 4.00),
        ("qwen3-4b-2507", "mlx-5bit", 3.86),
        ("qwen3-4b-2507", "mlx-4bit-g32", 3.603),
        ("qwen3-4b-2507", "mlx-4bit", 3.35),
        ("qwen3-30b-a3b-2507", "mlx-8bit", 33.46),
        ("qwen3-30b-a3b-2507", "mlx-6bit", 25.82),
        ("qwen3-30b-a3b-2507", "mlx-5bit", 22.01),
        ("qwen3-30b-a3b-2507", "mlx-4bit", 18.20),
    ],
)
def test_peak_memory(model: str, quant: str, peak: float) -> None:
    """2,048 tokens read and 128 written on an M4 Max with 64 GB (mlx-lm @d78bf58e ``mlx_lm/BENCHMARKS.md``)."""
    (gpu,) = estimated(model=model, quant=quant, context=2176).gpus

    assert gpu.total_bytes - gpu.overhead_bytes == pytest.approx(peak * GB, rel=0.04)
    assert gpu.low_bytes <= peak * GB <= gpu.high_bytes


def test_the_same_page_s_model_that_did_not_run() -> None:
    """Qwen3-30B-A3B in bf16 does not fit a working set of 48 GiB there."""
    (row,) = report("-g", "m4-max-64gb", "-m", "qwen3-30b-a3b-2507", "--engine", "mlx", "--quant", "bf16").estimates

    assert row["verdict"] == "exceeds"


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (32 * 2 * 1024 * 2 * 4096, {}),
        (32 * 2 * 1024 * 2 * 256, {"context": 1}),  # steps of 256 tokens
        (3 * 32 * 2 * 1024 * 2 * 4352, {"context": 4097, "parallel": 3}),
        # 8 bits and a 16-bit scale and bias for each 64
        (32 * 2 * 1024 * 4096 * 68 // 64, {"kv_cache_type": "int8"}),
        (32 * 2 * 1024 * 4096 * 36 // 64, {"kv_cache_type": "int4"}),
        (32 * 2 * 1024 * 4096 * 28 // 64, {"kv_cache_type": "int3"}),
        (32 * 2 * 1024 * 4096 * 20 // 64, {"kv_cache_type": "int2"}),
        (61 * (512 + 64) * 2 * 4096, {"model": "deepseek-v3", "gpu": "m3-ultra-512gb"}),
        # 24 layers, each second one a window of 128, with the tokens of one step while the prompt is read
        (12 * 2 * 512 * 2 * 16_384 + 12 * 2 * 512 * 2 * (127 + 2048), {"model": "gpt-oss-20b", "context": 16_384}),
        (12 * 2 * 512 * 16_384 * 68 // 64 + 12 * 2 * 512 * 2 * (127 + 2048),
         {"model": "gpt-oss-20b", "context": 16_384, "kv_cache_type": "int8"}),
    ],
)  # fmt: skip
def test_kv_cache(expected: int, request_: dict[str, Any]) -> None:
    assert expected == estimated(**request_).gpus[0].kv_cache_bytes


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ("mlx is answered for one Apple machine or one NVIDIA card", {"gpu": "rx7900xtx"}),
        ("mlx is answered for one Apple machine or one NVIDIA card", {"gpu": "2xrtx4090"}),
        ("mlx keeps every layer in the memory both processors share", {"gpu_layers": 3}),
        ("mlx keeps K and V in one type", {"kv_cache_type_v": "int8"}),
    ],
)
def test_what_mlx_does_not_do(message: str, request_: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        estimated(**request_)
    assert message == caught.value.message


def test_its_schemes_choose_the_engine() -> None:
    (row,) = report("-g", "m4-max-64gb", "-m", "llama-3.1-8b", "--quant", "mlx-6bit").estimates

    assert (row["engine"], row["quant"]["scheme"]) == ("mlx", "mlx-6bit")


def deployed(**request: Any) -> Deployment:
    """Gemma 3 27B in 4 bits unless the request says otherwise."""
    raw = {"gpu": "m4-max-64gb", "model": "gemma-3-27b", "quant": "mlx-4bit", "engine": "mlx", **request}
    return resolve(parse_request(raw), open_catalogue())[0]


@pytest.mark.parametrize(
    ("sliding", "full", "context"),
    [
        (512, 512, 300),  # whole steps of 256 tokens
        (1024, 1024, 1024),
        (3071, 4096, 4096),  # the window of 1,024 and the prefill of 2,048, of which one token is both
        (3071, 8192, 8192),
    ],
)
def test_terms_of_the_caches_name_their_tokens(sliding: int, full: int, context: int) -> None:
    """Of 62 layers each sixth is full; K and V of 16 heads of 128 in 16 bits."""
    found = {term.name: term for term in terms(deployed(context=context)) if term.part == "kv_cache"}
    token = 2 * 16 * 128 * 2

    assert {name: (term.inputs["tokens"], term.bytes) for name, term in found.items()} == {
        "KV cache, sliding window": (sliding, 52 * sliding * token),
        "KV cache, full attention": (full, 10 * full * token),
    }


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (True, {"model": "llama-3.1-8b"}),
        (False, {"model": "llama-3.1-8b", "parallel": 4}),
        (False, {"model": "llama-3.1-8b", "kv_cache_type": "int8"}),
        (False, {"model": "llama-3.1-8b", "kv_cache_type": "int8", "parallel": 4}),
        # The server of mlx-vlm has a flag for it, unless its cache is quantized.
        (True, {"model": "qwen2.5-vl-7b", "parallel": 4}),
        (False, {"model": "qwen2.5-vl-7b", "parallel": 4, "kv_cache_type": "int8"}),
    ],
)
def test_commands_that_hold_the_context(expected: bool, request_: dict[str, Any]) -> None:
    assert expected is limits_context(deployed(**request_))
