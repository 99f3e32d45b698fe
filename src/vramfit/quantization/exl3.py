"""ExLlamaV3 checkpoints (EXL3) at any average bit rate.

Each linear layer becomes ``trellis``, 16 x 16 tiles at K bits, and two 16-bit sign-and-scale vectors, ``suh`` along the
inputs and ``svh`` along the outputs (turboderp-org/exllamav3 ``exllamav3/modules/quant/exl3.py``). The converter spends
K over the layers so that the *average* is the rate asked for (``conversion/allocation.py``); the head has a rate of its
own, 6 bits unless stated (``conversion/convert_model.py`` ``--head_bits``). The embedding stays 16-bit, but a table of
n-grams has 6 bits and a 16-bit scale for each row: 39.04 GB of turboderp/Qwen3.8-Flash-Next-exl3
(syv-ai/qwen38-27b-rtx3090 issue 103). Where it is
tied to the head, the file holds both: the head is quantized from the embedding (``head_alt_key``,
``architecture/llama.py``).
"""

from __future__ import annotations

from vramfit.model import Tensor, tensors
from vramfit.model.ngram_table import is_ngram_table
from vramfit.quantization import Stored
from vramfit.quantization.linears import block_linear, experts, half, rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Scheme

SCALE_BYTES = 2
NGRAM_BITS = 6
"""Bits of an element of a table of n-grams."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers of the blocks at ``settings["bits"]`` on average, the head at ``settings["head_bits"]``."""
    bits, head_bits = scheme.settings["bits"], scheme.settings["head_bits"]
    stored: list[Stored] = []
    for tensor in tensors(model):
        if tensor.name == "output.weight":
            stored.append(_quantized(tensor, head_bits))
        elif block_linear(tensor):
            stored.append(_quantized(tensor, bits))
        elif is_ngram_table(model, tensor):
            width, count = tensor.shape
            stored.append(Stored(tensor, "exl3", count * (width * NGRAM_BITS // 8 + SCALE_BYTES), tensor.layers))
        else:
            stored.append(half(tensor))
            if model.tied and tensor.name == "token_embd.weight":
                copy = Tensor("output.weight", tensor.shape, linear=True, buffer=True)
                stored.append(_quantized(copy, head_bits))
    return tuple(stored)


def _quantized(tensor: Tensor, bits: float) -> Stored:
    """A linear layer at ``bits`` per weight with its two vectors."""
    vectors = SCALE_BYTES * (tensor.shape[0] * experts(tensor) + rows(tensor))
    return Stored(tensor, "exl3", round(tensor.elements * bits / 8) + vectors, tensor.layers)
