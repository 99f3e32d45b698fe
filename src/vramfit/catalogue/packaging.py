"""Words by which names of repositories and files say how a model is packaged, and the deployment keys that they state.

Parts of a name behind the model's own: its scheme (``AWQ``, ``Q4_K_M``, ``4bit``, ``oQ4e``), and words that change nothing.
A mix that no source describes is named too: its size is then what is asked for, and not taken for another's.
"""

from __future__ import annotations

from vramfit.catalogue.names import EDITED
from vramfit.errors import UnsupportedScheme
from vramfit.quantization import find_scheme, publishers
from vramfit.quantization.gguf_parts import JOINER, run_of
from vramfit.quantization.publishers import APEX
from vramfit.quantization.schemes import ALIASES, SCHEMES
from vramfit.quantization.spelling import EXL, WITH_REST
from vramfit.quantization.spelling import read as read_scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

GGUF = {
    scheme.id.lower(): scheme.id
    for scheme in SCHEMES.values()
    if scheme.family == "gguf" and scheme.id not in ("F32", "F16", "BF16")
}
"""Quantized file types as names carry them, in small letters."""
GGUF |= {short: ALIASES[short] for short in ("q3_k", "q4_k", "q5_k")}

FLOATS = {"f32": "F32", "f16": "F16", "bf16": "BF16", "fp32": "F32", "fp16": "F16"}
"""File types that are one element type: what a word says of a GGUF file, and of others another scheme."""

WITH_MATRIX = ("Q4_0", "Q5_0", "IQ4_NL", "IQ4_XS", "IQ3_XXS")
"""File types whose bytes an importance matrix changes (``quantization.gguf``); owners known to ``publishers`` use one."""

NEUTRAL = frozenset((
    "ud", "mtp", "mxfp8", "sc",
    "unsloth", "quantized", "quant", "hf", "qat", "dwq", "imatrix", "i1", "dynamic", "kv", "modelopt", "dq", "ct",
    "autoround", "marlin", "inc", "llmcompressor", "compressed", "tensors", "instruct", "it", "chat", "base", "pt",
    "block", "w4a4", "qad", "unquantized", "safetensors", "sharded", "quark", "sym", "fp8kv", "serve", "gb10", "smol", "text",
))  # fmt: skip
"""Words of packaging and of tuning: they name no scheme, and change no tensor."""

STYLES = ("aggressive", "balanced")
"""Words behind the name of an edit (``names.EDITED``), which grade it."""

TIERS = ("i", "micro", "nano", "mini", "compact", "balanced", "quality")
"""Grades of mudler's mixes (``publishers.APEX``)."""

FAMILIES = ("gptq", "awq", "exl2", "exl3", "mlx", "hqq", "torchao")
"""Words that name a family; widths and groups beside them go with it."""

ALONE = {
    "bnb": "nf4", "bitsandbytes": "nf4", "nf4": "nf4", "fp8": "fp8", "nvfp4": "nvfp4", "fp4": "nvfp4", "mxfp4": "MXFP4",
    "w8a8": "w8a8", "w4a16": "w4a16", "w8a16": "w8a16", "bf16": "bf16", "fp16": "fp16", "fp32": "fp32", "gguf": "",
}  # fmt: skip
"""Words that name a scheme by themselves; a GGUF repository holds many."""

FP8_KINDS = {"block": "fp8-block", "dynamic": "fp8-channel"}
"""Kinds of FP8 by the word beside it, as llm-compressor's repositories are named."""
AUTOROUND = "autoround"
"""Word of a tool whose files are of GPTQ's form unless the name says another (intel/auto-round README: ``auto_round`` is the
default format, which vLLM and SGLang load as GPTQ)."""
UNPACKED = "unquantized"
"""Word for weights that were trained for the type before it and are not stored in it."""

MLX_FLOATS = ("mxfp4", "nvfp4", "mxfp8")
"""Words for modes of MLX's quantization, which in other repositories name other schemes."""

