"""HQQ on load: half-quadratic quantization, a 16-bit scale and a 16-bit zero point for each group of weights.

mobiusml/hqq ``hqq/core/quantize.py`` ``BaseQuantizeConfig`` (``nbits=4, group_size=64, axis=1``); transformers'
``HqqConfig`` replaces every ``nn.Linear`` but the head. Weights are packed without gaps but for 3 bits, which go ten to
an int32 (``hqq/core/bitpack.py`` ``pack_3bit_32``).
"""

from __future__ import annotations

from vramfit.quantization.linears import HEADS, packed_bytes, store_linears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme, Stored

GROUP_BYTES = 2 + 2
WORD_BYTES, WORD_WEIGHTS = 4, 10
"""Size of an int32 and number of 3-bit weights in it."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers at ``settings["bits"]`` in groups of ``settings["group"]`` weights."""
    bits: int = scheme.settings["bits"]
    group: int = scheme.settings["group"]

    def size(tensor: Tensor) -> int:
        count = -(-tensor.elements // group)  # the matrix is flattened first
        if bits == 3:
            return -(-count // WORD_WEIGHTS) * group * WORD_BYTES + count * GROUP_BYTES
        return packed_bytes(tensor.elements, bits) + count * GROUP_BYTES

    return store_linears(model, f"hqq{bits}", size, lambda tensor: tensor.linear and tensor.name not in HEADS)
