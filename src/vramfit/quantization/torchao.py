"""torchao weight-only quantization on load: int8 with one scale per row, int4 with a scale and a zero point per group.

Scales and zero points are 16-bit floats (pytorch/ao ``Int8WeightOnlyConfig``, per channel; ``Int4WeightOnlyConfig``,
groups of 128 unless stated). transformers' ``TorchAoConfig`` replaces every ``nn.Linear`` but the head.
"""

from __future__ import annotations

from vramfit.quantization.linears import HEADS, groups, packed_bytes, rows, store_linears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme, Stored

INT8_BYTES, INT4_BYTES = 2, 2 + 2
"""Bytes per group: a scale; a scale and a zero point."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers at ``settings["bits"]`` in groups of ``settings["group"]`` inputs (-1: rows)."""
    bits, group = scheme.settings["bits"], scheme.settings["group"]
    per_group = INT8_BYTES if bits == 8 else INT4_BYTES

    def size(tensor: Tensor) -> int:
        return packed_bytes(tensor.elements, bits) + rows(tensor) * groups(tensor, group) * per_group

    return store_linears(model, f"int{bits}", size, lambda tensor: tensor.linear and tensor.name not in HEADS)
