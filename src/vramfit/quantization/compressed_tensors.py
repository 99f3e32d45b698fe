"""Checkpoints in the compressed-tensors format (llm-compressor), read by vLLM, SGLang and transformers.

- W8A8: int8 weights with one scale per output row; activations are quantized as they come and cost nothing stored.
- W4A16: 4-bit weights packed into int32, one scale per row and group of inputs, symmetric unless stated, and the int64
  shape of each matrix.

A model that was released so (Kimi K2 Thinking, K2.5) has its experts in 4 bits with groups of 32, and the rest in 16:
``quantization_config`` of moonshotai/Kimi-K2-Thinking's config.json, whose files are 594 GB.

Scales are 16-bit like the model (vllm-project/compressed-tensors ``compressors/quantized_compressors/``:
``naive_quantized.py`` ``IntQuantizationCompressor``, ``pack_quantized.py`` ``PackedQuantizationCompressor``).
"""

from __future__ import annotations

from vramfit.quantization.linears import block_linear, experts, groups, packed_bytes, rows, store_linears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme, Stored

RELEASED_GROUP = 32
"""Inputs of a group in the models released so."""
SCALE_BYTES = 2
SHAPE_BYTES = 2 * 8
"""Bytes of ``weight_shape``: rows and inputs as int64."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers of the blocks at ``settings["bits"]`` with groups of ``settings["group"]`` inputs (-1: rows)."""
    bits, group = scheme.settings["bits"], scheme.settings["group"]
    released = model.dtype == "int4" and bits == 4
    if released:
        group = RELEASED_GROUP

    def size(tensor: Tensor) -> int:
        scales = rows(tensor) * groups(tensor, group) * SCALE_BYTES
        shape = SHAPE_BYTES * experts(tensor) if bits < 8 else 0
        return packed_bytes(tensor.elements, bits) + scales + shape

    wanted = _routed if released else None
    return store_linears(model, f"int{bits}", size, wanted)


def _routed(tensor: Tensor) -> bool:
    """True for the weights of routed experts."""
    return block_linear(tensor) and experts(tensor) > 1
