"""Sizes of publishers' GGUF mixes, as ratios to the stock type that they come nearest to, by kind of model.

Read from the sizes of some 1,300 files of 90 models in the catalogue: github.com/janhq/model-catalog
``model_catalog_v2.json`` (5 May 2026) and menloresearch/model-catalog ``model_catalog.json`` (1 November 2025), which
list the files of repositories on the Hub, and for Qwen3.8-27B the lists of August and September 2026 that
``tests/quantization/published_files.yaml`` names. Files below 5 GiB are listed too coarsely to count.

``low`` and ``high`` are the smallest and the largest ratio found, widened by a hundredth, and by three where fewer than
three models were found; TQ1_0 also holds Kimi-K2.5's 240 GB (unsloth.ai/docs). Kinds of models are those of ``mixes.kind_of``.
"""

from __future__ import annotations

Row = tuple[str, float, float, float]
"""Stock type, and the ratio to its file: low, expected, high."""

UNSLOTH: dict[str, dict[str, Row]] = {
    "IQ1_S": {
        "dense": ("IQ1_S", 1.015, 1.032, 1.068), "hybrid": ("IQ1_S", 0.84, 0.95, 1.05),
        "sparse": ("Q2_K", 0.77, 0.815, 0.89), "sparse-2026": ("IQ1_S", 1.25, 1.31, 1.35),
    },
    "IQ1_M": {
        "dense": ("IQ1_M", 1.01, 1.033, 1.055), "hybrid": ("IQ1_M", 0.85, 0.96, 1.06),
        "sparse": ("IQ1_M", 1.33, 1.395, 1.48), "sparse-2026": ("IQ1_M", 1.18, 1.21, 1.24),
    },
    "TQ1_0": {"sparse": ("Q2_K", 0.63, 0.72, 0.82), "sparse-2026": ("IQ2_S", 0.77, 0.807, 0.84)},
    "IQ2_XXS": {
        "dense": ("IQ2_XXS", 0.97, 1.018, 1.047), "hybrid": ("IQ2_XXS", 0.85, 1.0, 1.12),
        "sparse": ("IQ2_M", 0.99, 1.035, 1.09), "sparse-2026": ("IQ2_S", 0.97, 0.998, 1.02),
    },
    "IQ2_S": {"hybrid": ("IQ2_S", 0.87, 0.93, 1.03)},
    "IQ2_M": {
        "dense": ("IQ2_M", 0.975, 1.015, 1.04), "hybrid": ("IQ2_M", 0.99, 1.05, 1.1),
        "sparse": ("Q2_K", 0.95, 0.993, 1.02), "sparse-2026": ("IQ2_M", 0.94, 0.972, 1.0),
    },
    "Q2_K_XL": {
        "dense": ("Q2_K", 0.97, 1.028, 1.07), "hybrid": ("Q2_K", 0.91, 1.03, 1.115),
        "sparse": ("Q2_K", 1.02, 1.066, 1.125), "sparse-2026": ("Q2_K_S", 0.965, 0.994, 1.02),
    },
    "IQ3_XXS": {
        "dense": ("Q4_K_M", 0.622, 0.654, 0.677), "hybrid": ("IQ3_XXS", 0.96, 1.025, 1.085),
        "sparse": ("Q3_K_S", 0.947, 0.986, 1.022), "sparse-2026": ("IQ2_M", 1.075, 1.11, 1.143),
    },
    "IQ3_S": {"hybrid": ("IQ3_S", 0.94, 0.985, 1.06), "sparse-2026": ("IQ3_XXS", 0.952, 0.99, 1.012)},
    "Q3_K_S": {"sparse-2026": ("Q3_K_S", 0.94, 0.987, 1.04)},
    "Q3_K_M": {"sparse-2026": ("Q3_K_M", 0.93, 0.965, 1.005)},
    "Q3_K_XL": {
        "dense": ("Q3_K_M", 0.994, 1.023, 1.051), "hybrid": ("Q3_K_M", 0.975, 1.055, 1.1),
        "sparse": ("IQ3_XS", 1.077, 1.105, 1.123), "sparse-2026": ("Q3_K_M", 0.938, 0.98, 1.016),
    },
    "IQ4_XS": {"hybrid": ("IQ4_XS", 0.92, 0.97, 1.04), "sparse-2026": ("IQ3_S", 1.1, 1.134, 1.172)},
    "IQ4_NL": {"sparse-2026": ("Q3_K_M", 1.014, 1.047, 1.086)},
    "IQ4_NL_XL": {"sparse-2026": ("IQ4_NL", 0.96, 0.988, 1.02)},
    "Q4_K_S": {"hybrid": ("Q4_K_S", 0.96, 1.0, 1.05), "sparse-2026": ("IQ3_XS", 1.39, 1.425, 1.456)},
    "Q4_K_M": {"hybrid": ("Q4_K_M", 0.97, 1.01, 1.06), "sparse-2026": ("Q4_K_M", 1.0, 1.025, 1.055)},
    "Q4_K_L": {"sparse-2026": ("Q5_K_M", 0.79, 0.816, 0.84)},
    "Q4_K_XL": {
        "dense": ("Q4_K_S", 1.043, 1.067, 1.091), "hybrid": ("Q4_K_M", 1.045, 1.064, 1.08),
        "sparse": ("Q4_K_M", 0.925, 0.953, 0.975), "sparse-2026": ("Q4_K_M", 1.0, 1.034, 1.065),
    },
    "Q5_K_S": {"hybrid": ("Q5_K_S", 0.97, 1.01, 1.06), "sparse-2026": ("Q5_K_S", 1.015, 1.045, 1.075)},
    "Q5_K_M": {"hybrid": ("Q5_K_M", 1.0, 1.03, 1.07), "sparse-2026": ("Q4_K_M", 1.22, 1.254, 1.285)},
    "Q5_K_XL": {
        "dense": ("Q5_K_M", 0.98, 1.0, 1.02), "hybrid": ("Q5_K_M", 1.03, 1.058, 1.096),
        "sparse": ("Q4_K_S", 1.231, 1.255, 1.281), "sparse-2026": ("Q6_K", 0.916, 0.933, 0.949),
    },
    "Q6_K": {"hybrid": ("Q6_K", 0.97, 1.01, 1.05), "sparse-2026": ("Q6_K", 1.0, 1.026, 1.05)},
    "Q6_K_S": {"sparse-2026": ("Q8_0", 0.75, 0.774, 0.8)},
    "Q6_K_M": {"hybrid": ("Q8_0", 0.78, 0.808, 0.84)},
    "Q6_K_L": {"hybrid": ("Q8_0", 0.82, 0.846, 0.875)},
    "Q6_K_XL": {
        "dense": ("Q5_K_M", 1.199, 1.24, 1.293), "hybrid": ("Q5_K_M", 1.296, 1.327, 1.357),
        "sparse": ("Q6_K", 0.99, 1.045, 1.082), "sparse-2026": ("Q8_0", 0.854, 0.867, 0.88),
    },
    "Q8_K_L": {"hybrid": ("Q8_0", 0.95, 0.979, 1.01)},
    "Q8_K_XL": {
        "dense": ("Q8_0", 1.024, 1.11, 1.165), "hybrid": ("Q8_0", 1.008, 1.15, 1.23),
        "sparse": ("Q8_0", 0.99, 1.1, 1.2), "sparse-2026": ("Q8_0", 0.99, 1.015, 1.31),
    },
}  # fmt: skip
"""Unsloth's ``UD`` files (Dynamic 2.0 of April 2025 to January 2026; ``-2026`` what they make since)."""

