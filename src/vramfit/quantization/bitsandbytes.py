"""bitsandbytes on load, as transformers applies it: LLM.int8, NF4 and FP4.

Every ``nn.Linear`` becomes 8- or 4-bit, vision tower and projector included; the output head, embeddings, norms,
biases and convolutions stay 16-bit (transformers 5.23.0 ``quantizers/base.py`` ``get_keys_to_not_convert``: the tied
or last module is kept).

- LLM.int8: 1 byte per weight and one float32 scale per output row (bitsandbytes ``nn/modules.py`` ``Int8Params.SCB``).
- 4-bit: half a byte per weight and one float32 scale per 64 weights; double quantization makes that scale 1 byte,
  with a float32 scale per 256 of them, and a 256-entry code book per tensor (``functional.quantize_4bit``).
"""

from __future__ import annotations

from vramfit.model import tensors
from vramfit.quantization import Stored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme

BLOCK = 64
NESTED_BLOCK = 256
CODE_BOOK_BYTES = 4 * 256
KEPT = ("output.weight", "token_embd.weight")


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear weights quantized, the rest 16-bit."""
    kind = scheme.settings["type"]
    stored = []
    for tensor in tensors(model):
        if tensor.linear and tensor.name not in KEPT and len(tensor.shape) > 1:
            stored.append(Stored(tensor, kind, _quantized_bytes(tensor, scheme), tensor.layers))
        else:
            stored.append(Stored(tensor, "F16", tensor.elements * 2, tensor.layers))
    return tuple(stored)


def _quantized_bytes(tensor: Tensor, scheme: Scheme) -> int:
    weights = tensor.elements
    if scheme.settings["type"] == "int8":
        return weights + 4 * (weights // tensor.shape[0])
    scales = -(-weights // BLOCK)
    if not scheme.settings["double"]:
        return -(-weights // 2) + 4 * scales
    return -(-weights // 2) + scales + 4 * -(-scales // NESTED_BLOCK) + CODE_BOOK_BYTES
