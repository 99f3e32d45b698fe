"""HQQ on load: half-quadratic quantization, a 16-bit scale and a 16-bit zero point for each group of weights.

mobiusml/hqq ``hqq/core/quantize.py`` ``BaseQuantizeConfig`` (``nbits=4, group_size=64``); transformers' ``HqqConfig``
replaces every ``nn.Linear`` but the head.
"""

from __future__ import annotations

from vramfit.quantization.linears import HEADS, groups, packed_bytes, rows, store_linears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme, Stored

GROUP_BYTES = 2 + 2


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers at ``settings["bits"]`` in groups of ``settings["group"]`` weights."""
    bits, group = scheme.settings["bits"], scheme.settings["group"]

    def size(tensor: Tensor) -> int:
        return packed_bytes(tensor.elements, bits) + rows(tensor) * groups(tensor, group) * GROUP_BYTES

    return store_linears(model, f"hqq{bits}", size, lambda tensor: tensor.linear and tensor.name not in HEADS)
