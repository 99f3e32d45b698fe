"""Common part of the schemes of Hugging Face checkpoints: linear layers are replaced, the rest stays 16-bit.

Quantizers walk over ``nn.Linear`` modules. Embeddings, the head, norms, biases, convolutions and routers are none of
those, or are excluded by every tool: GPTQModel ``lm_head=False``, AutoAWQ (block linears only), vLLM ``fp8.py`` and
llm-compressor's customary ``ignore=["lm_head"]``. Vision towers and projectors are excluded too by published
checkpoints of these kinds; bitsandbytes on load is the exception.
"""

from __future__ import annotations

from vramfit.model import tensors
from vramfit.quantization import Stored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vramfit.model import Model, Tensor

HEADS = ("output.weight", "token_embd.weight")
"""Embedding and head: never quantized by the schemes that use this module's ``block_linear``."""


def store_linears(
    model: Model, kind: str, size: Callable[[Tensor], int], wanted: Callable[[Tensor], bool] | None = None
) -> tuple[Stored, ...]:
    """Store every ``wanted`` tensor as ``kind`` in ``size`` bytes, and all others in 16 bits.

    ``wanted`` is ``block_linear`` unless given.
    """
    chosen = wanted or block_linear
    stored = [Stored(t, kind, size(t), t.layers) if chosen(t) else half(t) for t in tensors(model)]
    if model.dtype == "fp8":
        stored = [_as_released(model, row) for row in stored]
    return tuple(stored)


def _as_released(model: Model, row: Stored) -> Stored:
    """Table of n-grams in 8-bit floats, in a model released in them; any other tensor as it is.

    Each row has an exponent of 8 bits for every 32 elements: 264 bytes for the 256 elements of DeepSeek-V4.1's (vLLM
    0.33.0 ``models/deepseek_v41/common/engram.py``, ``ParallelEngramEmbedding``).
    """
    from vramfit.model.ngram_table import is_ngram_table

    tensor = row.tensor
    if not is_ngram_table(model, tensor):
        return row
    return Stored(tensor, "FP8", tensor.elements + rows(tensor) * groups(tensor, 32), row.layers)


def block_linear(tensor: Tensor) -> bool:
    """True if a tensor is the weight of a linear layer in a block of the language model, experts included."""
    return tensor.linear and tensor.part == "text" and tensor.name not in HEADS


def half(tensor: Tensor) -> Stored:
    """Store a tensor as the 16-bit checkpoint has it."""
    return Stored(tensor, "F16", tensor.elements * 2, tensor.layers)


def rows(tensor: Tensor) -> int:
    """Output rows of a linear weight, over all experts of a fused one; 0 of one without columns."""
    return tensor.elements // tensor.shape[0] if tensor.elements else 0


def experts(tensor: Tensor) -> int:
    """Matrices in the tensor: experts of a fused expert weight, else 1."""
    return tensor.shape[2] if len(tensor.shape) > 2 else 1


def groups(tensor: Tensor, size: int) -> int:
    """Groups of ``size`` inputs in one row, the last perhaps partial; one for the whole row with ``size`` -1."""
    return 1 if size < 0 else -(-tensor.shape[0] // size)


def packed_bytes(elements: int, bits: int) -> int:
    """Bytes of ``elements`` integers of ``bits`` bits packed without gaps."""
    return -(-elements * bits // 8)
