"""Deployments that are refused: a valid one with one thing wrong."""

from __future__ import annotations

from typing import Any

CHANGES: tuple[dict[str, Any], ...] = (
    {"gpu": "rtx4099"},
    {"gpu": "rtx3060"},
    {"gpu": None},
    {"gpu": "custom:24"},
    {"model": "llama-99b"},
    {"model": None},
    {"model": "sdxl-base"},
    {"engine": "vlllm"},
    {"quant": "Q4_K_XXL"},
    {"quant": "exl2-4.0", "engine": "vllm"},
    {"quant": "hqq-int4", "engine": "llama.cpp"},
    {"quant": "Q4_K_M", "engine": "vllm"},
    {"context": 0},
    {"context": "many"},
    {"contxt": 4096},
    {"prompt_tokens": 5000, "context": 4096},
    {"images": 2, "model": "llama-3.1-8b"},
    {"image_size": "1344", "model": "llava-1.6-13b"},
    {"image_size": "1344x1008", "model": "llama-3.1-8b"},
    {"images": 9, "image_size": "1344x1008", "model": "llava-1.6-13b", "context": 4096},
    {"kv_cache_type": "q3_k"},
    {"kv_cache_type": "q8_0", "engine": "vllm"},
    {"ram": "64"},
    {"ram_bandwidth": "0GB/s"},
    {"gpu_memory_utilization": 1.5, "engine": "vllm"},
    {"tensor_parallel": 5, "engine": "vllm"},
    {"tensor_split": "0,0", "engine": "llama.cpp"},
    {"tensor_split": "1,a", "engine": "llama.cpp"},
    {"main_gpu": 7, "split_mode": "none", "engine": "llama.cpp"},
    {"gpu_layers": "some", "engine": "llama.cpp"},
    {"gpu_layers": -1, "engine": "llama.cpp"},
    {"task": "lora", "engine": "vllm"},
    {"task": "pretrain"},
    {"optimizer": "adamx", "task": "full"},
    {"zero_stage": 4, "task": "full"},
    {"gradient_checkpointing": "yes", "task": "lora"},
    {"unified_kv": 1, "engine": "llama.cpp"},
    {"level": "perfect"},
)
"""What is put over a deployment; None takes the key away. Some are refused for some deployments only."""


def refused(keys: dict[str, Any], number: int) -> dict[str, Any]:
    """``keys`` with a change that is mostly refused, each of them in turn."""
    change = CHANGES[number % len(CHANGES)]
    return {name: given for name, given in {**keys, **change}.items() if given is not None}
