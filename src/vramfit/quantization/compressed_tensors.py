"""Checkpoints in the compressed-tensors format (llm-compressor), read by vLLM, SGLang and transformers.

- W8A8: int8 weights with one scale per output row; activations are quantized as they come and cost nothing stored.
- W4A16: 4-bit weights packed into int32, one scale per row and group of inputs, symmetric unless stated, and the int64
  shape of each matrix.

Scales are 16-bit like the model (vllm-project/compressed-tensors ``compressors/quantized_compressors/``:
``naive_quantized.py`` ``IntQuantizationCompressor``, ``pack_quantized.py`` ``PackedQuantizationCompressor``).
"""

from __future__ import annotations

from vramfit.quantization.linears import experts, groups, packed_bytes, rows, store_linears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme, Stored

SCALE_BYTES = 2
SHAPE_BYTES = 2 * 8
"""Bytes of ``weight_shape``: rows and inputs as int64."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers of the blocks at ``settings["bits"]`` with groups of ``settings["group"]`` inputs (-1: rows)."""
    bits, group = scheme.settings["bits"], scheme.settings["group"]

    def size(tensor: Tensor) -> int:
        scales = rows(tensor) * groups(tensor, group) * SCALE_BYTES
        shape = SHAPE_BYTES * experts(tensor) if bits < 8 else 0
        return packed_bytes(tensor.elements, bits) + scales + shape

    return store_linears(model, f"int{bits}", size)
