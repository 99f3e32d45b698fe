"""The table of schemes: what users may write after ``--quant``."""

from __future__ import annotations

from vramfit._record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


@record
class Scheme:
    """One way to store a model's weights."""

    id: str
    """As reports write it; GGUF file types keep llama.cpp's spelling (``Q4_K_M``)."""
    family: str
    """The module of ``quantization`` that stores tensors this way."""
    precision: str
    """The nearest class, ``fp16``, ``int8`` or ``int4``: for grouping and the rule of thumb."""
    summary: str
    """One line for ``list quants``."""
    settings: Mapping[str, Any] = {}  # noqa: RUF012  (records are frozen by custom)
    """What the family needs to know: bytes, bits, group size."""


_GGUF = (
    ("F32", "fp16"), ("F16", "fp16"), ("BF16", "fp16"), ("Q8_0", "int8"), ("Q6_K", "int8"), ("Q5_K_M", "int4"),
    ("Q5_K_S", "int4"), ("Q5_1", "int4"), ("Q5_0", "int4"), ("Q4_K_M", "int4"), ("Q4_K_S", "int4"), ("Q4_1", "int4"),
    ("Q4_0", "int4"), ("IQ4_NL", "int4"), ("IQ4_XS", "int4"), ("Q3_K_L", "int4"), ("Q3_K_M", "int4"),
    ("Q3_K_S", "int4"), ("IQ3_M", "int4"), ("IQ3_S", "int4"), ("IQ3_XS", "int4"), ("IQ3_XXS", "int4"),
    ("Q2_K", "int4"), ("Q2_K_S", "int4"), ("IQ2_M", "int4"), ("IQ2_S", "int4"), ("IQ2_XS", "int4"),
    ("IQ2_XXS", "int4"), ("IQ1_M", "int4"), ("IQ1_S", "int4"), ("TQ2_0", "int4"), ("TQ1_0", "int4"),
    ("MXFP4_MOE", "int4"),
)  # fmt: skip

_ALL = (
    *(Scheme(kind, "gguf", precision, f"GGUF {kind}", {"type": kind}) for kind, precision in _GGUF),
    Scheme("fp32", "plain", "fp16", "32-bit floats", {"type": "F32", "bytes": 4}),
    Scheme("fp16", "plain", "fp16", "16-bit floats", {"type": "F16", "bytes": 2}),
    Scheme("bf16", "plain", "fp16", "bfloat16", {"type": "BF16", "bytes": 2}),
    Scheme("int8", "bitsandbytes", "int8", "bitsandbytes LLM.int8", {"type": "int8"}),
    Scheme("nf4", "bitsandbytes", "int4", "bitsandbytes NF4, block 64, double quantization", {"type": "nf4", "double": True}),
    Scheme("nf4-single", "bitsandbytes", "int4", "bitsandbytes NF4, block 64, 32-bit scales", {"type": "nf4", "double": False}),
    Scheme("fp4", "bitsandbytes", "int4", "bitsandbytes FP4, block 64, double quantization", {"type": "fp4", "double": True}),
    Scheme("fp4-single", "bitsandbytes", "int4", "bitsandbytes FP4, block 64, 32-bit scales", {"type": "fp4", "double": False}),
)  # fmt: skip

SCHEMES: dict[str, Scheme] = {scheme.id: scheme for scheme in _ALL}

ALIASES: dict[str, str] = {scheme.id.lower(): scheme.id for scheme in _ALL} | {
    "float32": "fp32", "float16": "fp16", "half": "fp16", "bfloat16": "bf16", "llm.int8": "int8", "bnb-int8": "int8",
    "load_in_8bit": "int8", "bnb-nf4": "nf4", "nf4-dq": "nf4", "load_in_4bit": "nf4", "bnb-4bit": "nf4",
}  # fmt: skip
