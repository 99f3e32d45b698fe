"""GGUF types that publishers make and ``llama-quantize`` has no name for, read from their names.

Three kinds. Mixes with embedding and head in a type of their own are known exactly: bartowski's ``_L`` and ``_XL`` have
them in Q8_0 (model cards on huggingface.co/bartowski: "uses Q8_0 for embed and output weights"), Unsloth's ``Q2_K_L`` has
Q4_K and Q6_K (unslothai/unsloth-zoo pull request 677). Mixes that are chosen anew for each model (Unsloth's ``UD`` files,
bartowski's files of recent models, ik_llama.cpp's types) are a stock type times a ratio: see ``mixes``. All are made with
an importance matrix.
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
"""Types of bartowski's that are another with embedding and head in Q8_0."""
UNSLOTH_ENDS = {"Q2_K_L": ("Q2_K", "Q4_K", "Q6_K")}
"""Types of Unsloth's that are a stock type with another type of the embedding, and of the head."""

DYNAMIC_BASES: dict[str, str] = {
    "Q2_K_XL": "Q2_K", "Q3_K_XL": "Q3_K_M", "Q4_K_XL": "Q4_K_M", "Q4_K_L": "Q4_K_M", "Q5_K_XL": "Q5_K_M",
    "Q6_K_S": "Q6_K", "Q6_K_M": "Q6_K", "Q6_K_L": "Q6_K", "Q6_K_XL": "Q6_K", "Q8_K_L": "Q8_0", "Q8_K_XL": "Q8_0",
    "IQ4_NL_XL": "IQ4_NL", "TQ1_0": "IQ1_S",
}  # fmt: skip
"""Stock types whose bits the types of Unsloth's files have that no stock type is named like."""
DYNAMIC_ALONE = ("Q2_K_XL", "Q4_K_XL", "Q5_K_XL", "Q6_K_XL", "Q8_K_XL", "Q8_K_L", "Q6_K_M", "IQ4_NL_XL")
"""Types that only Unsloth makes, so that the name means its file with and without ``UD``."""

IK_TYPES: dict[str, str] = {
    "IQ1_KT": "IQ1_M", "IQ2_KT": "IQ2_XXS", "IQ2_KS": "IQ2_XXS", "IQ2_K": "IQ2_XS", "IQ2_KL": "Q2_K_S",
    "IQ3_KT": "IQ3_XXS", "IQ3_KS": "IQ3_XXS", "IQ3_K": "IQ3_S", "IQ4_KT": "IQ4_XS", "IQ4_KSS": "IQ4_XS",
    "IQ4_KS": "IQ4_XS", "IQ4_K": "IQ4_NL", "IQ5_KS": "Q5_K_S", "IQ5_K": "Q5_K_S", "IQ6_K": "Q6_K",
}  # fmt: skip
"""Types of ik_llama.cpp, and the stock type of nearest width. Their own bits per weight are 1.75, 2.125, 2.1875, 2.375,
2.6875, 3.125, 3.1875, 3.4375, 4, 4, 4.25, 4.5, 5.25, 5.5 and 6.625 (ikawrakow/ik_llama.cpp ``ggml/src/ggml-common.h``
at 8337e4cd); publishers keep attention, embedding and head in more."""

RECIPES_SINCE = "2026-02"
"""Month since which Unsloth and bartowski make their mixes of new models by other recipes (Qwen3.5 was the first)."""
FULL_4_BITS = "Q4_X"
"""Name under which models that were released with int4 experts in groups of 32 (Kimi-K2-Thinking) are published whole:
the experts in Q4_0, which holds the same grid, the rest in Q8_0 (ggml-org/llama.cpp pull request 17064)."""
INTERLEAVED = ("_R4", "_R8", "_R16")
"""Marks of ik_llama.cpp's types whose rows are stored in turn, for processors: as many bytes (ikawrakow/ik_llama.cpp README,
``-rtr``)."""
WITH_HEAD = "+mtp"
"""Mark behind a type in ``Model.files``: that file has a prediction head."""
PLUS = "_P"
OWN = {"bartowski": "bartowski", "unsloth": "Unsloth"}
"""Owners of repositories on the Hub whose files of stock types are not stock for every model, and their names."""
MIXES = {
    "qx": "mlx", "jang": "mlx", "optiq": "mlx", "mtplx": "mlx", "mxfp6": "", "mixed": "", "mobile": "", "paro": "", "escha": "",
    "prismaquant": "", "mxint": "",
}  # fmt: skip
"""Beginnings of the words for mixes, and for types, whose bytes no source states, and the family of those that one loads:
nightmedia's (``qx64-hi``), JANG, OptiQ and MTPLX for MLX, mixes of several widths, MXFP6 (ggml-org/llama.cpp pull request
22671)."""
OF_RECIPES = ("mixed",)
"""Words of those that are no mix of their own beside AutoRound's: its ``int4-mixed`` are experts in 4 bits."""

