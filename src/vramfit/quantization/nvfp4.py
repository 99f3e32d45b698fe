"""NVFP4 checkpoints: 4-bit floats (E2M1), an 8-bit float scale for each 16 of a row, and two 32-bit scales per matrix.

Each linear layer becomes ``weight`` (two to a byte), ``weight_scale``, ``weight_scale_2`` and ``input_scale``
(NVIDIA/Model-Optimizer ``torch/export/quant_utils.py``; llm-compressor's ``nvfp4-pack-quantized`` holds the same under
other names). Which layers are quantized is the recipe's choice: here all of the blocks, ModelOpt's
``NVFP4_DEFAULT_CFG``; NVIDIA's own DeepSeek-R1 checkpoint leaves attention 8- or 16-bit.
"""

from __future__ import annotations

from vramfit.quantization.linears import experts, groups, packed_bytes, rows, store_linears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme, Stored

BLOCK = 16
GLOBAL_BYTES = 2 * 4
"""Bytes of ``weight_scale_2`` and ``input_scale``."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers of the blocks in NVFP4."""

    def size(tensor: Tensor) -> int:
        return packed_bytes(tensor.elements, 4) + rows(tensor) * groups(tensor, BLOCK) + GLOBAL_BYTES * experts(tensor)

    return store_linears(model, "NVFP4", size)
