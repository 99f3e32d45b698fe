"""Properties of a GPU on which the memory of a pipeline depends."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.interface import Share

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.hardware import Gpu

FUSED_FROM = (8, 0)
"""Compute capability from which attention in BF16 has a fused kernel."""


class Traits(Record):
    """Properties of the GPU that an estimate depends on."""

    room_bytes: int
    """Bytes that weights and activations may have."""
    plain_attention: bool
    """True where attention in BF16 has no fused kernel."""
    capability: tuple[int, int] | None
    """Compute capability; None for a GPU that is not NVIDIA's, or that is known by its memory alone."""
    other_vendor: bool
    """True for a GPU that is known not to be NVIDIA's."""
    quantizes: bool
    """True if the engine quantizes what it loads; one that reads quantized files decodes in 16 bits what others do in 32."""


def plain_attention(gpu: Gpu) -> bool:
    """True for a GPU of NVIDIA's before Ampere, on which attention in BF16 has no fused kernel."""
    capability = gpu.compute_capability
    return capability is not None and capability < FUSED_FROM


def runtime_share(gpu: Gpu) -> Share:
    """Bytes that the context and workspaces of a PyTorch process take of a GPU."""
    from vramfit.engines import cuda

    own, workspace = cuda.context_share(gpu), cuda.workspace_bytes(gpu)
    return Share(own.low, own.expected + workspace, own.high + workspace)
