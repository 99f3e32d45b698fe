"""Table of schemes, which are what users may write after ``--quant``.

Families with a bit width or a group size to choose list their usual members; ``spelling`` reads the others
(``gptq-int3-g64``, ``exl3-3.5``, ``mlx-6bit``) when they are asked for.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


NO_SETTINGS: Mapping[str, Any] = {}


class Scheme(Record):
    """Scheme to store a model's weights."""

    id: str
    """Name in reports; GGUF file types keep llama.cpp's spelling (``Q4_K_M``)."""
    family: str
    """Module of ``quantization`` that stores tensors this way."""
    precision: str
    """Nearest class, ``fp16``, ``int8`` or ``int4``, for grouping and the rule of thumb."""
    summary: str
    """Description of one line for ``list quants``."""
    settings: Mapping[str, Any] = NO_SETTINGS
    """Settings of the family: bytes, bits, group size."""

    if not TYPE_CHECKING:
        # The table has dozens, and the constructor of all records takes more than twice the time to fill one.
        def __init__(self, id, family, precision, summary, settings=NO_SETTINGS):
            self.id = id
            self.family = family
            self.precision = precision
            self.summary = summary
            self.settings = settings

    @property
    def requires_imatrix(self) -> bool:
        """True if llama-quantize refuses to make such a file without an importance matrix."""
        return self.family == "gguf" and self.settings["type"] in IMATRIX

    def __hash__(self) -> int:
        """Hash of the id, which names exactly one scheme; settings are a mapping."""
        return hash(self.id)


IMATRIX = (
    "IQ3_XS", "IQ3_XXS", "Q2_K_S", "IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S",
)  # fmt: skip
"""GGUF types that hold tensors which require a matrix (llama.cpp ``src/llama-quant.cpp``
``tensor_requires_imatrix``)."""

_GGUF = (
    ("F32", "fp16", "32-bit floats"),
    ("F16", "fp16", "16-bit floats; norms and routers 32-bit"),
    ("BF16", "fp16", "bfloat16; norms and routers 32-bit"),
    ("Q8_0", "int8", "8 bits, blocks of 32"),
    ("Q6_K", "int8", "6-bit K-quant"),
    ("Q5_K_M", "int4", "5-bit K-quant, half of the values and down projections 6-bit"),
    ("Q5_K_S", "int4", "5-bit K-quant"),
    ("Q5_1", "int4", "5 bits, blocks of 32 with minimum"),
    ("Q5_0", "int4", "5 bits, blocks of 32"),
    ("Q4_K_M", "int4", "4-bit K-quant, half of the values and down projections 6-bit"),
    ("Q4_K_S", "int4", "4-bit K-quant, the first layers' down projections 5-bit"),
    ("Q4_1", "int4", "4 bits, blocks of 32 with minimum"),
    ("Q4_0", "int4", "4 bits, blocks of 32"),
    ("IQ4_NL", "int4", "4-bit code book, blocks of 32"),
    ("IQ4_XS", "int4", "4-bit code book, blocks of 256"),
    ("Q3_K_L", "int4", "3-bit K-quant, large mix"),
    ("Q3_K_M", "int4", "3-bit K-quant, medium mix"),
    ("Q3_K_S", "int4", "3-bit K-quant"),
    ("IQ3_M", "int4", "3-bit lattice, medium mix"),
    ("IQ3_S", "int4", "3-bit lattice"),
    ("IQ3_XS", "int4", "3-bit lattice, small mix"),
    ("IQ3_XXS", "int4", "3-bit lattice, smallest mix"),
    ("Q2_K", "int4", "2-bit K-quant, mixed with 3-bit"),
    ("Q2_K_S", "int4", "2-bit K-quant"),
    ("IQ2_M", "int4", "2-bit lattice, medium mix"),
    ("IQ2_S", "int4", "2-bit lattice, small mix"),
    ("IQ2_XS", "int4", "2-bit lattice, very small"),
    ("IQ2_XXS", "int4", "2-bit lattice, smallest"),
    ("IQ1_M", "int4", "1.75-bit lattice"),
    ("IQ1_S", "int4", "1.6-bit lattice"),
    ("TQ2_0", "int4", "2-bit ternary"),
    ("TQ1_0", "int4", "1.7-bit ternary"),
    ("MXFP4_MOE", "int4", "experts in MXFP4, the rest Q8_0"),
)

