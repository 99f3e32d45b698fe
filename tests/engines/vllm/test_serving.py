"""What vLLM does with its memory: what its cache holds, and whether it starts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.catalogued import catalogue
from tests.engines.vllm.test_pool import answered
from vramfit.answer import answer
from vramfit.engines import engine
from vramfit.engines.interface import Serving
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.vllm.serving import _refusal
from vramfit.units import MIB


def served(**request: Any) -> Serving | None:
    """What the server does in a request on an RTX 4090."""
    found = answered(**request)
    return engine("vllm").serving(found.deployment, found.estimate, found.verdict.usable_bytes)


def test_figures_of_the_log() -> None:
    """Blocks that the room holds, divided by those of a request; the context's tokens as often."""
    found = answered()
    own, usable = found.estimate.gpus[0], found.verdict.usable_bytes[0]
    room = usable - own.total_bytes + own.kv_cache_bytes + 2 * MIB
    held = room // (2 * MIB) / 256
    assert Serving(int(held * 4096), round(held, 4), 256, True, None) == served()


@pytest.mark.parametrize(
    ("tokens", "requests", "request_"),
    [
        # 2 GiB hold 1,024 blocks of 2 MiB; a request of 4,096 tokens takes 256, one of 1,000 takes 63.
        (16_384, 4.0, {"kv_cache_memory": "2GiB"}),
        (16_253, 16.254, {"kv_cache_memory": "2GiB", "context": 1000}),
        # On two GPUs a block is half as large.
        (32_768, 8.0, {"kv_cache_memory": "2GiB", "gpu": "2xrtx4090"}),
    ],
)
def test_a_stated_cache(tokens: int, requests: float, request_: dict[str, Any]) -> None:
    """The size itself is the room."""
    found = served(**request_)
    assert found is not None
    assert (tokens, requests) == (found.cache_tokens, found.concurrent_requests)


@pytest.mark.parametrize(
    ("starts", "word", "request_"),
    [
        (True, "fits", {}),
        # Sixteen requests of 8,192 tokens take 16 GiB: it starts, and most of them wait.
        (True, "exceeds", {"context": 8192, "parallel": 16}),
        # One request of 131,072 tokens takes 16 GiB.
        (False, "exceeds", {"context": 131_072}),
    ],
)
def test_whether_it_starts(starts: bool, word: str, request_: dict[str, Any]) -> None:
    """It does where one request fits, whatever the verdict on all that were asked."""
    found = served(**request_)
    assert found is not None
    assert (starts, word) == (found.starts, answered(**request_).verdict.word)
    assert (found.refusal is None) is starts


def test_the_refusal() -> None:
    """What one request takes, and what is left for it."""
    found = served(context=131_072)
    assert found is not None
    assert found.refusal is not None
    assert found.refusal.startswith("the cache of one request of 131,072 tokens takes 16.00 GiB, and ")
    assert found.refusal.endswith(" GiB are left for it")
    crowded = served(gpu="rtx3060-12gb")
    assert crowded is not None
    assert crowded.refusal is not None
    assert crowded.refusal.endswith("and no memory is left for it")
    assert (0, 0.0) == (crowded.cache_tokens, crowded.concurrent_requests)


@pytest.mark.parametrize("parallel", [1, 3, 5, 50])
def test_the_verdict_follows_the_figure(parallel: int) -> None:
    """Fewer requests than asked at once exceed the card, and no others do."""
    found = answered(parallel=parallel, context=8192)
    serving = engine("vllm").serving(found.deployment, found.estimate, found.verdict.usable_bytes)
    assert serving is not None
    # One block of the pool is never given out.
    spare = 1 / 512
    assert (serving.concurrent_requests - spare >= parallel) is (found.verdict.word != "exceeds")


def test_encoders_have_no_cache() -> None:
    """So nothing is said of one."""
    assert served(model="recurrent", context=8) is not None
    none = answered({"llama-3.1-8b": {"pattern": "encoder"}})
    assert engine("vllm").serving(none.deployment, none.estimate, none.verdict.usable_bytes) is None


LLMD = {"context": 8192, "max_num_seqs": 1024, "max_batched_tokens": 8192, "engine_version": "0.19.0",
        "gpu_memory_utilization": 0.95}  # fmt: skip
"""Settings of start-up logs of vLLM 0.19.0 on H100 (jgchn/llm-d-planner, branch accuracy)."""


@pytest.mark.parametrize(
    ("logged", "request_"),
    [
        (58.11, {"model": "llama-3.1-8b", **LLMD}),
        (116.21, {"model": "llama-3.1-8b", "kv_cache_type": "fp8", **LLMD}),
        (232.43, {"model": "llama-3.1-8b", **LLMD, "context": 2048}),
        (275.54, {"gpu": "4xh100-sxm", "model": "llama-3.1-8b", "pipeline_parallel": 4, **LLMD}),
        (183.78, {"model": "deepseek-v2-lite", **LLMD}),
        (20.60, {"model": "gemma-2-9b", "images": None, **LLMD}),
        (4.46, {"model": "gemma-3-27b", **LLMD}),
        (
            316.07,
            {"gpu": "2xh100-sxm", "model": "gpt-oss-20b", "quant": "MXFP4", **LLMD, "gpu_memory_utilization": 0.9},
        ),
        (2.43, {"gpu": "2xh100-sxm", "model": "qwen2.5-72b", **LLMD}),
        (615.63, {"gpu": "4xh100-sxm", "model": "qwen2.5-7b", **LLMD}),
        # jgchn/llm-d-planner too, vLLM 0.15.0, whose sampler sorts.
        (33.55, {"model": "qwen3-14b", **LLMD, "engine_version": "0.15.0"}),
    ],
)
def test_the_concurrency_of_logs(logged: float, request_: dict[str, Any]) -> None:
    """Values of "Maximum concurrency for 8,192 tokens per request", within 3 %."""
    raw = {"gpu": "h100-sxm", "quant": "bf16", "engine": "vllm", **request_}
    found = answer(
        resolve(parse_request({key: value for key, value in raw.items() if value is not None}), catalogue())[0]
    )
    serving = engine("vllm").serving(found.deployment, found.estimate, found.verdict.usable_bytes)
    assert serving is not None
    assert serving.concurrent_requests == pytest.approx(logged, rel=0.03)


@pytest.mark.parametrize(
    ("left", "room"), [("no memory is", -5), ("no memory is", 0), ("0.00 GiB are", 1), ("0.50 GiB are", 512 * MIB)]
)
def test_the_room_that_is_left(left: str, room: int) -> None:
    expected = f"the cache of one request of 4,096 tokens takes 1.00 GiB, and {left} left for it"
    assert expected == _refusal(4096, 1024 * MIB, room)