UNSLOTH_ENDS: dict[str, dict[str, str]] = {
    "Q8_K_XL": dict.fromkeys(("dense", "hybrid", "sparse", "sparse-2026"), "BF16"),
    "Q6_K_XL": {"dense": "Q8_0", "hybrid": "Q8_0"},
}
"""Type of embedding and head where it is none of the stock type's; the ratio is then that of the other tensors."""

BARTOWSKI_2026: dict[str, dict[str, tuple[float, float, float]]] = {
    "IQ1_S": {"dense": (1.26, 1.3, 1.34)},
    "IQ1_M": {"dense": (1.248, 1.283, 1.318), "sparse": (1.0, 1.03, 1.06)},
    "IQ2_XXS": {"dense": (1.134, 1.2, 1.261), "hybrid": (1.05, 1.071, 1.092), "sparse": (1.019, 1.034, 1.05)},
    "IQ2_XS": {"dense": (1.109, 1.162, 1.216), "hybrid": (1.039, 1.062, 1.085), "sparse": (1.019, 1.03, 1.042)},
    "IQ2_S": {"dense": (1.113, 1.156, 1.195), "hybrid": (1.041, 1.065, 1.088), "sparse": (1.024, 1.036, 1.048)},
    "IQ2_M": {"dense": (1.085, 1.13, 1.171), "hybrid": (1.032, 1.052, 1.073), "sparse": (1.021, 1.033, 1.045)},
    "Q2_K": {"dense": (1.011, 1.05, 1.079), "hybrid": (1.053, 1.073, 1.093), "sparse": (0.969, 1.007, 1.045)},
    "IQ3_XXS": {"dense": (1.016, 1.051, 1.086), "hybrid": (1.079, 1.096, 1.114), "sparse": (1.062, 1.08, 1.098)},
    "IQ3_XS": {"dense": (1.015, 1.042, 1.07), "hybrid": (1.066, 1.086, 1.105), "sparse": (1.061, 1.095, 1.129)},
    "IQ3_M": {"dense": (1.006, 1.033, 1.06), "hybrid": (1.059, 1.077, 1.094), "sparse": (1.065, 1.083, 1.102)},
    "Q3_K_S": {"dense": (1.006, 1.027, 1.048), "hybrid": (1.089, 1.11, 1.131), "sparse": (1.008, 1.023, 1.038)},
    "Q3_K_M": {"dense": (1.005, 1.027, 1.05), "hybrid": (1.054, 1.073, 1.092), "sparse": (0.957, 0.973, 0.988)},
    "Q3_K_L": {"dense": (0.997, 1.011, 1.024), "hybrid": (1.024, 1.041, 1.058), "sparse": (0.921, 0.943, 0.966)},
    "IQ4_XS": {"dense": (1.001, 1.019, 1.037), "hybrid": (0.992, 1.01, 1.028), "sparse": (0.993, 1.011, 1.029)},
    "IQ4_NL": {"dense": (0.999, 1.016, 1.032), "hybrid": (0.995, 1.012, 1.029), "sparse": (0.994, 1.012, 1.029)},
    "Q4_0": {"dense": (0.997, 1.013, 1.029), "hybrid": (1.014, 1.031, 1.048), "sparse": (0.999, 1.012, 1.026)},
    "Q4_1": {"dense": (0.997, 1.013, 1.029), "hybrid": (1.007, 1.022, 1.041), "sparse": (0.997, 1.008, 1.019)},
    "Q4_K_S": {"dense": (0.999, 1.016, 1.032), "hybrid": (1.033, 1.047, 1.064), "sparse": (1.018, 1.032, 1.047)},
    "Q4_K_M": {"dense": (1.009, 1.037, 1.062), "hybrid": (1.037, 1.051, 1.068), "sparse": (0.999, 1.013, 1.027)},
    "Q5_K_S": {"dense": (0.992, 1.005, 1.018), "hybrid": (1.019, 1.036, 1.05), "sparse": (0.997, 1.008, 1.019)},
    "Q5_K_M": {"dense": (1.001, 1.025, 1.047), "hybrid": (1.046, 1.061, 1.076), "sparse": (1.0, 1.011, 1.022)},
    "Q6_K": {"dense": (1.01, 1.04, 1.071), "hybrid": (1.026, 1.043, 1.06), "sparse": (1.0, 1.032, 1.064)},
}
"""bartowski's files of stock types for models since February 2026, which keep attention in more bits than the stock
mix: ratios to the type itself. The files of earlier models are stock."""

