"""Element types that vLLM computes in where a card or a model does not take the one asked for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.catalogued import catalogue
from vramfit.answer import answer
from vramfit.engines import engine
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve


def deployed(gpu: str, model: str, quant: str, **keys: Any) -> Any:
    """Answer to a deployment on one card."""
    raw = {"engine": "vllm", "gpu": gpu, "model": model, "quant": quant, "context": 1024, **keys}
    (found,) = resolve(parse_request(raw), catalogue())
    return answer(found)


@pytest.mark.parametrize(
    ("dtype", "gpu", "model", "quant"),
    [
        ("bfloat16", "rtx3090", "qwen2.5-3b", "bf16"),
        ("float16", "rtx3090", "qwen2.5-3b", "fp16"),
        # Turing has no bfloat16, and vLLM refuses it there.
        ("float16", "t4", "qwen2.5-3b", "bf16"),
        ("float16", "t4", "qwen2.5-3b", "fp16"),
        ("float32", "t4", "qwen2.5-0.5b", "fp32"),
        # Gemma 3 is refused in float16.
        ("bfloat16", "rtx3090", "gemma-3-1b", "fp16"),
        ("float32", "t4", "gemma-3-1b", "bf16"),
        ("float32", "t4", "gemma-3-1b", "fp16"),
        ("float16", "rtx3090", "paligemma2-3b", "fp16"),
        ("bfloat16", "mi300x", "qwen2.5-3b", "bf16"),
    ],
)
def test_a_command_names_a_type_that_starts(dtype: str, gpu: str, model: str, quant: str) -> None:
    """By card and model."""
    found = deployed(gpu, model, quant)
    words = engine("vllm").command(found.deployment, found.estimate).split()
    assert dtype == words[words.index("--dtype") + 1]


@pytest.mark.parametrize(
    ("scheme", "gpu", "model", "quant"),
    [
        ("fp32", "t4", "gemma-3-1b", "bf16"),
        ("bf16", "rtx3090", "gemma-3-1b", "bf16"),
        ("bf16", "gaudi2", "llama-3.1-8b", "w8a8"),
        ("w8a8", "rtx3090", "llama-3.1-8b", "w8a8"),
        ("bf16", "gaudi3", "gpt-oss-20b", "MXFP4"),
        ("w4a16", "gaudi3", "llama-3.1-8b", "w4a16"),
    ],
)
def test_weights_take_what_they_become(scheme: str, gpu: str, model: str, quant: str) -> None:
    """In float32 where the card has no bfloat16 and the model no float16, unpacked on Gaudi; else as they are stored."""
    found, other = deployed(gpu, model, quant), deployed(gpu, model, scheme)
    (mine,), (theirs,) = found.estimate.gpus, other.estimate.gpus
    assert mine.weights_bytes == theirs.weights_bytes
    assert mine.kv_cache_bytes == theirs.kv_cache_bytes
    assert found.deployment.checkpoint.file_bytes == found.estimate.checkpoint_bytes
    became = f"weights in {found.deployment.scheme.id} become {scheme} while loading"
    assert (scheme != quant) == any(became in note for note in found.estimate.assumptions)
