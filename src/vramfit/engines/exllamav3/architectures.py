"""Architectures that ExLlamaV3 registers."""

from __future__ import annotations

from vramfit.engines.architectures import Registry

REGISTRY = Registry(
    "exllamav3 1.6.5 architecture/architectures.py",
    frozenset((
        "afmoe", "apertus", "arcee", "bailing_hybrid", "cohere", "cohere2", "deepseek_v3", "deepseek_v4", "dots1",
        "ernie4_5", "ernie4_5_moe", "exaone4", "gemma2", "gemma3_text", "gemma4_text", "gemma4_unified_text", "glm4",
        "glm4_moe", "glm4_moe_lite", "glm4v_moe_text", "glm4v_text", "glm5_next_text", "glm_moe_dsa", "gpt_oss",
        "hy_v3", "hyperclovax", "iquestcoder", "kimi_k2", "kimi_linear", "laguna", "lfm2", "lfm2_moe", "llama",
        "mimo", "mimo_v2_flash", "minimax_m2", "ministral3", "mistral", "mistral4", "mixtral", "muse_glimmer_text",
        "nemotron-nas", "nemotron_h", "olmo3", "olmo_hybrid", "phi3", "qwen2", "qwen2_5_vl", "qwen3",
        "qwen3_5_moe_text", "qwen3_5_text", "qwen3_moe", "qwen3_next", "qwen3_vl_moe_text", "qwen3_vl_text",
        "qwen4_exp_text", "seed_oss", "smollm3", "solar_open", "spark2_5", "step3p5",
    )),
)  # fmt: skip
