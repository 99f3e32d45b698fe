"""Models and cache types that no attention backend of vLLM takes on a card (0.33.0 ``v1/attention/backends``)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.catalogued import catalogue
from vramfit.answer import answer
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve


def refusal(**request: Any) -> str | None:
    """Reason why a deployment does not start; None if it does."""
    deployments = resolve(parse_request({"engine": "vllm", "context": 1024, **request}), catalogue())
    return answer(deployments[0]).verdict.refusal


@pytest.mark.parametrize(
    ("problem", "request_"),
    [
        ("attention sinks have no backend", {"gpu": "rtx3090", "model": "gpt-oss-20b", "kv_cache_type": "fp8"}),
        (None, {"gpu": "rtx3090", "model": "gpt-oss-20b"}),
        (None, {"gpu": "rtx3090", "model": "gpt-oss-20b", "kv_cache_type": "int8"}),
        (None, {"gpu": "l40s", "model": "gpt-oss-20b", "kv_cache_type": "fp8"}),
        (
            "latent attention has no backend",
            {"gpu": "a100-sxm4-80gb", "model": "deepseek-v2-lite", "kv_cache_type": "fp8"},
        ),
        (None, {"gpu": "h200", "model": "deepseek-v2-lite", "kv_cache_type": "fp8"}),
        ("no backend keeps latents in fp8", {"gpu": "h200", "model": "deepseek-v2-lite", "kv_cache_type": "fp8_e5m2"}),
        (None, {"gpu": "mi300x", "model": "deepseek-v2-lite", "kv_cache_type": "fp8_e5m2"}),
        (
            "FP8 caches below compute capability 8.9 are",
            {"gpu": "rtx3090", "model": "phi-3-mini-4k", "kv_cache_type": "fp8"},
        ),
        (None, {"gpu": "rtx3090", "model": "llama-3.1-8b", "quant": "awq", "kv_cache_type": "fp8"}),
        (
            "FP8 caches below compute capability 8.9 are",
            {"gpu": "rtx3090", "model": "gemma-3-4b", "kv_cache_type": "fp8"},
        ),
        (None, {"gpu": "rtx3090", "model": "gemma-3-4b", "kv_cache_type": "fp8", "images": 0}),
        ("NVFP4 caches of heads of 64", {"gpu": "rtx5090", "model": "llama-3.2-1b", "kv_cache_type": "nvfp4"}),
        (None, {"gpu": "b200", "model": "llama-3.2-1b", "kv_cache_type": "nvfp4"}),
        ("TurboQuant's backend has no", {"gpu": "l40s", "model": "gpt-oss-20b", "kv_cache_type": "turboquant_4bit_nc"}),
        ("the model runs in bfloat16 or float32", {"gpu": "t4", "model": "gemma-3-1b", "quant": "awq"}),
        (None, {"gpu": "rtx3090", "model": "gemma-3-1b", "quant": "awq"}),
        (None, {"gpu": "t4", "model": "gemma-3-1b", "quant": "nf4"}),
        (None, {"gpu": "t4", "model": "qwen2.5-3b", "quant": "awq"}),
        (None, {"gpu": "custom:48GiB", "model": "gpt-oss-20b", "kv_cache_type": "fp8"}),
        ("its kernels for latent attention to chosen", {"gpu": "8xmi210", "model": "deepseek-v3.2"}),
    ],
    ids=str,
)
def test_which_backends_take_a_model(problem: str | None, request_: dict[str, Any]) -> None:
    """Sinks, latents, head widths and images, each with a card or a type on either side of the rule."""
    reason = refusal(**request_)
    assert problem == (None if reason is None else reason[: len(problem or reason)])
