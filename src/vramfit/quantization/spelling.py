"""Schemes that the table does not list, read from their names: families with a bit width or a group size to choose.

Words may come in any order, joined by ``-`` or ``_``, so that the names of repositories and branches work as they are:
``gptq-int4-g32``, ``gptq-4bit-32g``, ``awq-g64``, ``4.65bpw-h8-exl2``, ``exl3-3.5``, ``mlx-6bit-g32``, ``i1-IQ4_XS``.
"""

from __future__ import annotations

from vramfit.quantization.schemes import ALIASES, SCHEMES, Scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FAMILIES: dict[str, tuple[str, tuple[int, ...], tuple[int, ...], int, int]] = {
    "gptq": ("gptq", (2, 3, 4, 8), (16, 32, 64, 128, 256, 512, 1024, -1), 4, 128),
    "awq": ("awq", (4,), (16, 32, 64, 128, -1), 4, 128),
    "w4a16": ("compressed_tensors", (4,), (32, 64, 128, -1), 4, 128),
    "w8a16": ("compressed_tensors", (8,), (32, 64, 128, -1), 8, -1),
    "mlx": ("mlx", (2, 3, 4, 5, 6, 8), (32, 64, 128), 4, 64),
    "torchao": ("torchao", (4, 8), (32, 64, 128, 256, -1), 4, 128),
    "hqq": ("hqq", (1, 2, 3, 4, 8), (16, 32, 64, 128, 256), 4, 64),
}
"""Module, bit widths, group sizes (-1 is a whole row), and the width and group meant by the bare word, by family's
word.

Widths and groups: GPTQModel ``quantization/config.py``, AutoAWQ ``models/base.py``, llm-compressor
``modifiers/quantization``, mlx ``mlx/ops.cpp`` ``affine_quantize``, torchao ``Int4WeightOnlyConfig``, hqq
``core/quantize.py`` ``SUPPORTED_BITS``.
"""

HEAD_BITS = 6
EXL = {"exl2": (2.0, 8.0, "ExLlamaV2"), "exl3": (1.0, 8.0, "ExLlamaV3")}
"""Bit rates the converters accept (exllamav2 ``convert_exl2.py``; exllamav3 ``conversion/allocation.py``)."""

OQ: dict[float, tuple[float, float]] = {
    2: (2.8, 3.0), 2.5: (3.1, 3.3), 2.7: (3.25, 3.35), 3: (3.5, 3.7), 3.5: (3.8, 4.0), 4: (4.6, 4.7), 5: (5.5, 5.7),
    6: (6.5, 6.7), 8: (8.5, 8.6),
}  # fmt: skip
"""Levels of oMLX's mixes (``oQ4``; ``oQ4e`` weights by activations), and the bits that their quantized weights take on
average, expected and at most (``_OQ_BPW_TARGETS`` in jundot/omlx omlx/oq.py at 00f1aba; for level 8 docs/oQ_Quantization.md
at a74d543: 8 bits in groups, and the embedding in more)."""
OQ_MARKS = ("e", "+")
WITH_REST = ["mxfp4", "q8"]
"""Words of conversions of gpt-oss that keep the experts as released (mlx-community/gpt-oss-120b-MXFP4-Q8)."""
WIDEST = 9.0
"""Largest number of bits of a weight that a name of an MLX mix may state: 8, and a scale and a bias for each 32 weights."""
SCALE_BITS = 0.5
"""Bits of a weight for scale and bias in groups of 64."""

IMATRIX_MARK = "i1"
"""Prefix under which GGUF files made with an importance matrix are published (huggingface.co/mradermacher)."""


def read(name: str) -> Scheme | None:
    """Scheme of a name in this grammar, under its usual id; None for any other name."""
    words = (
        name.lower().replace("_", "-").replace(" ", "-").replace("--1g", "-channel").replace("-bit", "bit").split("-")
    )
    if words[0] in (IMATRIX_MARK, "imatrix"):
        return _with_matrix(name[len(words[0]) + 1 :])
    if words[0].startswith("oq"):
        return _oq(words)
    if words in (["mlx", *WITH_REST], WITH_REST):
        settings = {**SCHEMES["mlx-mxfp4"].settings, "rest": 8}
        return Scheme(
            "mlx-mxfp4-q8", "mlx", "int4", "MLX mxfp4 of experts, 8 bits in groups of 64 of the rest", settings
        )
    family = next((word for word in words if word in FAMILIES or word in EXL), None)
    if family is None:
        return None
    words.remove(family)
    if family == "mlx" and (rated := _rated(words)) is not None:
        return rated
    read_words = _sizes(words, decimal=family in EXL)
    if read_words is None:
        return None
    if family in EXL:
        return _exl(family, read_words)
    return _grouped(family, read_words)


def _with_matrix(name: str) -> Scheme | None:
    """A GGUF type quantized with an importance matrix."""
    known = SCHEMES.get(name.upper()) or SCHEMES.get(ALIASES.get(name.lower(), ""))
    if known is None or known.family != "gguf":
        return None
    settings = {**known.settings, "imatrix": True}
    summary = f"{known.summary}, with importance matrix"
    return Scheme(f"{IMATRIX_MARK}-{known.id}", "gguf", known.precision, summary, settings)


