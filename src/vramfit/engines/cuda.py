"""CUDA by generation of card: compute capabilities, multiprocessors, and what a PyTorch process takes of a card.

A compute capability is a pair of major and minor number, ``(8, 9)`` of an RTX 4090, and rules are ranges of pairs: a card
of a generation that no one here has named follows its elder brothers. Cards without one (other vendors', and custom ones)
are treated as before Pascal where a rule asks for a capability at least, and have the usual sizes.
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
"""CUDA context of a PyTorch process: process total less allocated less reserved in single-GPU out-of-memory messages:
RTX 3090 0.31-0.44 GiB, A30 0.41, L40S 0.48, RTX 4090 0.48, H20 0.43, RTX 5090 0.60-0.64 (pytorch/pytorch and
vllm-project/vllm issue logs)."""
CONTEXT_LOW, CONTEXT_HIGH = 0.45, 1.6
"""The spread of those messages around the expected value, desktop-free single-GPU forms."""

WORKSPACE_BYTES = 9 * MIB
WORKSPACE_BYTES_HOPPER = 32 * MIB
"""cuBLAS workspace per handle and stream: 4 MiB x 2 + 16 KiB x 8, or 32 MiB on Hopper (pytorch
``aten/src/ATen/cuda/CublasHandlePool.cpp`` ``parseChosenWorkspaceSize``); later generations are taken to need no less."""

CORES_PER_MULTIPROCESSOR = 128
CORES_PER_MULTIPROCESSOR_SMALL = 64
SMALL_MULTIPROCESSORS = ((6, 0), (7, 0), (7, 2), (7, 5), (8, 0))
"""Capabilities with 64 FP32 cores per multiprocessor (NVIDIA CUDA C++ Programming Guide, "Compute Capabilities" and
"Arithmetic Instructions")."""


def at_least(gpu: Gpu, capability: tuple[int, int]) -> bool:
    """True for a CUDA card of that compute capability or a later one."""
    return (gpu.compute_capability or (0, 0)) >= capability


def context_share(gpu: Gpu) -> Share:
    """The CUDA context of a PyTorch process."""
    context = CONTEXT_BYTES_BLACKWELL if at_least(gpu, BLACKWELL) else CONTEXT_BYTES
    return Share(round(context * CONTEXT_LOW), context, round(context * CONTEXT_HIGH))


def workspace_bytes(gpu: Gpu) -> int:
    """The cuBLAS workspace of one handle and stream in PyTorch."""
    return WORKSPACE_BYTES_HOPPER if at_least(gpu, HOPPER) else WORKSPACE_BYTES


def cores_per_multiprocessor(gpu: Gpu) -> int:
    """FP32 cores of one multiprocessor."""
    small = gpu.compute_capability in SMALL_MULTIPROCESSORS
    return CORES_PER_MULTIPROCESSOR_SMALL if small else CORES_PER_MULTIPROCESSOR
