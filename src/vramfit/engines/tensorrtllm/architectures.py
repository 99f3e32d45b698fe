"""Architectures that TensorRT-LLM registers for its PyTorch back end."""

from __future__ import annotations

from vramfit.engines.architectures import Registry

REGISTRY = Registry(
    "TensorRT-LLM tensorrt_llm/_torch/models/_arch_index.py at 065ff9e, checkpoints/hf of 2026",
    frozenset((
        "afmoe", "apertus", "bert", "chatglm", "cohere2", "deepseek_v3", "deepseek_v32", "deepseek_v4", "exaone4",
        "exaone_moe", "gemma2", "gemma3_text", "gemma4_text", "gemma4_unified_text", "glm", "glm4_moe",
        "glm5_next_text", "glm_moe_dsa", "gpt_oss", "hunyuan_v1_dense", "hunyuan_v1_moe", "hyperclovax",
        "inkling_text", "kimi_k2", "kimi_k3", "kimi_linear", "kolibri1", "laguna", "llama", "llama4_text",
        "minimax_m2", "minimax_m3", "ministral3", "mistral", "mistral4", "mixtral", "mllama_text_model", "nemotron",
        "nemotron-nas", "nemotron_h", "phi3", "phi4mm", "qwen2", "qwen2_5_vl", "qwen2_moe", "qwen2_vl", "qwen3",
        "qwen3_5_moe_text", "qwen3_5_text", "qwen3_moe", "qwen3_next", "qwen3_vl_moe_text", "qwen3_vl_text",
        "qwen4_exp_text", "seed_oss", "starcoder2", "step3p5", "t5", "whisper",
    )),
)  # fmt: skip
