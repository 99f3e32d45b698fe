"""Check that GPUs asked together can be in one machine, and that the machine can run the platform."""

from __future__ import annotations

from vramfit.engines import engine
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.engines.interface import Deployment
    from vramfit.hardware import Gpu


BOARDS = ("apple", "embedded")
"""Segments of devices that are machines by themselves: Apple silicon, Jetson, GB10. Cards stand beside the integrated GPU
of a PC, and several MI300A are in one server."""


def check_machine(gpus: tuple[Gpu, ...], platform: str | None, deployments: Iterable[Deployment]) -> None:
    """Raise ``UsageError`` for GPUs of several machines, unless every engine spans machines, and for a wrong platform.

    ``platform`` is the requested one, or None.
    """
    apple = [gpu for gpu in gpus if gpu.vendor == "apple"]
    if platform == "macos" and len(apple) < len(gpus):
        other = next(gpu for gpu in gpus if gpu.vendor != "apple")
        raise UsageError(f"macOS does not drive {other.name}", "leave --platform out, or give linux or windows")
    if apple and platform not in (None, "macos"):
        raise UsageError(f"{apple[0].name} runs macOS, not {platform}", "leave --platform out")
    machines = [gpu for gpu in gpus if gpu.unified and gpu.segment in BOARDS]
    if not machines or len(gpus) == 1:
        return
    alike = len(machines) == len(gpus) and len({gpu.id for gpu in gpus}) == 1
    if alike and not apple and all(engine(one.engine).spans_machines for one in deployments):
        return
    raise UsageError(
        f"{machines[0].name} is a machine by itself, and {len(gpus)} devices were given",
        "give one of them; vllm and sglang span several boards that are alike",
    )
