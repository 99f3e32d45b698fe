"""Deployments that asking has shown to be answered otherwise than they were promised: one of each kind, with exact values."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.properties.asked import Asker
from tests.properties.promises import unkept
from tests.properties.restated import misspelled, unechoed, unread, unsummed
from vramfit import VramfitError, check, estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.properties.asked import Raw, Violation

    Invariant = Callable[[Raw, Asker, Random], Iterator[Violation]]

DRAFT = {"speculative": "draft", "draft_model": "qwen3-0.6b"}
TURBO = "turboquant_k8v4"


@pytest.mark.parametrize(
    ("invariant", "raw"),
    [
        # What is left to the engine moves experts to RAM, and the echo says how many.
        (unechoed, {"gpu": "2xradeonvii", "model": "qwen3.5-35b-a3b", "engine": "llama.cpp", "gpu_layers": "auto"}),
        # A prompt is processed in the steps that the server takes by itself.
        (unechoed, {"gpu": "rtxpro4000", "model": "qwen2-0.5b", "engine": "sglang", "context": 16384}),
        (unechoed, {"gpu": "p40", "model": "glm-4-32b-0414", "engine": "tensorrt-llm", "quant": "half", "file_size": "5GB"}),
        (misspelled, {"gpu": "rtx4090", "model": "llama-3.1-8b", "engine": "vllm", "quant": "bf16"}),
        (unsummed, {"gpu": "2xgb200", "model": "qwen2.5-14b", "engine": "llama.cpp", "override_tensor": ["attn=CPU"], **DRAFT}),
        (unsummed, {"gpu": "3xh20", "model": "qwen2.5-14b", "engine": "llama.cpp", "split_mode": "row", **DRAFT}),
        (unsummed, {"gpu": "2xrtx3090", "model": "qwen3-8b", "engine": "llama.cpp", "split_mode": "none", **DRAFT}),
        (unsummed, {"gpu": "2xl40s", "model": "qwen3-8b", "engine": "vllm", "kv_cache_type": TURBO, **DRAFT}),
        (unread, {"gpu": "l4", "model": "phi-1.5", "engine": "vllm", "kv_cache_memory": "2GiB"}),
        (unread, {"gpu": "rtx3090", "model": "qwen1.5-1.8b", "engine": "tensorrt-llm", "quant": "fp32", "enforce_eager": True}),
        (unread, {"gpu": "m5-max-128gb", "model": "lfm2.5-8b-a1b", "engine": "mlx", "quant": "fp32"}),
        (unread, {"gpu": "rtx3090", "model": "gemma-2-9b", "engine": "ollama", "swa_full": True, "unified_kv": True}),
        (unread, {"gpu": "rtx3090", "model": "qwen2.5-0.5b", "engine": "llama.cpp", "quant": "F32"}),
    ],
)  # fmt: skip
def test_is_the_same_said_otherwise(invariant: Invariant, raw: dict[str, Any]) -> None:
    asked = {"quant": "int4" if raw["engine"] != "vllm" else "fp16", **raw}
    asker = Asker()
    assert list(invariant(asked, asker, Random(1))) == []
    assert asker.refused == 0


@pytest.mark.parametrize(
    "raw",
    [
        {"gpu": "8xrtxa2000-6gb", "model": "nemotron-super-49b", "engine": "vllm", "pipeline_parallel": 8, "tensor_parallel": 1},
        {"gpu": "2xrtx3090", "model": "qwen3-8b", "engine": "llama.cpp", "split_mode": "none", **DRAFT},
        {"gpu": "mi300x", "model": "qwen3-next-80b-a3b", "engine": "sglang", "max_total_tokens": 1000, "speculative": "mtp"},
        {"gpu": "m2-ultra-64gb", "model": "glm-4.7", "engine": "mlx", "speculative": "mtp", "kv_bytes_per_token": 10000},
        {"gpu": "h100-sxm", "model": "minicpm3-4b", "engine": "vllm", "kv_cache_type": "turboquant_3bit_nc"},
    ],
)  # fmt: skip
def test_is_answered_or_refused_and_no_bug(raw: dict[str, Any]) -> None:
    try:
        assert estimate(**raw).verdict in ("fits", "tight", "exceeds", "unsupported")
    except VramfitError as error:
        assert error.hint


def test_a_stated_file_stays_where_the_quantization_does() -> None:
    asker, raw = Asker(), {"gpu": "w7900", "model": "kolibri-1", "engine": "sglang", "file_size": "17.6GB"}
    assert list(unkept(raw, asker, Random(1))) == []


def test_a_gpu_without_memory_says_what_to_state() -> None:
    with pytest.raises(VramfitError, match="the memory of the GPU cannot be told") as raised:
        estimate("hd530", "llama-3.2-1b", engine="llama.cpp", quant="Q4_K_M")
    assert raised.value.hint == "give what a program can have of it as --usable, or the machine's memory as --ram"


@pytest.mark.parametrize(
    ("command", "scheme"),
    [
        ("llama-server -m x-Q4_K_M.gguf -c 4096", "Q4_K_M"),
        ("llama-server -m x-F32.gguf -c 4096", "F32"),
        ("llama-server -hf someone/x-GGUF:Q8_0 -c 4096", "Q8_0"),
        ("vllm serve someone/x-7b-fbgemm_fp8 --max-model-len 4096", "fbgemm_fp8"),
    ],
)
def test_files_of_a_command_keep_their_form_beside_a_stated_model(command: str, scheme: str) -> None:
    assert scheme == estimate("b200", "llama-3.1-8b", command=command).quant.scheme


def test_llm_int8_is_no_form_that_a_server_makes_of_16_bits() -> None:
    (one,) = check("h100-sxm", "llama-3.1-8b", engine="vllm", quant="llm.int8").estimates
    assert "--quantization" not in (one.command or "")
