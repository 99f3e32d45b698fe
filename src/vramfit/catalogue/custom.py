"""``custom:24GiB@1008GB/s``: a GPU that is in no catalogue, described by what matters."""

from __future__ import annotations

from vramfit.catalogue.names import CUSTOM_PREFIX
from vramfit.errors import UsageError
from vramfit.hardware import Gpu
from vramfit.quantities import parse_memory, parse_rate
from vramfit.units import GB, MIB

_PLATFORMS = ("linux", "windows", "macos")


def custom_gpu(name: str) -> Gpu:
    """Make the GPU of ``custom:SIZE[@BANDWIDTH]``.

    The size is what a program can use, so it is the reading for every platform and nothing is taken off it. Raises
    ``UsageError`` for a size or rate without a unit, or a size below 1 MiB.
    """
    size, at, rate = name[len(CUSTOM_PREFIX) :].partition("@")
    memory = parse_memory(size)
    if memory < MIB:
        raise UsageError(f'"{name}" has no memory', "give its usable memory, for example custom:24GiB")
    bandwidth = parse_rate(rate) if at else None
    if bandwidth == 0:
        raise UsageError(f'"{name}" has no bandwidth', "leave out @… when the bandwidth is unknown")
    return Gpu(
        id=name.strip().lower(),
        name=f"custom GPU with {size.strip()}",
        vendor="custom",
        segment="custom",
        architecture=None,
        marketed_gb=round(memory / GB, 1),
        memory_bytes=memory,
        memory_measured=False,
        usable_readings=dict.fromkeys(_PLATFORMS, memory),
        memory_type=None,
        unified=False,
        bandwidth_bytes_per_second=bandwidth,
        cores=None,
        core_unit=None,
        tensor_cores=None,
        compute_target=None,
        tflops={},
        pcie=None,
        nvlink_bytes_per_second=None,
        price_usd=None,
        released=None,
        rents=(),
    )
