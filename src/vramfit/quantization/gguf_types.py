"""ggml's tensor types: how many bytes a block takes, and what replaces a type whose block does not divide a row.

Block sizes: ggml-org/llama.cpp ``ggml/src/ggml-common.h`` (``block_*`` structures), as in gguf-py ``constants.py``
``GGML_QUANT_SIZES``. Fallbacks: ``src/llama-quant.cpp`` ``tensor_type_fallback`` at 007dbbf3 (2026-10).
"""

from __future__ import annotations

BLOCKS: dict[str, tuple[int, int]] = {
    "F32": (1, 4), "F16": (1, 2), "BF16": (1, 2),
    "Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22), "Q5_1": (32, 24), "Q8_0": (32, 34),
    "Q2_K": (256, 84), "Q3_K": (256, 110), "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210),
    "IQ1_S": (256, 50), "IQ1_M": (256, 56), "IQ2_XXS": (256, 66), "IQ2_XS": (256, 74), "IQ2_S": (256, 82),
    "IQ3_XXS": (256, 98), "IQ3_S": (256, 110), "IQ4_NL": (32, 18), "IQ4_XS": (256, 136),
    "TQ1_0": (256, 54), "TQ2_0": (256, 66), "MXFP4": (32, 17), "NVFP4": (64, 36),
}  # fmt: skip
"""Elements and bytes of one block of each type. The parts of a block (scales, minimums, quants) are in the source."""

FALLBACKS: dict[str, str] = {
    "IQ1_S": "IQ4_NL", "IQ1_M": "IQ4_NL", "IQ2_XXS": "IQ4_NL", "IQ2_XS": "IQ4_NL", "IQ2_S": "IQ4_NL",
    "IQ3_XXS": "IQ4_NL", "IQ3_S": "IQ4_NL", "IQ4_XS": "IQ4_NL",
    "Q2_K": "Q4_0", "Q3_K": "Q4_0", "TQ1_0": "Q4_0", "TQ2_0": "Q4_0",
    "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}  # fmt: skip
"""The type with blocks of 32 that stands in for one with blocks of 256."""


def fitting_type(kind: str, row: int) -> str:
    """``kind``, or what llama.cpp stores instead where rows of ``row`` elements are no multiple of its block.

    ``F16`` is the last resort. llama-quantize stops with an error where a type of block 32 itself does not divide the
    row (nothing is defined for it); 16-bit is then what a user who excludes the tensor gets.
    """
    if row % BLOCKS[kind][0] == 0:
        return kind
    kind = FALLBACKS.get(kind, "F16")
    return kind if row % BLOCKS[kind][0] == 0 else "F16"


def tensor_bytes(kind: str, elements: int) -> int:
    """Bytes of ``elements`` elements, a whole number of blocks."""
    per_block, size = BLOCKS[kind]
    return elements // per_block * size
