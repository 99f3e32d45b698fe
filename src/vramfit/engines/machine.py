"""Check that GPUs asked together can be in one machine, and that the machine can run the platform."""

from __future__ import annotations

from vramfit.engines import engine, names
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.hardware import Gpu


BOARDS = ("apple", "embedded")
"""Segments of devices that are machines by themselves: Apple silicon, Jetson, GB10. Cards stand beside the integrated GPU
of a PC, and several MI300A are in one server."""


LINUX_TARGETS = ("tpu", "gaudi", "gfx908", "gfx90a", "gfx94", "gfx95")
"""Beginnings of the compute targets of devices that have drivers for Linux alone: TPUs, Gaudi (docs.habana.ai support matrix),
and AMD Instinct of CDNA (rocm.docs.amd.com, system requirements of ROCm on Windows, which list Radeon and Ryzen)."""
JETSON = ((5, 3), (6, 2), (7, 2), (8, 7), (11, 0))
"""Compute capabilities of Jetson boards, which run Jetson Linux (developer.nvidia.com/embedded/jetson-linux)."""


def check_machine(gpus: tuple[Gpu, ...], platform: str, spans_machines: bool) -> None:
    """Raise ``UsageError`` for GPUs of several machines, unless the engine spans machines, and for a wrong platform."""
    apple = [gpu for gpu in gpus if gpu.vendor == "apple"]
    machines = [gpu for gpu in gpus if gpu.unified and gpu.segment in BOARDS]
    alike = len(machines) == len(gpus) and len({gpu.id for gpu in gpus}) == 1
    if machines and len(gpus) > 1 and (apple or not alike or not spans_machines):
        raise UsageError(
            f"{machines[0].name} is a machine by itself, and {len(gpus)} devices were given",
            f"give one of them; several boards that are alike go with {', '.join(_spanning())}",
        )
    if platform == "macos" and not apple:
        raise UsageError(f"macOS does not drive {gpus[0].name}", "leave --platform out, or give linux or windows")
    linux = next((gpu for gpu in gpus if platform == "windows" and _runs_linux(gpu)), None)
    if linux is not None:
        raise UsageError(f"{linux.name} runs Linux, not Windows", "leave --platform out")
    if apple and platform != "macos":
        raise UsageError(f"{apple[0].name} runs macOS, not {platform}", "leave --platform out")


def _runs_linux(gpu: Gpu) -> bool:
    """Return True for a device that has no driver for Windows."""
    return (gpu.compute_target or "").startswith(LINUX_TARGETS) or (gpu.unified and gpu.compute_capability in JETSON)


def _spanning() -> list[str]:
    """Names of the engines that run over several machines."""
    return [name for name in names() if engine(name).spans_machines]