_SIZES = (
    ("bits", "", "bits"), ("bits", "", "bit"), ("bits", "", "bpw"), ("bits", "int", ""), ("bits", "w", ""),
    ("group", "g", ""), ("group", "gs", ""), ("group", "", "g"), ("head", "h", ""),
)  # fmt: skip
"""Meaning of a number by the text before and behind it."""


def words_of(base: str) -> list[tuple[str, int]]:
    """Words of a name in small letters, and where each ends. ``Q4_K_M`` is one word, and so is ``4-bit``."""
    words: list[tuple[str, int]] = []
    low = base.lower()
    start = 0
    while start < len(low):
        stop = start
        while stop < len(low) and (low[stop].isalnum() or low[stop] in "._"):
            stop += 1
        piece = low[start:stop]
        if piece and piece not in GGUF and publishers.read(piece) is None:
            piece = piece.split("_", 1)[0]
            piece = "quantized" if piece.startswith("quantized.") else piece
            stop = start + len(piece)
        if piece in ("bit", "bits", "bpw") and words and words[-1][0].isdecimal():
            words[-1] = (f"{words[-1][0]}{piece}", stop)
        elif words and words[-1][0] in FAMILIES and len(piece) == 2 and piece[0].isdecimal() and piece[1] == "b":
            words.append((f"{piece}it", stop))
        elif piece:
            words.append((piece, stop))
        start = stop + 1
    return words


def is_of_owner(words: list[str], number: int, owner: str) -> bool:
    """True if a word is the owner's own: its name, the grade or version of an edit, or a mix that no scheme describes."""
    word, before = words[number], words[:number]
    version = word[:1] == "v" and word[1:].replace(".", "", 1).isdecimal()
    if (word in STYLES or version) and not set(EDITED).isdisjoint(before):
        return True
    if word == "lite" and before[-1:] and before[-1] in EDITED:
        return True  # an edit of less strength: ``Derestricted-Lite``
    if version and before[-1:] and before[-1] in ALONE and ALONE[before[-1]]:
        return True
    if [*before[-1:], word] == WITH_REST:
        return True
    if word in ("w", "a") and words[number + 1 : number + 2] and words[number + 1] in ALONE:
        return True
    return word in (owner, APEX) or (word in TIERS and APEX in before)


def is_packaging(word: str) -> bool:
    """True for a word that says how a model is packaged, and nothing else."""
    return (
        word in NEUTRAL
        or word in EDITED
        or word in ALONE
        or word in FAMILIES
        or word in GGUF
        or word in FLOATS
        or _size(word) is not None
        or _is_known_type(word)
    )


def _size(word: str) -> tuple[str, str] | None:
    """Kind and number of a size: ``4bit`` and ``int4`` are ("bits", "4"), ``128g`` is ("group", "128")."""
    for kind, before, after in _SIZES:
        if word.startswith(before) and word.endswith(after):
            digits = word[len(before) : len(word) - len(after)]
            if digits.isascii() and digits.replace(".", "", 1).isdecimal():
                return kind, digits
    return None


def undescribed(words: list[str]) -> list[str]:
    """Words by which a name says that its files are a mix whose bytes no source states; none for other names."""
    for number, word in enumerate(words):
        start = _undescribed_mix(word)
        if start is None or (start in publishers.OF_RECIPES and AUTOROUND in words):
            continue
        stop = number + 1
        while (
            stop < len(words)
            and words[stop] not in NEUTRAL
            and words[stop] not in ALONE
            and words[stop] not in FAMILIES
        ):
            stop += 1
        return words[number:stop]
    return []


def _undescribed_mix(word: str) -> str | None:
    """Beginning of the word for a mix that no source describes; None for any other word."""
    return next((start for start in publishers.MIXES if publishers.is_mix_of(word, start)), None)


def states_scheme(word: str) -> bool:
    """True if a word says something of how weights are stored, wherever it stands behind a model's name."""
    stored = word in ALONE or word in FAMILIES or word in GGUF or _is_known_type(word)
    return stored or (_size(word) or ("",))[0] == "bits" or _undescribed_mix(word) is not None


