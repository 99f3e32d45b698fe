"""AWQ checkpoints, as AutoAWQ writes and transformers, vLLM, SGLang and LMDeploy read them.

Each linear layer of a block becomes ``qweight`` (8 weights to an int32), ``qzeros`` (4-bit zero points, 8 to an int32)
and ``scales`` (16-bit), the latter two for each output and group of inputs: casper-hansen/AutoAWQ
``awq/modules/linear/gemm.py`` ``WQLinear_GEMM.__init__`` at 88e4c76. There is no group index.
"""

from __future__ import annotations

from vramfit.quantization.linears import groups, packed_bytes, rows, store_linears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme, Stored

BITS = 4
"""Width that AutoAWQ packs, the only one."""
SCALE_BYTES = 2


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers of the blocks at 4 bits with groups of ``settings["group"]`` inputs."""
    group = scheme.settings["group"]

    def size(tensor: Tensor) -> int:
        scales = rows(tensor) * groups(tensor, group)
        return packed_bytes(tensor.elements, BITS) + scales * SCALE_BYTES + packed_bytes(scales, BITS)

    return store_linears(model, "awq4", size)