APEX = "apex"
"""Word for mixes that mudler makes (``gguf_apex``)."""
NAMES = {"ik": "ik_llama.cpp", "plus": "a publisher"}


def read(name: str) -> Scheme | None:
    """Scheme of a publisher's type, whatever its case; None for any other name."""
    text = name.strip()
    owner, _, of_owner = text.partition("-")
    if owner.lower() in OWN and of_owner:
        return _of_owner(owner.lower(), of_owner.upper())
    word = text.upper().replace("-", "_").removeprefix("UD_")
    dynamic = text.upper().startswith(("UD-", "UD_"))
    if word in ENDS_IN_Q8 and not dynamic:
        return _scheme(word, ENDS_IN_Q8[word], {"ends": ("Q8_0", "Q8_0")}, "embedding and head in Q8_0")
    if word in DYNAMIC_BASES and (dynamic or word in DYNAMIC_ALONE):
        mix = {"mix": (OWN["unsloth"], word)}
        return _scheme(f"{DYNAMIC}{word}", DYNAMIC_BASES[word], mix, "types chosen for each model")
    if dynamic and _is_stock(word):
        return _scheme(f"{DYNAMIC}{word}", word, {"mix": (OWN["unsloth"], word)}, "types chosen for each model")
    if word == FULL_4_BITS:
        return _scheme(word, "Q8_0", {"experts": "Q4_0"}, "experts in Q4_0")
    if word in IK_TYPES and not dynamic:
        return _scheme(word, IK_TYPES[word], {"mix": (NAMES["ik"], word)}, "a type of ik_llama.cpp")
    plain = word.removesuffix(PLUS)
    if plain != word and _is_stock(plain):
        return _scheme(word, plain, {"mix": (NAMES["plus"], word)}, "more bits for some tensors")
    for mark in INTERLEAVED:
        if word.endswith(mark):
            plain = text[: -len(mark)]
            return SCHEMES[plain.upper()] if _is_stock(plain.upper()) else read(plain)
    if text.lower().startswith(APEX):
        from vramfit.quantization.gguf_apex import read as read_apex

        return read_apex(text)
    if text.count("-") > 1:
        from vramfit.quantization.gguf_parts import read as read_parts

        return read_parts(text)
    return None


def is_mix_of(word: str, start: str) -> bool:
    """True if a word is one of ``MIXES``, with digits or letters of a grade behind it: ``qx86n``, ``jangtq``."""
    rest = word.removeprefix(start)
    if start in ("qx", "mxint"):
        return rest != word and rest[:1].isdecimal()
    return word == start or (rest != word and start in ("jang", "paro", "mxfp6"))


def is_undescribed(name: str) -> bool:
    """True if a name is that of a mix whose bytes no source states: ``qx64-hi``, ``MXFP6``, ``OptiQ-4bit``."""
    word = name.strip().lower().partition("-")[0]
    return any(is_mix_of(word, start) for start in MIXES)


def _of_owner(owner: str, word: str) -> Scheme | None:
    """Scheme of an owner's file of a type that others make too."""
    if owner == "unsloth" and word in UNSLOTH_ENDS:
        base, *ends = UNSLOTH_ENDS[word]
        return _scheme(f"{owner}-{word}", base, {"ends": tuple(ends)}, "embedding in Q4_K")
    if owner == "bartowski" and word in ENDS_IN_Q8:
        base = ENDS_IN_Q8[word]
        settings = {"mix": (OWN[owner], base), "ends": ("Q8_0", "Q8_0")}
        return _scheme(f"{owner}-{word}", base, settings, "embedding and head in Q8_0")
    if not _is_stock(word):
        return None
    return _scheme(f"{owner}-{word}", word, {"mix": (OWN[owner], word)}, f"as {OWN[owner]} makes it")


def _is_stock(word: str) -> bool:
    known = SCHEMES.get(word)
    return known is not None and known.family == "gguf" and word not in ("F32", "F16", "BF16")


def _scheme(name: str, base: str, settings: dict[str, Any], summary: str) -> Scheme:
    stock = SCHEMES[base]
    settings = {**stock.settings, "imatrix": True, **settings}
    return Scheme(name, "gguf", stock.precision, f"GGUF: {base}, {summary}", settings)