def _is_known_type(word: str) -> bool:
    """True for a mix of oMLX's (``oq4e``) and for a publisher's type of GGUF files."""
    return (word.startswith("oq") and read_scheme(word) is not None) or publishers.read(word) is not None


def keys_of(words: list[str], owner: str) -> dict[str, str]:
    """Deployment keys that words of packaging state."""
    parts = run_of(words)
    if parts:
        return {"family": "gguf", "quant": JOINER.join(parts).upper()}
    mix = undescribed(words)
    if mix:
        loader = "gguf" if "gguf" in words else publishers.MIXES[_undescribed_mix(mix[0]) or ""]
        return {**({"family": loader} if loader else {}), "quant": JOINER.join(mix).upper()}
    for word in words:
        if word.startswith("oq") and (scheme := read_scheme(word)) is not None:
            return {"quant": scheme.id}
    if UNPACKED in words:
        words = [word for word in words if word not in GGUF]
    if words.count(APEX) > 1 or (APEX in words and not set(TIERS).isdisjoint(words)):
        grade = [word for word in words if word in TIERS]
        return {"family": "gguf", "quant": "-".join([APEX, *grade]).upper()}
    for word in words:
        own = publishers.read(f"{publishers.DYNAMIC}{word}" if "ud" in words else word)
        if own is not None:
            return {"family": "gguf", "quant": own.id}
        if word in GGUF:
            kind = GGUF[word]
            marked = "i1" in words or (owner in publishers.OWN and kind in WITH_MATRIX)
            return {"family": "gguf", "quant": f"i1-{kind}" if marked else kind}
        if word in FLOATS and ("gguf" in words or word not in ALONE):
            return {"family": "gguf", "quant": FLOATS[word]}
    if "gguf" in words:
        return {"family": "gguf", "quant": ALONE["mxfp4"]} if "mxfp4" in words else {"family": "gguf"}
    sizes = dict([size for word in words if (size := _size(word)) is not None])
    if words[:2] == WITH_REST:
        return {"quant": "mlx-mxfp4-q8"}
    floats = next((word for word in words if word in MLX_FLOATS), None)
    if floats is not None and (owner == "mlx-community" or "mlx" in words):
        return {"quant": f"mlx-{floats}"}
    family = next((word for word in words if word in FAMILIES), "mlx" if owner == "mlx-community" and sizes else None)
    if family == "mlx" and not sizes:
        # mlx_lm.convert and mlx_vlm.convert keep 16 bits unless they are told to quantize (-q).
        return {"quant": next((ALONE[word] for word in words if ALONE.get(word)), "bf16")}
    if family is not None:
        return _of_family(family, sizes)
    alone = [ALONE[word] for word in words if ALONE.get(word)]
    if "nf4" in alone:
        return {"quant": "int8" if sizes.get("bits") == "8" else "nf4"}
    if alone:
        kinds = [kind for word, kind in FP8_KINDS.items() if alone[0] == "fp8" and word in words]
        return {"quant": [*kinds, alone[0]][0]}
    rate = next((word for word in words if word.endswith("bpw")), None)
    if rate is not None:
        return {"quant": rate}  # of several formats: the engine decides, or an error asks for one
    bits = sizes.get("bits")
    if bits in ("2", "3", "4", "8") and AUTOROUND in words:
        return _of_family("gptq", sizes)
    return {"quant": f"int{bits}"} if bits in ("4", "8") else {}


def _of_family(family: str, sizes: Mapping[str, str]) -> dict[str, str]:
    """Scheme of a family at the sizes beside its word; of ExLlama's without a bit rate the family alone."""
    if family in EXL and "bits" not in sizes:
        return {"family": family}
    parts = [family]
    if "bits" in sizes:
        parts.append(sizes["bits"] + ("" if family.startswith("exl") else "bit"))
    if "group" in sizes:
        parts.append(f"g{sizes['group']}")
    if "head" in sizes:
        parts.append(f"h{sizes['head']}")
    try:
        return {"quant": find_scheme("-".join(parts)).id}
    except UnsupportedScheme:
        return {}
