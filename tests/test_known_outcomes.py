"""Deployments that people tried: what ran must not exceed, what died must not fit.

Lengths that a source does not state are taken low for what died and high for what ran, so that a guess hides no
mistake. What a source does say is in the comment beside it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.command import vramfit

RAN: dict[str, dict[str, Any]] = {
    # lm-sys/FastChat issue 2005: nvidia-smi shows 13,213 of 24,576 MiB.
    "fastchat-2005": {"model": "llama-2-7b", "gpu": "rtx3090", "quant": "fp16", "context": 2048},
    # meta-llama/llama issue 67: max_batch_size 2 at 1024 tokens on a 16 GB card.
    "llama-67": {"model": "llama-7b", "gpu": "t4", "quant": "fp16", "context": 1024, "parallel": 2},
    # haotian-liu/LLaVA issue 1570: the 4-bit version works on 24 GB.
    "llava-1570": {"model": "llava-1.5-7b", "gpu": "rtx4090", "quant": "nf4", "context": 2048},
    # casper-hansen/AutoAWQ README at 88e4c76: 20.26, 16.82 and 10.28 GiB of a 24 GB card.
    "autoawq codellama": {"model": "codellama-34b", "gpu": "rtx4090", "quant": "awq", "context": 4096},
    "autoawq mistral": {"model": "mistral-7b-v0.1", "gpu": "rtx4090", "quant": "awq", "context": 4096, "parallel": 8},
    "autoawq llama": {"model": "llama-2-13b", "gpu": "rtx4090", "quant": "awq", "context": 4096},
    # THUDM/GLM-4 inference/README.md at 3f79b54: 72 GB, 50 GB on the fuller GPU, 25 GB.
    "glm 32b": {"model": "glm-4-32b-0414", "gpu": "h100-sxm", "quant": "bf16", "context": 8000},
    "glm 32b on two": {"model": "glm-4-32b-0414", "gpu": "2xh100-sxm", "quant": "bf16", "context": 32000},
    "glm 9b": {"model": "glm-4-9b-0414", "gpu": "h100-sxm", "quant": "bf16", "context": 8000},
    # Lightning-AI/litgpt tutorials/resource-tables.md at 2685705: 26.55 GB.
    "litgpt falcon": {"model": "falcon-40b", "gpu": "a100-sxm4-40gb", "quant": "nf4", "context": 256},
    # The same tables, fine-tuning at 1304 tokens without checkpointing: peaks of 21.3, 29.07 and 23.14 GB.
    "litgpt lora 1": {
        "model": "llama-2-7b", "gpu": "a100-sxm4-40gb", "task": "lora", "sequence_length": 1304, "micro_batch": 1,
        "trainer": "litgpt", "lora_targets": "qv",
        "gradient_checkpointing": False, "lora_rank": 8,
    },
    "litgpt lora 2": {
        "model": "llama-2-7b", "gpu": "a100-sxm4-40gb", "task": "lora", "sequence_length": 1304, "micro_batch": 2,
        "trainer": "litgpt", "lora_targets": "qv",
        "gradient_checkpointing": False, "lora_rank": 8,
    },
    "litgpt qlora 13b": {
        "model": "llama-2-13b", "gpu": "a100-sxm4-40gb", "task": "qlora", "sequence_length": 1304, "micro_batch": 1,
        "trainer": "litgpt", "lora_targets": "qv",
        "gradient_checkpointing": False, "lora_rank": 8,
    },
    # vllm-project/vllm issue 17327 (0.8.5): 4 x A10, max_num_seqs 1; it "works with enforce-eager".
    "vllm-17327 eager": {
        "model": "Qwen/Qwen3-30B-A3B", "gpu": "4xa10", "engine": "vllm", "context": 1024, "max_num_seqs": 1,
        "enforce_eager": True, "engine_version": "0.8.5",
    },
    # vllm-project/vllm issue 21348: on 4 x H100 vLLM of July 2025 has 178,880 tokens of cache, SGLang at 0.93 367,404.
    "vllm-21348": {
        "model": "Qwen/Qwen3-235B-A22B-FP8", "gpu": "4xh100-sxm", "engine": "vllm", "context": 40960, "engine_version": "0.9.2",
    },
    "vllm-21348 sglang": {
        "model": "Qwen/Qwen3-235B-A22B-FP8", "gpu": "4xh100-sxm", "engine": "sglang", "gpu_memory_utilization": 0.93,
        "context": 40960, "engine_version": "0.4.9",
    },
    # vllm-project/recipes models/Qwen/Qwen3.8-27B.yaml (0.26.1): two RTX 5090 at 262,144 tokens, cache in 8 bits.
    "recipes qwen3.8 fp8": {
        "model": "Qwen/Qwen3.8-27B-FP8", "gpu": "2xrtx5090", "engine": "vllm", "context": 262144, "kv_cache_type": "fp8",
        "engine_version": "0.26.0",
    },
    "recipes qwen3.8 nvfp4": {
        "model": "qwen3.8-27b", "gpu": "2xrtx5090", "engine": "vllm", "quant": "nvfp4", "context": 262144,
        "kv_cache_type": "fp8", "engine_version": "0.26.0",
    },
    # ggml-org/llama.cpp issue 24166 (June 2026): three slots over one cache of 262,144 cells, about 2 GB to spare.
    "llama.cpp-24166": {
        "engine": "llama.cpp", "model": "gemma-4-26B-A4B-it-Q5_K_L.gguf", "gpu": "rtx3090",
        "context": 262144, "kv_cache_type": "q8_0", "parallel": 3, "unified_kv": True, "images": 0,
    },
    # vllm-project/vllm issue 33263 (January 2026): 18.78 GiB of a 24 GB card are left for the cache.
    "vllm-33263": {
        "model": "Qwen/Qwen3-1.7B", "gpu": "rtx3090", "engine": "vllm", "context": 1024, "max_num_seqs": 1,
        "engine_version": "0.14.1",
    },
}  # fmt: skip

DIED: dict[str, dict[str, Any]] = {
    # meta-llama/llama issue 918: building the model on 8 x 15.77 GiB.
    "llama-918": {"model": "llama-2-70b", "gpu": "8xv100-pcie-16gb", "quant": "fp16", "context": 512},
    # meta-llama/codellama issue 82: building the model, 7.21 of 7.78 GiB allocated.
    "codellama-82": {"model": "codellama-7b", "gpu": "rtx3070", "quant": "fp16", "context": 128},
    # meta-llama/llama issue 455: 10.97 of 11.75 GiB allocated.
    "llama-455": {"model": "llama-2-7b", "gpu": "rtx3060-12gb", "quant": "fp16", "context": 128, "parallel": 4},
    # haotian-liu/LLaVA issue 1099: "more than 30 GB" for the 13B, "about 80 GB" for the 34B.
    "llava-1099 13b": {"model": "llava-1.6-13b", "gpu": "rtx4090", "quant": "fp16", "context": 4096},
    "llava-1099 34b": {"model": "llava-1.6-34b", "gpu": "rtxa6000", "quant": "fp16", "context": 4096},
    # Lightning-AI/litgpt tutorials/resource-tables.md at 2685705: out of memory on 40 GB.
    "litgpt codellama": {"model": "codellama-34b", "gpu": "a100-sxm4-40gb", "quant": "bf16", "context": 256},
    "litgpt falcon": {"model": "falcon-40b", "gpu": "a100-sxm4-40gb", "quant": "bf16", "context": 256},
    "litgpt llama": {"model": "llama-2-70b", "gpu": "a100-sxm4-40gb", "quant": "bf16", "context": 256},
    "litgpt lora 13b": {
        "model": "llama-2-13b", "gpu": "a100-sxm4-40gb", "task": "lora", "sequence_length": 1304, "micro_batch": 2,
        "trainer": "litgpt", "lora_targets": "qv",
        "gradient_checkpointing": False, "lora_rank": 8,
    },
    "litgpt lora 13b 4": {
        "model": "llama-2-13b", "gpu": "a100-sxm4-40gb", "task": "lora", "sequence_length": 1304, "micro_batch": 4,
        "trainer": "litgpt", "lora_targets": "qv",
        "gradient_checkpointing": False, "lora_rank": 8,
    },
    "litgpt lora 7b": {
        "model": "llama-2-7b", "gpu": "a100-sxm4-40gb", "task": "lora", "sequence_length": 1304, "micro_batch": 4,
        "trainer": "litgpt", "lora_targets": "qv",
        "gradient_checkpointing": False, "lora_rank": 8,
    },
    # Lightning-AI/litgpt config_hub/finetune/README.md at 2685705: out of memory on four 24 GB cards (FSDP).
    "litgpt full": {
        "model": "llama-3-8b", "gpu": "4xa10g", "task": "full", "sequence_length": 512, "micro_batch": 4,
        "zero_stage": 3,
    },
    # foundation-model-stack/fms-acceleration scripts/benchmarks/refs/a100_80gb.csv at 876e2ed: 16-bit weights alone
    # exceed the card; and full fine-tuning over two of them.
    "fms mixtral": {"model": "mixtral-8x7b", "gpu": "a100-pcie-80gb", "task": "lora", "micro_batch": 4},
    "fms llama": {"model": "llama-2-70b", "gpu": "a100-pcie-80gb", "task": "full", "micro_batch": 4},
    "fms mixtral on two": {
        "model": "mixtral-8x7b", "gpu": "2xa100-pcie-80gb", "task": "full", "micro_batch": 2, "zero_stage": 3,
    },
    # vllm-project/vllm issue 17327 (0.8.5): the same without enforce-eager runs out of memory.
    "vllm-17327": {
        "model": "Qwen/Qwen3-30B-A3B", "gpu": "4xa10", "engine": "vllm", "context": 1024, "max_num_seqs": 1,
        "engine_version": "0.8.5",
    },
    # vllm-project/vllm issue 41695 (May 2026): no memory for blocks at 0.95 of an RTX 5090.
    "vllm-41695 coder": {
        "model": "Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8", "gpu": "rtx5090", "engine": "vllm", "context": 16384,
        "gpu_memory_utilization": 0.95,
    },
    "vllm-41695 dense": {
        "model": "Qwen/Qwen3.6-27B-FP8", "gpu": "rtx5090", "engine": "vllm", "context": 16384, "gpu_memory_utilization": 0.95,
    },
    # QwenLM/Qwen3-VL issue 1489 (September 2025): 8 x A100 80 GB at the model's context.
    "qwen3-vl-1489": {
        "model": "Qwen/Qwen3-VL-235B-A22B-Instruct", "gpu": "8xa100-sxm4-80gb", "engine": "vllm", "context": 262144,
    },
    # ggml-org/llama.cpp issue 26674 (August 2026): files of 16 and 27.9 GB do not run whole on 16 GB.
    "llama.cpp-26674 31b": {
        "engine": "llama.cpp", "model": "gemma-4-31B-it-qat-UD-Q4_K_XL.gguf", "gpu": "rtx5060ti-16gb", "images": 0,
    },
    "llama.cpp-26674 35b": {
        "engine": "llama.cpp", "model": "Qwen3.6-35B-A3B-UD-Q6_K.gguf", "gpu": "rtx5060ti-16gb", "images": 0,
    },
}  # fmt: skip


def verdict(deployment: dict[str, Any]) -> str:
    """The word for a deployment, under transformers unless it names an engine, in the first of its forms."""
    text = json.dumps({"deployments": [{"engine": "transformers", **deployment}]})
    estimate, *_ = vramfit("check", "--file", "-", "--format", "ndjson", stdin=text).lines
    assert "error" not in estimate, estimate
    word: str = estimate["verdict"]
    return word


@pytest.mark.parametrize("name", RAN)
def test_what_ran_does_not_exceed(name: str) -> None:
    """It fits, or is tight."""
    assert verdict(RAN[name]) in ("fits", "tight")


@pytest.mark.parametrize("name", DIED)
def test_what_died_does_not_fit(name: str) -> None:
    """It exceeds."""
    assert "exceeds" == verdict(DIED[name])
