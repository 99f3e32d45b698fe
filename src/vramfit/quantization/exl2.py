"""ExLlamaV2 checkpoints (EXL2) at any average bit rate.

The converter measures each layer at several widths and meets the rate asked for on average, scales and permutation
included (turboderp-org/exllamav2 ``conversion/optimize.py``, at da07fac), so bytes are the rate times the weights. The
head has a rate of its own, 6 bits unless stated (``convert_exl2.py`` ``-hb``); the embedding stays 16-bit. A tied head
is written out quantized beside the embedding.
"""

from __future__ import annotations

from vramfit.model import Tensor, tensors
from vramfit.quantization import Stored
from vramfit.quantization.linears import block_linear, half

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Scheme


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers of the blocks at ``settings["bits"]`` on average, the head at ``settings["head_bits"]``."""
    bits, head_bits = scheme.settings["bits"], scheme.settings["head_bits"]
    stored: list[Stored] = []
    for tensor in tensors(model):
        if tensor.name == "output.weight" or block_linear(tensor):
            stored.append(_quantized(tensor, head_bits if tensor.name == "output.weight" else bits))
            continue
        stored.append(half(tensor))
        if model.tied and tensor.name == "token_embd.weight":
            copy = Tensor("output.weight", tensor.shape, linear=True, buffer=True)
            stored.append(_quantized(copy, head_bits))
    return tuple(stored)


def _quantized(tensor: Tensor, bits: float) -> Stored:
    return Stored(tensor, "exl2", round(tensor.elements * bits / 8), tensor.layers)