_OTHERS: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
    ("fp32", "plain", "fp16", "32-bit floats", {"type": "F32", "bytes": 4}),
    ("fp16", "plain", "fp16", "16-bit floats", {"type": "F16", "bytes": 2}),
    ("bf16", "plain", "fp16", "bfloat16", {"type": "BF16", "bytes": 2}),
    ("int8", "bitsandbytes", "int8", "bitsandbytes LLM.int8", {"type": "int8"}),
    ("nf4", "bitsandbytes", "int4", "bitsandbytes NF4, block 64, double quantization", {"type": "nf4", "double": True}),
    ("nf4-single", "bitsandbytes", "int4", "bitsandbytes NF4, block 64, one scale", {"type": "nf4", "double": False}),
    ("fp4", "bitsandbytes", "int4", "bitsandbytes FP4, block 64, double quantization", {"type": "fp4", "double": True}),
    ("fp4-single", "bitsandbytes", "int4", "bitsandbytes FP4, block 64, one scale", {"type": "fp4", "double": False}),
    ("fp8", "fp8", "int8", "8-bit floats, a scale per matrix", {"scale": "tensor"}),
    ("fp8-channel", "fp8", "int8", "8-bit floats, a scale per output row", {"scale": "channel"}),
    ("fp8-block", "fp8", "int8", "8-bit floats, a scale per 128 x 128 weights", {"scale": "block"}),
    ("fbgemm_fp8", "fp8", "int8", "8-bit floats in feed-forward networks only", {"scale": "channel", "ffn": True}),
    ("w8a8", "compressed_tensors", "int8", "int8 weights and activations, row scales", {"bits": 8, "group": -1}),
    ("w4a16", "compressed_tensors", "int4", "compressed-tensors 4-bit, group 128", {"bits": 4, "group": 128}),
    ("gptq-int8", "gptq", "int8", "GPTQ 8-bit, group 128", {"bits": 8, "group": 128}),
    ("gptq-int4", "gptq", "int4", "GPTQ 4-bit, group 128", {"bits": 4, "group": 128}),
    ("awq", "awq", "int4", "AWQ 4-bit, group 128", {"group": 128}),
    ("MXFP4", "mxfp4", "int4", "4-bit floats with shared exponents; in a mixture the experts only", {}),
    ("nvfp4", "nvfp4", "int4", "4-bit floats, 8-bit scale per 16 weights", {}),
    ("exl2-4.0", "exl2", "int4", "ExLlamaV2, 4.0 bits on average, head 6", {"bits": 4.0, "head_bits": 6}),
    ("exl3-4.0", "exl3", "int4", "ExLlamaV3, 4.0 bits on average, head 6", {"bits": 4.0, "head_bits": 6}),
    ("mlx-4bit", "mlx", "int4", "MLX 4-bit, group 64", {"bits": 4, "group": 64, "mode": "affine"}),
    ("mlx-8bit", "mlx", "int8", "MLX 8-bit, group 64", {"bits": 8, "group": 64, "mode": "affine"}),
    ("mlx-mxfp4", "mlx", "int4", "MLX mxfp4", {"bits": 4, "group": 32, "mode": "mxfp4"}),
    ("mlx-nvfp4", "mlx", "int4", "MLX nvfp4", {"bits": 4, "group": 16, "mode": "nvfp4"}),
    ("mlx-mxfp8", "mlx", "int8", "MLX mxfp8", {"bits": 8, "group": 32, "mode": "mxfp8"}),
    ("torchao-int8", "torchao", "int8", "torchao 8-bit, row scales", {"bits": 8, "group": -1}),
    ("torchao-int4", "torchao", "int4", "torchao 4-bit, group 128", {"bits": 4, "group": 128}),
    ("quanto-int8", "quanto", "int8", "optimum-quanto 8-bit, row scales, for pipelines", {"bits": 8}),
    ("quanto-fp8", "quanto", "int8", "optimum-quanto 8-bit floats, for pipelines", {"bits": 8}),
    ("quanto-int4", "quanto", "int4", "optimum-quanto 4-bit, group 128, for pipelines", {"bits": 4}),
    ("svdq-int4", "svdquant", "int4", "SVDQuant 4-bit with a branch of low rank, for pipelines", {"type": "int4"}),
    ("svdq-fp4", "svdquant", "int4", "SVDQuant NVFP4 with a branch of low rank, for pipelines", {"type": "fp4"}),
    ("hqq-int8", "hqq", "int8", "HQQ 8-bit, group 64", {"bits": 8, "group": 64}),
    ("hqq-int4", "hqq", "int4", "HQQ 4-bit, group 64", {"bits": 4, "group": 64}),
    ("int8_float16", "ctranslate2", "int8", "CTranslate2 8-bit, the rest 16-bit floats", {"bytes": 2}),
    ("int8_float32", "ctranslate2", "int8", "CTranslate2 8-bit, the rest 32-bit floats", {"bytes": 4}),
)

