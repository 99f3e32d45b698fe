"""Architectures that ExLlamaV2 registers."""

from __future__ import annotations

from vramfit.engines.architectures import Registry

REGISTRY = Registry(
    "exllamav2 0.3.2 architecture.py",
    frozenset((
        "cohere", "cohere2", "dbrx", "gemma", "gemma2", "gemma3_text", "glm4", "gpt_bigcode", "granite", "index",
        "internlm2", "llama", "minicpm", "mistral", "mixtral", "orion", "phi3", "qwen2", "qwen2_5_vl", "qwen2_vl",
        "qwen3", "qwen3_moe", "starcoder2", "yi",
    )),
)  # fmt: skip
