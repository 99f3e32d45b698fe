"""Losses of quantized models, as measured and published: the figures behind every quality label.

Per scheme: (model, billions of parameters, change of perplexity in %, KL divergence, change of MMLU in points, change
of the average over tasks in points, sources). None: not measured there. Perplexity is wikitext-2's. Where a GGUF type
was measured with and without an importance matrix, the figure with one stands: that is how such files are published.
"""

from __future__ import annotations

SOURCES = {
    "P": "ggml-org/llama.cpp tools/perplexity/README.md, scoreboards of Llama 3 8B (revision f364eb6f) and Llama 2",
    "X": "XiongjieDai/GPU-Benchmarks-on-LLM-Inference README.md (dranger003's figures in llama.cpp PR 6745)",
    "C": "matt-c1/llama-3-quant-comparison README.md @f35b7db; 70B: against Q5_K_M, 50 questions per category",
    "Q": "QwenLM/Qwen3 docs/source/getting_started/quantization_benchmark.rst",
    "D": "dwithchenna/llm-quantization (AWQ and AutoGPTQ runs, wikitext-2)",
    "N": "NVIDIA/Model-Optimizer examples/benchmark.md @a2fbac7ba: relative loss x MMLU 69.4 and 83.6 (Llama 3.1 cards)",
    "I": "intel/auto-round docs @b9f3d0079: fp8_block_acc.md; mxnv_acc.md (simulated, round-to-nearest and AutoRound)",
    "M": "ml-explore/mlx-lm mlx_lm/BENCHMARKS.md @d78bf58e, MMLU-Pro",
    "K": "ikawrakow/ik_llama.cpp discussion 359 (ubergarm)",
}