def _oq(words: list[str]) -> Scheme | None:
    """A mix of oMLX: ``oq4``, ``oq4e``, ``oq3.5``; its 16-bit tensors may be named behind it (``oq4-fp16``)."""
    level = words[0][2:]
    for mark in OQ_MARKS:
        level = level.removesuffix(mark)
    if (
        not level.replace(".", "", 1).isdecimal()
        or float(level) not in OQ
        or not {"fp16", "bf16"}.issuperset(words[1:])
    ):
        return None
    expected, most = OQ[float(level)]
    return _mlx_mix(f"oq{float(level):g}", f"oMLX oQ{float(level):g}", int(float(level)), expected, most)


def _rated(words: list[str]) -> Scheme | None:
    """A mix of MLX whose name states the bits of a weight on average (``mlx-4.8bit``); None for plain widths."""
    (word, *more) = words or ("",)
    digits = word.removesuffix("bpw").removesuffix("bit").removeprefix("q")
    if more or not digits.replace(".", "", 1).isdecimal() or not digits.isascii():
        return None
    rate = float(digits)
    widths = FAMILIES["mlx"][1]
    if rate in range(widths[-1] + 1) or not widths[0] + SCALE_BITS <= rate <= WIDEST:
        return None
    bits = max(width for width in widths if width + SCALE_BITS <= rate)
    return _mlx_mix(f"mlx-{rate:g}bit", "MLX, a mix", bits, rate, rate)


def _mlx_mix(name: str, label: str, bits: int, expected: float, most: float) -> Scheme:
    """A mix of MLX's affine types whose quantized weights take ``expected`` bits on average."""
    settings = {"bits": bits, "group": 64, "mode": "affine", "average": expected, "most": most}
    return Scheme(name, "mlx", _precision(bits), f"{label}: {expected:g} bits a weight on average", settings)


def _sizes(words: list[str], decimal: bool) -> Mapping[str, float] | None:
    """Values of ``bits``, ``group`` and ``head`` in the words; None if a word states something else."""
    found: dict[str, float] = {}
    for word in words:
        kind, digits = "bits", word
        if word == "channel":
            kind, digits = "group", "-1"
        elif word.endswith(("bit", "bpw")):
            digits = word[:-3]
        elif word.startswith("int"):
            digits = word[3:]
        elif word.startswith("q"):
            digits = word[1:]
        elif word.endswith("g") or word.startswith("g"):
            kind, digits = "group", word.strip("g")
        elif word.startswith("h"):
            kind, digits = "head", word[2 if word.startswith("hb") else 1 :]
        elif not decimal:
            return None
        plain = digits.removeprefix("-").replace(".", "", 1) if kind == "group" or decimal else digits
        if kind in found or not (plain.isascii() and plain.isdecimal()):
            return None
        found[kind] = float(digits)
    return found


def _grouped(family: str, sizes: Mapping[str, float]) -> Scheme | None:
    module, widths, choices, usual_bits, usual_group = FAMILIES[family]
    bits = int(sizes.get("bits", usual_bits))
    if family == "torchao" and bits == 8:
        usual_group = -1
    group = int(sizes.get("group", usual_group))
    if bits not in widths or group not in choices or "head" in sizes:
        return None
    words = {"mlx": f"mlx-{bits}bit", "awq": "awq", "w4a16": "w4a16", "w8a16": "w8a16"}
    stem = words.get(family, f"{family}-int{bits}")
    name = stem if group == usual_group else f"{stem}-channel" if group < 0 else f"{stem}-g{group}"
    settings: dict[str, Any] = {"group": group} if family == "awq" else {"bits": bits, "group": group}
    if family == "mlx":
        settings["mode"] = "affine"
    label = {"gptq": "GPTQ", "awq": "AWQ", "mlx": "MLX", "hqq": "HQQ"}.get(family, family)
    extent = "one group per row" if group < 0 else f"group {group}"
    listed = SCHEMES.get(name)
    return listed or Scheme(name, module, _precision(bits), f"{label} {bits}-bit, {extent}", settings)


def _exl(family: str, sizes: Mapping[str, float]) -> Scheme | None:
    least, most, label = EXL[family]
    bits, head = sizes.get("bits"), sizes.get("head", HEAD_BITS)
    if bits is None or not least <= bits <= most or not 1 <= head <= 16 or "group" in sizes:
        return None
    name = f"{family}-{bits}" + (f"-h{head:g}" if head != HEAD_BITS else "")
    summary = f"{label}, {bits} bits on average, head {head:g}"
    return SCHEMES.get(name) or Scheme(name, family, _precision(bits), summary, {"bits": bits, "head_bits": head})


def _precision(bits: float) -> str:
    """Nearest class of the contract."""
    return "int8" if bits >= 6 else "int4"