UNSLOTH_HYBRID_2026: dict[str, tuple[float, float, float]] = {
    "IQ4_XS": (0.98, 1.01, 1.04), "IQ4_NL": (0.98, 1.01, 1.04), "Q3_K_S": (0.99, 1.015, 1.035),
    "Q3_K_M": (0.985, 1.015, 1.035), "Q4_0": (0.99, 1.01, 1.03), "Q4_1": (0.985, 1.007, 1.025),
    "Q4_K_S": (0.99, 1.012, 1.03), "Q4_K_M": (0.99, 1.014, 1.03), "Q5_K_S": (0.99, 1.01, 1.03),
    "Q5_K_M": (0.99, 1.014, 1.026), "Q6_K": (0.995, 1.014, 1.03),
}  # fmt: skip
"""Unsloth's files of stock types for models with gated delta nets since February 2026, whose ``ssm_out`` has a bit more
than the stock mix gives it (tensor counts of Qwen3.6-27B: 49 Q8_0 in Q6_K; llama.cpp pull request 23792)."""

UNSLOTH_MXFP4_2026 = (1.07, 1.1, 1.13)
"""Unsloth's ``MXFP4_MOE`` files since February 2026, whose attention has 16 bits in part: ratios to the stock type."""

IK_BITS: dict[str, dict[str, tuple[float, float, float]]] = {
    "IQ1_KT": {"dense": (1.95, 2.2, 2.45), "sparse": (1.9, 1.95, 2.05)},
    "IQ2_KT": {"dense": (2.45, 2.52, 2.62), "sparse": (2.15, 2.24, 2.35)},
    "IQ2_KS": {"dense": (2.48, 2.54, 2.62), "sparse": (2.3, 2.38, 2.46)},
    "IQ2_K": {"dense": (2.6, 2.75, 2.9), "sparse": (2.72, 2.84, 2.93)},
    "IQ2_KL": {"dense": (2.93, 2.99, 3.05), "sparse": (2.86, 3.0, 3.18)},
    "IQ3_KT": {"dense": (3.35, 3.47, 3.6), "sparse": (3.35, 3.48, 3.6)},
    "IQ3_KS": {"dense": (3.4, 3.55, 3.7), "sparse": (3.45, 3.57, 3.68)},
    "IQ3_K": {"dense": (3.6, 3.75, 3.95), "sparse": (3.78, 3.87, 3.97)},
    "IQ4_KT": {"dense": (4.2, 4.35, 4.5), "sparse": (4.05, 4.2, 4.35)},
    "IQ4_KSS": {"dense": (4.25, 4.4, 4.5), "sparse": (4.05, 4.13, 4.25)},
    "IQ4_KS": {"dense": (4.4, 4.5, 4.65), "sparse": (4.55, 4.66, 4.75)},
    "IQ4_K": {"dense": (4.6, 4.8, 5.0), "sparse": (4.86, 4.98, 5.13)},
    "IQ5_KS": {"dense": (5.35, 5.5, 5.65), "sparse": (5.4, 5.6, 5.8)},
    "IQ5_K": {"dense": (5.6, 5.8, 6.0), "sparse": (5.85, 5.95, 6.1)},
    "IQ6_K": {"dense": (6.65, 6.75, 6.95), "sparse": (6.7, 7.0, 7.3)},
}
"""Bits per weight of whole files in ik_llama.cpp's types, attention and ends in more bits: low, expected, high.

huggingface.co/ubergarm GLM-4.6 (IQ5_K 5.997, IQ4_K 5.001, IQ4_KS 4.646, smol-IQ4_KSS 4.090, IQ3_KS 3.573, IQ2_KL 3.070,
smol-IQ2_KS 2.359, smol-IQ1_KT 1.948), Qwen3-235B-A22B (IQ5_K 5.909, IQ4_KSS 4.142, IQ3_K 3.903, IQ2_KL 2.991),
Kimi-K2-Instruct (IQ2_KL 2.892, IQ2_KS 2.398), DeepSeek-V3-0324 and R1-0528 (IQ4_K 4.936, IQ4_KS 4.701, IQ3_K 3.847,
IQ3_KT 3.483, IQ2_K 2.889 and 2.799, IQ2_KT 2.188), Mistral Small 24B (IQ4_KSS 4.398), Qwen3-14B (IQ2_KL 2.990, IQ2_KS
2.543, IQ2_KT 2.489); ikawrakow/ik_llama.cpp github-data at 8337e4cd. Types between are placed by their width.
"""
