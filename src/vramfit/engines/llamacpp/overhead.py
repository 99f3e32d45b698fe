"""What a llama.cpp process takes of a device beyond the buffers it reports: context, kernels, library workspaces.

A CUDA context keeps stack memory for every thread that can be resident, so it grows with the number of multiprocessors:
40 MiB and 3.4 MiB for each of them is a line through what single processes held beside llama.cpp's own buffers:
A40 (84) 297 MiB by the driver's per-process counter; RTX 4090 (128) 451-456 and RTX PRO 6000 (188) 708-712 MiB
"unaccounted" in llama.cpp's exit table (ggml-org/llama.cpp pull request 15860); a card of 8151 MiB (26-30) 153-167.
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.hardware import Gpu

CUDA_BASE_BYTES = 40 * MIB
CUDA_BYTES_PER_MULTIPROCESSOR = round(3.4 * MIB)
CORES_PER_MULTIPROCESSOR = 128
CORES_PER_MULTIPROCESSOR_SMALL = 64
SMALL_MULTIPROCESSORS = ("sm_60", "sm_70", "sm_72", "sm_75", "sm_80")
"""Architectures with 64 FP32 cores per multiprocessor (NVIDIA CUDA C++ Programming Guide, "Compute Capabilities")."""

CUDA_UNKNOWN = (150, 350, 650)
"""MiB for a CUDA device whose cores are not known: the A40 to RTX 4090 range above."""

OTHER_VENDORS = {"amd": (250, 475, 1200), "apple": (0, 0, 150), "intel": (100, 200, 500)}
"""Low, expected and high MiB. AMD: 1.90 GiB beside the buffers of four ROCm devices. Apple: 0-1 MiB unaccounted in the exit
tables of an M5 Max and an M3 Max. Intel: no reading known."""


@record
class Overhead:
    """Bytes beyond the buffers on one device."""

    low: int
    expected: int
    high: int


def context_overhead(gpu: Gpu) -> Overhead:
    """The runtime's own share of a device, before anything that depends on the model."""
    if gpu.vendor in OTHER_VENDORS:
        low, expected, high = OTHER_VENDORS[gpu.vendor]
    elif not gpu.cores:
        low, expected, high = CUDA_UNKNOWN
    else:
        small = gpu.compute_target in SMALL_MULTIPROCESSORS
        count = gpu.cores // (CORES_PER_MULTIPROCESSOR_SMALL if small else CORES_PER_MULTIPROCESSOR)
        size = CUDA_BASE_BYTES + CUDA_BYTES_PER_MULTIPROCESSOR * count
        return Overhead(size // 2, size, size * 4 // 3)
    return Overhead(low * MIB, expected * MIB, high * MIB)


def unpacks_quantized_cache(gpu: Gpu) -> bool:
    """Whether flash attention on this device needs K and V in F16 (``ggml-cuda/fattn.cu``, CUDA and its HIP build)."""
    return gpu.vendor not in ("apple", "intel")


def workspace_bytes(gpu: Gpu, widest: int, tokens: int) -> int:
    """The most that conversions of activations and cuBLAS take from pools while running, on top of the context.

    Two copies of the widest activation in 32 bits (``ggml-cuda.cu``: F16 operands and results, or Q8_1 blocks), and
    cuBLAS's own 32 MiB (``ggml-cuda/common.cuh``, ``cublas_handle``; 4 MiB before Hopper).
    """
    if gpu.vendor in ("apple", "intel"):
        return 0
    return 8 * widest * tokens + 32 * MIB