MEASURED: dict[str, tuple[tuple[str, float, float | None, float | None, float | None, float | None, str], ...]] = {
    "Q8_0": (
        ("Llama-2-7B", 7, 0.07, 0.000369, None, None, "P"),
        ("Llama-3-8B", 8, 0.04, 0.00136, 0.03, None, "PC"),
        ("Qwen3-30B-A3B", 30, 0.04, 0.002337, None, None, "K"),
        ("Llama-3-70B", 70, 0.03, None, None, None, "X"),
    ),
    "Q6_K": (
        ("Llama-2-7B", 7, 0.24, 0.002098, None, None, "P"),
        ("Llama-3-8B", 8, 0.35, 0.00545, -0.14, None, "PC"),
        ("Llama-2-70B", 70, 0.16, None, None, None, "P"),
        ("Llama-3-70B", 70, 0.47, None, None, None, "X"),
    ),
    "Q5_K_M": (
        ("Llama-3-8B", 8, 0.91, 0.01076, -0.3, None, "PC"),
        ("Llama-2-70B", 70, 0.4, None, None, None, "P"),
        ("Llama-3-70B", 70, 1.23, None, 0.0, None, "XC"),
    ),
    "Q5_K_S": (
        ("Llama-3-8B", 8, 1.68, 0.01659, -0.32, None, "PC"),
        ("Llama-2-70B", 70, 0.5, None, None, None, "P"),
        ("Llama-3-70B", 70, 1.89, None, None, None, "X"),
    ),
    "Q5_1": (("Llama-3-8B", 8, 1.7, 0.01804, None, None, "P"),),
    "Q5_0": (
        ("Llama-3-8B", 8, 2.11, 0.02224, None, None, "P"),
        ("Llama-2-70B", 70, 1.26, None, None, None, "P"),
    ),
    "Q4_K_M": (
        ("Llama-2-7B", 7, 1.42, 0.012686, None, None, "P"),
        ("Llama-3-8B", 8, 2.43, 0.02815, -0.56, None, "PC"),
        ("Qwen3-30B-A3B", 30, 1.53, 0.010136, None, None, "K"),
        ("Llama-2-70B", 70, 1.2, None, None, None, "P"),
        ("Llama-3-70B", 70, 4.83, None, None, None, "X"),
    ),
    "Q4_K_S": (
        ("Llama-3-8B", 8, 2.86, 0.03195, -0.57, None, "PC"),
        ("Qwen3-30B-A3B", 30, 1.69, 0.012915, None, None, "K"),
        ("Llama-2-70B", 70, 1.57, None, None, None, "P"),
        ("Llama-3-70B", 70, 6.15, None, None, None, "X"),
    ),
    "IQ4_NL": (
        ("Llama-3-8B", 8, 3.59, 0.03574, -0.87, None, "PC"),
        ("Llama-3-70B", 70, 6.9, None, None, None, "X"),
    ),
    "IQ4_XS": (
        ("Llama-3-8B", 8, 3.66, 0.03633, -0.81, None, "PC"),
        ("Llama-3-70B", 70, 7.07, None, -0.36, None, "XC"),
    ),
    "Q4_1": (
        ("Llama-3-8B", 8, 7.24, 0.07168, None, None, "P"),
        ("Llama-2-70B", 70, 2.37, None, None, None, "P"),
    ),
    "Q4_0": (
        ("Llama-3-8B", 8, 7.52, 0.07194, None, None, "P"),
        ("Llama-2-70B", 70, 3.61, None, None, None, "P"),
    ),
    "Q3_K_L": (
        ("Llama-3-8B", 8, 7.05, 0.07308, -2.35, None, "PC"),
        ("Llama-2-70B", 70, 3.8, None, None, None, "P"),
        ("Llama-3-70B", 70, 16.63, None, None, None, "X"),
    ),
    "Q3_K_M": (
        ("Llama-3-8B", 8, 8.07, 0.08436, -2.31, None, "PC"),
        ("Llama-2-70B", 70, 4.72, None, None, None, "P"),
        ("Llama-3-70B", 70, 18.75, None, None, None, "X"),
    ),
    "IQ3_M": (
        ("Llama-3-8B", 8, 10.7, 0.10253, -2.65, None, "PC"),
        ("Llama-3-70B", 70, 21.53, None, -0.76, None, "XC"),
    ),
    "IQ3_S": (
        ("Llama-3-8B", 8, 11.78, 0.11128, -3.07, None, "PC"),
        ("Llama-3-70B", 70, 22.57, None, None, None, "X"),
    ),
    "IQ3_XS": (
        ("Llama-3-8B", 8, 14.95, 0.13869, -4.01, None, "PC"),
        ("Llama-3-70B", 70, 31.45, None, None, None, "X"),
    ),
    "IQ3_XXS": (
        ("Llama-3-8B", 8, 19.69, 0.18363, -4.68, None, "PC"),
        ("Llama-3-70B", 70, 40.14, None, -1.73, None, "XC"),
    ),
    "Q3_K_S": (
        ("Llama-3-8B", 8, 22.0, 0.19982, -6.06, None, "PC"),
        ("Llama-2-70B", 70, 7.89, None, None, None, "P"),
        ("Llama-3-70B", 70, 28.95, None, None, None, "X"),
    ),
    "IQ2_M": (
        ("Llama-3-8B", 8, 38.02, 0.32599, -7.64, None, "PC"),
        ("Llama-3-70B", 70, 72.35, None, -3.81, None, "XC"),
    ),
    "Q2_K": (
        ("Llama-2-7B", 7, 10.8, 0.108903, None, None, "P"),
        ("Llama-3-8B", 8, 38.77, 0.33222, -9.3, None, "PC"),
        ("Llama-2-70B", 70, 8.82, None, None, None, "P"),
        ("Llama-3-70B", 70, 68.73, None, None, None, "X"),
    ),
    "Q2_K_S": (
        ("Llama-3-8B", 8, 49.62, 0.40336, None, None, "P"),
        ("Llama-3-70B", 70, 91.94, None, None, None, "X"),
    ),
    "IQ2_S": (
        ("Llama-3-8B", 8, 54.87, 0.4392, -11.22, None, "PC"),
        ("Llama-3-70B", 70, 95.05, None, -4.77, None, "XC"),
    ),
    "IQ2_XS": (
        ("Llama-3-8B", 8, 72.69, 0.54629, -15.22, None, "PC"),
        ("Llama-3-70B", 70, 103.07, None, -5.88, None, "XC"),
    ),
    "IQ2_XXS": (
        ("Llama-3-8B", 8, 126.13, 0.81202, -21.7, None, "PC"),
        ("Llama-3-70B", 70, 135.64, None, -8.51, None, "XC"),
    ),
    "IQ1_M": (
        ("Llama-3-8B", 8, 309.1, 1.39308, -36.37, None, "PC"),
        ("Llama-3-70B", 70, 201.94, None, -15.61, None, "XC"),
    ),
    "IQ1_S": (
        ("Llama-3-8B", 8, 873.98, 2.25455, -38.73, None, "PC"),
        ("Llama-3-70B", 70, 248.51, None, -19.64, None, "XC"),
    ),
    "int8": (("Llama-3-8B", 8, None, None, -0.67, None, "C"),),
    "exl2-8.0": (("Llama-3-8B", 8, None, None, 0.0, None, "C"),),
    "exl2-6.5": (("Llama-3-8B", 8, None, None, -0.21, None, "C"),),
    "exl2-5.0": (("Llama-3-8B", 8, None, None, -0.93, None, "C"),),
    "exl2-4.25": (("Llama-3-8B", 8, None, None, -1.84, None, "C"),),
    "nf4": (("Llama-3-8B", 8, None, None, -1.78, None, "C"),),
    "fp4": (("Llama-3-8B", 8, None, None, -3.45, None, "C"),),
    "exl2-3.5": (("Llama-3-8B", 8, None, None, -4.92, None, "C"),),
    "gptq-int8": (
        ("Qwen2-0.5B", 0.5, None, None, -2.3, -1.8, "Q"),
        ("Qwen2-1.5B", 1.5, None, None, 0.6, -0.3, "Q"),
        ("Qwen2-7B", 7, None, None, -1.4, -0.7, "Q"),
        ("Qwen2-72B", 72, None, None, -1.0, -0.6, "Q"),
    ),
    "gptq-int4": (
        ("Qwen2-0.5B", 0.5, None, None, -4.9, -4.7, "Q"),
        ("Qwen2-1.5B", 1.5, None, None, -1.7, -3.4, "Q"),
        ("Llama-2-7B", 7, 7.31, None, None, None, "D"),
        ("Qwen2-7B", 7, None, None, -2.7, -2.8, "Q"),
        ("Llama-2-13B", 13, 1.84, None, None, None, "D"),
        ("Llama-2-70B", 70, 6.02, None, None, None, "D"),
        ("Qwen2-72B", 72, None, None, -1.5, -0.1, "Q"),
    ),
    "awq": (
        ("Qwen2-0.5B", 0.5, None, None, -3.5, -3.3, "Q"),
        ("Qwen2-1.5B", 1.5, None, None, -0.8, -1.9, "Q"),
        ("Llama-2-7B", 7, 2.38, None, None, None, "D"),
        ("Qwen2-7B", 7, None, None, -3.1, -2.8, "Q"),
        ("Llama-3.1-8B", 8, None, None, -3.9, None, "N"),
        ("Llama-2-13B", 13, 1.84, None, None, None, "D"),
        ("Llama-2-70B", 70, 2.71, None, None, None, "D"),
        ("Llama-3.1-70B", 70, None, None, -0.9, None, "N"),
        ("Qwen2-72B", 72, None, None, -1.8, -0.9, "Q"),
    ),
    "fp8": (
        ("Llama-3.1-8B", 8, None, None, -1.0, None, "N"),
        ("Llama-3.1-70B", 70, None, None, -0.3, None, "N"),
    ),
    "fp8-block": (
        ("Llama-3-8B", 8, None, None, -0.8, -0.14, "I"),
        ("Qwen3-8B", 8, None, None, -0.23, -0.04, "I"),
    ),
    "MXFP4": (
        ("Qwen2.5-7B", 7, None, None, None, -3.17, "I"),
        ("Qwen2.5-7B", 7, None, None, None, -5.25, "I"),
        ("Llama-3.1-8B", 8, None, None, None, -3.9, "I"),
        ("Llama-3.1-8B", 8, None, None, None, -8.64, "I"),
        ("Qwen3-32B", 32, None, None, None, -1.1, "I"),
        ("Qwen3-32B", 32, None, None, None, -4.2, "I"),
    ),
    "nvfp4": (
        ("Llama-3.1-8B", 8, None, None, None, -1.58, "I"),
        ("Llama-3.1-8B", 8, None, None, None, -2.0, "I"),
        ("Qwen3-32B", 32, None, None, None, -0.15, "I"),
        ("Qwen3-32B", 32, None, None, None, -1.57, "I"),
    ),
    "mlx-8bit": (
        ("Qwen3-4B", 4, None, None, -0.2, None, "M"),
        ("Qwen3-30B-A3B", 30, None, None, -0.16, None, "M"),
    ),
    "mlx-6bit": (
        ("Qwen3-4B", 4, None, None, -0.52, None, "M"),
        ("Qwen3-30B-A3B", 30, None, None, -0.21, None, "M"),
    ),
    "mlx-5bit-g32": (("Qwen3-4B", 4, None, None, -0.89, None, "M"),),
    "mlx-5bit": (
        ("Qwen3-4B", 4, None, None, -1.67, None, "M"),
        ("Qwen3-30B-A3B", 30, None, None, -0.65, None, "M"),
    ),
    "mlx-4bit-g32": (("Qwen3-4B", 4, None, None, -2.59, None, "M"),),
    "mlx-4bit": (
        ("Qwen3-4B", 4, None, None, -3.33, None, "M"),
        ("Qwen3-30B-A3B", 30, None, None, -1.91, None, "M"),
    ),
}

