"""NVFP4 checkpoints: 4-bit floats (E2M1), an 8-bit float scale for each 16 of a row, and two 32-bit scales per matrix.

Each linear layer becomes ``weight`` (two to a byte), ``weight_scale``, ``weight_scale_2`` and ``input_scale``
(NVIDIA/Model-Optimizer ``torch/export/quant_utils.py``; llm-compressor's ``nvfp4-pack-quantized`` holds the same under
other names). Which layers are quantized is the publisher's choice: here NVIDIA's for a model like this (``recipes``),
with others in FP8, one 32-bit scale for each matrix and its inputs, or in 16 bits.
"""

from __future__ import annotations

from vramfit.model import tensors
from vramfit.quantization.checkpoint import Stored
from vramfit.quantization.fp8 import HALF
from vramfit.quantization.linears import experts, groups, half, packed_bytes, rows
from vramfit.quantization.recipes import FP8_BITS, HALF_BITS, kind_of, nvfp4_recipe, recurrent_layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme

BLOCK = 16
GLOBAL_BYTES = 2 * 4
"""Bytes of ``weight_scale_2`` and ``input_scale``."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers in NVFP4, FP8 or 16 bits as the recipe for the model has them."""
    recipe, recurrent = nvfp4_recipe(model), recurrent_layers(model)

    def stored(tensor: Tensor) -> Stored:
        bits = recipe.bits(tensor, kind_of(tensor, recurrent))
        if bits == HALF_BITS or tensor.name.startswith(HALF):
            return half(tensor)
        if bits == FP8_BITS:
            return Stored(tensor, "FP8", fp8_bytes(tensor), tensor.layers)
        return Stored(tensor, "NVFP4", matrix_bytes(tensor), tensor.layers)

    return tuple([stored(tensor) for tensor in tensors(model)])


def matrix_bytes(tensor: Tensor) -> int:
    """Bytes of a linear layer in NVFP4."""
    return packed_bytes(tensor.elements, 4) + rows(tensor) * groups(tensor, BLOCK) + GLOBAL_BYTES * experts(tensor)


def fp8_bytes(tensor: Tensor) -> int:
    """Bytes of a linear layer in FP8 beside others in NVFP4: one scale for its weights, and one for its inputs."""
    return tensor.elements + GLOBAL_BYTES * experts(tensor)
