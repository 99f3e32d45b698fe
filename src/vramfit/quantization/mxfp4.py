"""MXFP4 checkpoints: 4-bit floats (E2M1) with one 8-bit exponent for each 32 of a row (OCP Microscaling 1.0).

In a mixture of experts only the experts are stored so, attention, router, biases, embedding and head staying 16-bit, as
openai/gpt-oss-20b publishes itself (its config.json ``modules_to_not_convert``; transformers 5.23.0
``integrations/mxfp4.py``: ``gate_up_proj_blocks``, ``gate_up_proj_scales``). A model published with other linear layers
in FP8 (DeepSeek-V4) keeps those. A dense model has all linear layers of its
blocks in MXFP4, as AMD Quark and llm-compressor write them.

Engines may round the expert shapes up when they load; ``microscaling.matrix_bytes`` says what a rounded matrix weighs.
"""

from __future__ import annotations

from vramfit.model import tensors
from vramfit.quantization.linears import block_linear, experts, rows, store_linears
from vramfit.quantization.microscaling import matrix_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme, Stored


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Experts in MXFP4, or without any every linear layer of the blocks."""
    if model.traits.expert_dtype == "mxfp4" and model.dtype == "fp8":
        from vramfit.quantization import SCHEMES, fp8

        return fp8.store(model, SCHEMES["fp8"])
    sparse = any(experts(tensor) > 1 for tensor in tensors(model) if block_linear(tensor))

    def wanted(tensor: Tensor) -> bool:
        return block_linear(tensor) and (experts(tensor) > 1 or not sparse)

    return store_linears(model, "MXFP4", lambda tensor: matrix_bytes(tensor.shape[0], rows(tensor)), wanted)
