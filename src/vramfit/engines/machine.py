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
    if apple and platform != "macos":
        raise UsageError(f"{apple[0].name} runs macOS, not {platform}", "leave --platform out")


def _spanning() -> list[str]:
    """Names of the engines that run over several machines."""
    return [name for name in names() if engine(name).spans_machines]