CACHE_SOURCES = {
    "L": "ggml-org/llama.cpp PR 7412 (Llama 3 8B, weights F16)",
    "S": "ggml-org/llama.cpp PR 6183 (Llama 2 7B, weights Q4_K_S; keys only)",
    "E": "turboderp-org/exllamav2 doc/qcache_eval.md @da07fac (FP8 without scales)",
    "I": "InternLM/lmdeploy docs/en/quantization/kv_quant.md @1263d5cd8",
}

CACHE_MEASURED: dict[
    str, tuple[tuple[str, float, float | None, float | None, float | None, float | None, str], ...]
] = {
    "q8_0": (("Llama-3-8B", 8, 0.07, 0.00098, None, None, "L"),),
    "q5_1": (("Llama-2-7B", 7, 0.22, None, None, None, "S"),),
    "q5_0": (("Llama-2-7B", 7, 0.42, None, None, None, "S"),),
    "q4_1": (("Llama-2-7B", 7, 0.96, None, None, None, "S"),),
    "iq4_nl": (("Llama-2-7B", 7, 1.11, None, None, None, "S"),),
    "q4_0": (("Llama-2-7B", 7, 1.91, None, None, None, "S"),),
    "fp8": (
        ("Mistral-7B", 7, 0.16, None, None, None, "E"),
        ("Llama-2-7B", 7, 3.02, None, None, None, "E"),
        ("Mixtral-8x7B", 47, 1.68, None, None, None, "E"),
    ),
    "int8": (
        ("Llama-2-7B", 7, None, None, -0.06, None, "I"),
        ("InternLM2.5-7B", 7, None, None, -0.03, None, "I"),
        ("Qwen1.5-7B", 7, None, None, 0.08, None, "I"),
    ),
    "int4": (
        ("Llama-2-7B", 7, None, None, -0.85, None, "I"),
        ("InternLM2.5-7B", 7, None, None, -1.13, None, "I"),
        ("Qwen1.5-7B", 7, None, None, -0.83, None, "I"),
    ),
}
"""Losses with quantized KV caches, per element type of keys and values. Values suffer less than keys (source L)."""
