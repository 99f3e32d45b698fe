"""Facts about CUDA by card generation: compute capabilities, multiprocessors, and the memory of a PyTorch process.

A compute capability is a pair of a major and a minor number, ``(8, 9)`` for an RTX 4090. Rules are ranges of such pairs,
so a card of a generation not named here follows the rules of the generation before it. Cards without a capability (those
of other vendors, and custom ones) fail every rule that asks for a least capability, and have the usual sizes.
"""

from __future__ import annotations

from vramfit.engines.interface import Share
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.hardware import Gpu

PASCAL = (6, 0)
XAVIER = (7, 2)
TURING = (7, 5)
ADA = (8, 9)
HOPPER = (9, 0)
BLACKWELL = (10, 0)
GB10 = (12, 1)

CONTEXT_BYTES = 440 * MIB
CONTEXT_BYTES_BLACKWELL = 630 * MIB
"""Bytes of the CUDA context of a PyTorch process: process total less allocated less reserved in out-of-memory messages:
RTX 3090 0.31-0.44 GiB, A30 0.41, L40S 0.48, RTX 4090 0.48, H20 0.43, RTX 5090 0.60-0.64 (pytorch/pytorch and
vllm-project/vllm issue logs)."""
CONTEXT_LOW, CONTEXT_HIGH = 0.45, 1.6
"""Lowest and highest of those values as factors of the expected one, on single GPUs that drive no desktop."""

WORKSPACE_BYTES = 9 * MIB
WORKSPACE_BYTES_HOPPER = 32 * MIB
"""Bytes of the cuBLAS workspace per handle and stream: 4 MiB x 2 + 16 KiB x 8, or 32 MiB on Hopper (pytorch
``aten/src/ATen/cuda/CublasHandlePool.cpp`` ``parseChosenWorkspaceSize``); later generations are assumed to need as much
as Hopper."""

CORES_PER_MULTIPROCESSOR = 128
CORES_PER_MULTIPROCESSOR_SMALL = 64
SMALL_MULTIPROCESSORS = ((6, 0), (7, 0), (7, 2), (7, 5), (8, 0))
"""Compute capabilities with 64 FP32 cores per multiprocessor (NVIDIA CUDA C++ Programming Guide, "Compute Capabilities" and
"Arithmetic Instructions")."""


def at_least(gpu: Gpu, capability: tuple[int, int]) -> bool:
    """Return True if the GPU is a CUDA card with that compute capability or a later one."""
    return (gpu.compute_capability or (0, 0)) >= capability


def context_share(gpu: Gpu) -> Share:
    """Bytes that the CUDA context of a PyTorch process takes of a GPU."""
    context = CONTEXT_BYTES_BLACKWELL if at_least(gpu, BLACKWELL) else CONTEXT_BYTES
    return Share(round(context * CONTEXT_LOW), context, round(context * CONTEXT_HIGH))


def workspace_bytes(gpu: Gpu) -> int:
    """Bytes of the cuBLAS workspace that PyTorch allocates for one handle and stream."""
    return WORKSPACE_BYTES_HOPPER if at_least(gpu, HOPPER) else WORKSPACE_BYTES


def cores_per_multiprocessor(gpu: Gpu) -> int:
    """Number of FP32 cores of one multiprocessor."""
    small = gpu.compute_capability in SMALL_MULTIPROCESSORS
    return CORES_PER_MULTIPROCESSOR_SMALL if small else CORES_PER_MULTIPROCESSOR
