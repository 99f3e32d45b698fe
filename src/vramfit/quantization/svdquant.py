"""SVDQuant, which nunchaku loads: 4-bit weights with a scale per group, beside a branch of low rank in 16 bits.

INT4 has a 16-bit scale for each 64 inputs, NVFP4 an 8-bit one for each 16 and one for each row; the branch is two matrices
of 32 columns (nunchaku-tech/nunchaku ``nunchaku/models/linear.py`` ``SVDQW4A4Linear``).
"""

from __future__ import annotations

from vramfit.quantization.linears import groups, packed_bytes, rows, store_linears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme, Stored

GROUPS = {"int4": (64, 2), "fp4": (16, 1)}
"""Inputs of a group, and bytes of its scale."""
RANK = 32
"""Columns of the branch's matrices; files of rank 128 say so in their names."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers in 4 bits, and their branches."""
    group, scale = GROUPS[scheme.settings["type"]]

    def size(tensor: Tensor) -> int:
        count = rows(tensor)
        branch = 2 * RANK * (count + tensor.shape[0])
        return packed_bytes(tensor.elements, 4) + count * groups(tensor, group) * scale + branch

    return store_linears(model, f"svdq-{scheme.settings['type']}", size)
