"""NVIDIA's GPUs that share the CPU's memory: Jetson modules, GB10 and their kin.

Their driver states no memory, or a part of it: the machine's is what they have.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.importers.machine.record import Device, Found, Memory, Probe, clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.machine.place import Place

MODEL = ("proc", "device-tree", "model")
SOURCE = "/proc/device-tree/model"
UNIFIED = ("gb10", "n1x", "thor", "orin", "xavier", "(nvgpu)", "tegra")
"""Words of the driver's names of such GPUs. An N1X states 8,128 MiB of its whole memory (unslothai/unsloth pull request
10283)."""
WINDOWS_SHARE = 0.83
"""Share of a machine's memory that CUDA reports on Windows: 45.39 of 54.2 GiB on an N1X (unslothai/unsloth pull request
11208)."""
MODULES = ("jetson", "orin", "xavier", "thor")
"""Words of the models of boards that have a GPU of NVIDIA's."""
LEFT_OUT = ("NVIDIA", "Developer", "Kit", "Engineering", "Reference", "Modification", "Module")
"""Words of a model that say nothing of the GPU."""


def devices(place: Place, stated: tuple[Device, ...], memory: Memory) -> Found:
    """Devices that the driver states, those of boards with the machine's memory; the board's GPU where it states none."""
    text = place.read(*MODEL)
    board = None if text is None else clean(text)
    named = board is not None and any(word in board.lower() for word in MODULES)
    outcome = "no such file" if board is None else board
    probe = Probe(SOURCE, outcome, absent=board is None)
    if not stated and named:
        stated = (Device(board_name(board or ""), "nvidia", SOURCE),)
    found = [_sharing(one, memory, board if named else None) if is_unified(one) else one for one in stated]
    return Found(tuple(found), (probe,))


def of_windows(stated: tuple[Device, ...], memory: Memory) -> tuple[Device, ...]:
    """Devices with the share of the memory that Windows lets a GPU have which shares it."""
    total = memory.total_bytes
    if total is None:
        return stated
    return tuple(
        [
            replace(_sharing(one, memory, None), usable_bytes=round(WINDOWS_SHARE * total)) if is_unified(one) else one
            for one in stated
        ]
    )


def is_unified(device: Device) -> bool:
    """True for a GPU of NVIDIA's that shares the CPU's memory, by the name that its driver prints."""
    words = device.name.lower()
    return device.vendor == "nvidia" and device.mig_profile is None and any(word in words for word in UNIFIED)


def board_name(model: str) -> str:
    """Name of a board's GPU: ``Jetson Orin Nano Super`` of ``NVIDIA Jetson Orin Nano … Developer Kit Super``."""
    words = [word for word in clean(model).split() if word not in LEFT_OUT]
    return " ".join(words if "Jetson" in words else ["Jetson", *words])


def _sharing(device: Device, memory: Memory, board: str | None) -> Device:
    total, free = memory.total_bytes, memory.available_bytes
    return replace(
        device,
        name=device.name if board is None else board_name(board),
        memory_bytes=total,
        used_bytes=None if total is None or free is None else max(0, total - free),
        free_bytes=free,
        gap=None if free is not None else "the system does not state it",
        unified=True,
    )
