"""What a llama.cpp process takes of a device beyond the buffers it reports: context, kernels, cuBLAS, graphs."""

from __future__ import annotations

from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.hardware import Gpu

BY_VENDOR = {
    "nvidia": (200, 350, 750),
    "amd": (250, 475, 1200),
    "intel": (100, 200, 500),
    "apple": (0, 50, 150),
}
"""Low, expected and high MiB per device."""


def overhead_bytes(gpu: Gpu) -> tuple[int, int, int]:
    """Low, expected and high bytes on one device."""
    low, expected, high = BY_VENDOR.get(gpu.vendor, BY_VENDOR["nvidia"])
    return low * MIB, expected * MIB, high * MIB