_ALL = (
    *[Scheme(*row) for row in _OTHERS],
    *[Scheme(kind, "gguf", precision, f"GGUF: {text}", {"type": kind}) for kind, precision, text in _GGUF],
)

SCHEMES: dict[str, Scheme] = {scheme.id: scheme for scheme in _ALL}


def is_release(dtype: str, scheme: Scheme) -> bool:
    """Return True if a scheme stores a checkpoint as it was released, in elements of ``dtype``: fewer than 16 bits."""
    return scheme.id == INT4_RELEASE if dtype == "int4" else scheme.family == dtype


INT4_RELEASE = "w4a16"
"""Scheme of models that were released in 4-bit integers."""
LOOSE = ("q2", "q3", "q4", "q5", "q6", "q8")
"""Names that say a number of bits alone: in an engine that loads no GGUF files they mean its scheme of that class."""

ALIASES: dict[str, str] = {scheme.id.lower(): scheme.id for scheme in reversed(_ALL)} | {
    "float32": "fp32", "float16": "fp16", "half": "fp16", "bfloat16": "bf16",
    "llm.int8": "int8", "bnb-int8": "int8", "load_in_8bit": "int8",
    "bnb-nf4": "nf4", "nf4-dq": "nf4", "load_in_4bit": "nf4", "bnb-4bit": "nf4",
    "bnb4": "nf4", "bnb8": "int8", "bnb-8bit": "int8",
    "bnb": "nf4", "bitsandbytes": "nf4", "bitsandbytes-4bit": "nf4", "bitsandbytes-8bit": "int8", "mlx4": "mlx-4bit",
    "mlx8": "mlx-8bit",
    "fp8_e4m3": "fp8", "fp8-dynamic": "fp8-channel", "fbgemm-fp8": "fbgemm_fp8",
    "w8a8-fp8": "fp8-channel", "fp8-w8a8": "fp8-channel",
    "w8a8-int8": "w8a8", "int8-w8a8": "w8a8", "gptq": "gptq-int4", "awq-int4": "awq", "modelopt_fp4": "nvfp4",
    "quanto": "quanto-int8", "svdquant": "svdq-int4", "nunchaku": "svdq-int4", "svdq-nvfp4": "svdq-fp4",
    "int8_bfloat16": "int8_float16", "int8wo": "torchao-int8", "int8_weight_only": "torchao-int8",
    "int4wo": "torchao-int4", "int4_weight_only": "torchao-int4", "hqq": "hqq-int4",
    "sym_int4": "w4a16", "mxfp4-moe": "MXFP4_MOE", "q3_k": "Q3_K_M", "q4_k": "Q4_K_M", "q5_k": "Q5_K_M",
    **dict(zip(LOOSE, ("Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0"), strict=True)),
}  # fmt: skip
"""Other spellings, in small letters. Where two ids differ in case only (``bf16``, GGUF's ``BF16``), small letters mean
the former. ``Q4_K`` and its like are llama-quantize's own short forms (``tools/quantize/quantize.cpp``). ``sym_int4`` is what
Intel's builds of vLLM make while they load: symmetric 4 bits in groups (intel/llm-scaler issue 435)."""


def aliases(scheme: Scheme) -> tuple[str, ...]:
    """Other spellings of a scheme of the table, its id in small letters left out."""
    return tuple([name for name, known in ALIASES.items() if known == scheme.id and name != scheme.id.lower()])


MARKS = ("i1-", "bartowski-", "unsloth-")
"""Marks before a stock type: of an importance matrix, and of publishers whose mixes differ (``publishers``)."""


def stock_name(scheme_id: str) -> str:
    """Id of a scheme without its mark, under which measurements know it."""
    for mark in MARKS:
        scheme_id = scheme_id.removeprefix(mark)
    return scheme_id
