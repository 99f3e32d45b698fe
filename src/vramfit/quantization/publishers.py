"""GGUF types that publishers make and ``llama-quantize`` has no name for, as stock types with a share more or less.

Three kinds. Bartowski's ``_L`` and ``_XL`` mixes are stock ones with embedding and head in Q8_0, so their bytes are known
exactly (huggingface.co/bartowski model cards: "uses Q8_0 for embed and output weights"). Unsloth chooses the types of its
``UD`` files anew for each model, and ik_llama.cpp's types have a known width and mixes that each publisher makes; of
these a file is the stock type in ``BASES`` times a ratio, whose interval holds the published sizes that are known.
"""

from __future__ import annotations

from vramfit.quantization.schemes import SCHEMES, Scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DYNAMIC = "UD-"
ENDS_IN_Q8 = {
    "Q2_K_L": "Q2_K", "Q3_K_XL": "Q3_K_L", "Q4_K_L": "Q4_K_M", "Q5_K_L": "Q5_K_M", "Q6_K_L": "Q6_K",
}  # fmt: skip
"""Types that are another with embedding and head in Q8_0."""

DYNAMIC_BASES: dict[str, tuple[str, float, float, float]] = {
    # Not published that we know: between Q2_K and Q2_K_L of the same models, and a tenth more.
    "Q2_K_XL": ("Q2_K", 0.96, 1.04, 1.12),
    # Qwen3.8-27B 12,609 MiB on the GPU (sudoingX/qwen38-mtp issue 40): 1.038.
    "Q3_K_XL": ("Q3_K_M", 0.96, 1.03, 1.10),
    # MiniMax-M2.1 131 GB of 138 (hf unsloth/MiniMax-M2.1-GGUF discussion 7): 0.949. Qwen3.6-35B-A3B 21 GB (hf
    # mudler/Qwen3.6-35B-A3B-APEX-GGUF): 0.993. Gemma 4 31B 17.46 GiB (llama.cpp issue 22078): 1.004. Qwen3.5-35B-A3B
    # 20,685 MiB and -9B 5,134 MiB on the GPU (HilbertraumAI/HilbertRaum eval): 1.039, 1.067. Qwen3.5-27B 17.6 GB: 1.064.
    "Q4_K_XL": ("Q4_K_M", 0.94, 1.03, 1.10),
    # Qwen3.6-35B-A3B 25 GB (hf mudler/Qwen3.6-35B-A3B-APEX-GGUF): 1.011. Qwen3.8-27B (sudoingX/qwen38-mtp): 1.066.
    "Q5_K_XL": ("Q5_K_M", 0.97, 1.03, 1.08),
    # Qwen3.8-Flash-Next 169.2 GB where Q8_0 has 188.2 (Niko1221/Strata docs/QUANTS.md): 1.165.
    "Q6_K_XL": ("Q6_K", 1.0, 1.11, 1.18),
    # Qwen3.5-27B 35.5 GB: 1.242.
    "Q8_K_XL": ("Q8_0", 1.02, 1.2, 1.28),
    # Kimi-K2.5 240 GB (unsloth.ai documentation): 1.174.
    "TQ1_0": ("IQ1_S", 1.0, 1.15, 1.2),
}
"""Stock type, and the ratio to its file: least, expected, most."""

DYNAMIC_RATIOS = (0.93, 1.02, 1.10)
"""Ratios of the ``UD`` forms of stock types: Qwen3.6-35B-A3B Q3_K_M 16 GB (hf mudler/Qwen3.6-35B-A3B-APEX-GGUF) 0.955,
DeepSeek-V4-Flash IQ3_XXS 104 GB 0.952, Qwen3.8-27B Q5_K_M 18,163 MiB on the GPU (HilbertraumAI/HilbertRaum) 1.038."""

WIDTHS: dict[str, tuple[str, float]] = {
    "IQ1_KT": ("IQ1_M", 1.75 / 1.75), "IQ2_KT": ("IQ2_XXS", 2.125 / 2.0625), "IQ2_KS": ("IQ2_XXS", 2.1875 / 2.0625),
    "IQ2_K": ("IQ2_XS", 2.375 / 2.3125), "IQ2_KL": ("Q2_K_S", 2.6875 / 2.625), "IQ3_KT": ("IQ3_XXS", 3.125 / 3.0625),
    "IQ3_KS": ("IQ3_XXS", 3.1875 / 3.0625), "IQ3_K": ("IQ3_S", 1.0), "IQ3_KL": ("IQ4_XS", 4.0 / 4.25),
    "IQ4_KT": ("IQ4_XS", 4.0 / 4.25), "IQ4_KSS": ("IQ4_XS", 4.0 / 4.25), "IQ4_KS": ("IQ4_XS", 1.0),
    "IQ4_K": ("IQ4_NL", 1.0), "IQ5_KS": ("Q5_K_S", 5.25 / 5.5), "IQ5_K": ("Q5_K_S", 1.0),
    "IQ6_K": ("Q6_K", 6.625 / 6.5625),
}  # fmt: skip
"""Types of ik_llama.cpp: the stock type of nearest width, and the ratio of their bits per weight (``ggml/include/ggml.h``
and pull requests 83, 85, 422, 505 and 511 of ikawrakow/ik_llama.cpp)."""
WIDTH_SPREAD = 0.07
"""Share by which their mixes differ from the stock type's: publishers keep attention and head in more bits."""

PLUS = "_P"
PLUS_RATIOS = (0.97, 1.04, 1.12)
"""Ratios of K-quants with ``_P`` behind their name, of which no size is known: assumed as those of ``UD`` files."""


def read(name: str) -> Scheme | None:
    """Scheme of a publisher's type, whatever its case; None for any other name."""
    word = name.strip().upper().replace("-", "_").removeprefix("UD_")
    dynamic = name.strip().upper().startswith(("UD-", "UD_"))
    if word in ENDS_IN_Q8 and not dynamic:
        return _scheme(word, ENDS_IN_Q8[word], {"ends": "Q8_0"}, "embedding and head in Q8_0")
    if word in DYNAMIC_BASES:
        base, *ratios = DYNAMIC_BASES[word]
        return _scheme(f"{DYNAMIC}{word}", base, {"ratios": tuple(ratios)}, "types chosen for each model")
    if dynamic and _is_stock(word):
        return _scheme(f"{DYNAMIC}{word}", word, {"ratios": DYNAMIC_RATIOS}, "types chosen for each model")
    if word in WIDTHS and not dynamic:
        base, ratio = WIDTHS[word]
        spread = (ratio * (1 - WIDTH_SPREAD), ratio, ratio * (1 + WIDTH_SPREAD))
        return _scheme(word, base, {"ratios": spread}, "a type of ik_llama.cpp")
    plain = word.removesuffix(PLUS)
    if plain != word and _is_stock(plain):
        return _scheme(word, plain, {"ratios": PLUS_RATIOS}, "more bits for some tensors")
    return None


def _is_stock(word: str) -> bool:
    known = SCHEMES.get(word)
    return known is not None and known.family == "gguf" and word not in ("F32", "F16", "BF16")


def _scheme(name: str, base: str, settings: dict[str, Any], summary: str) -> Scheme:
    stock = SCHEMES[base]
    settings = {**stock.settings, "imatrix": True, **settings}
    return Scheme(name, "gguf", stock.precision, f"GGUF: {base}, {summary}", settings)
