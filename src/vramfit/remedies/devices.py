"""Settings of the same devices: memory that others hold, a limit of shared memory, another division of the model."""

from __future__ import annotations

from vramfit.engines import engine
from vramfit.hardware import usable_bytes
from vramfit.remedies import Proposal
from vramfit.units import GIB, MIB, gib
from vramfit.verdict import machine_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.hardware import Gpu
    from vramfit.remedies import Question

LEFT_TO_SYSTEM_BYTES = 4 * GIB
"""Memory of a machine that a raised limit leaves to its system: a Strix Halo of 128 GiB was run with a GTT of 126,976
MiB, all but 4 GiB (llama.cpp's device line, data/gpus.yaml). mlx-lm's README states only that the limit of Apple's must
be smaller than the machine's memory."""
PAGE_BYTES = 4096


def rearranged(question: Question) -> Iterator[Proposal]:
    """Yield the changes that cost no quality on the same devices, each if it suffices."""
    yield from question.best(_divided(question))
    yield from question.best([_freed(question)])
    yield from question.best([_raised(question)])


def _divided(question: Question) -> Iterator[Proposal | None]:
    """Another division of the model over several GPUs, where one of them is short and all together have room."""
    asked = question.asked
    room = sum(asked.verdict.usable_bytes) - asked.required_bytes
    if len(asked.deployment.gpus) == 1 or room < 0 or asked.verdict.headroom_bytes >= room:
        return
    for setting in engine(asked.deployment.engine).divisions(
        asked.deployment, asked.estimate, asked.verdict.usable_bytes
    ):
        after = question.attempt(setting.changes)
        if after is not None:
            yield Proposal("engine-setting", setting.changes, setting.summary, setting.trade, after, setting.effort)


def _freed(question: Question) -> Proposal | None:
    """The memory that a desktop holds of a card that has its own."""
    deployment = question.asked.deployment
    reserve = deployment.workload.reserve_bytes
    if not reserve or any(gpu.unified for gpu in deployment.gpus):
        return None
    after = question.attempt({"reserve": 0})
    if after is None:
        return None
    summary = f"free the {gib(reserve)} that others hold: drive the desktop with an integrated GPU"
    trade = "the monitor's cable on the mainboard, or a machine without a desktop"
    return Proposal("engine-setting", {"reserve": 0}, summary, trade, after, 2)


def _raised(question: Question) -> Proposal | None:
    """A higher limit of what the GPU may have of the memory that it shares with the CPU."""
    deployment = question.asked.deployment
    work, card = deployment.workload, deployment.gpus[0]
    machine = machine_bytes(deployment.gpus, work)
    if machine is None or len(deployment.gpus) > 1:
        return None
    limit = (machine + work.reserve_bytes - LEFT_TO_SYSTEM_BYTES) // MIB * MIB
    command = _command(card, work.platform, limit)
    if command is None or limit <= usable_bytes(card, work.platform):
        return None
    after = question.attempt({"usable": limit})
    if after is None:
        return None
    summary = f"let the GPU have {gib(limit)} of the machine's memory: {command}"
    trade = f"{gib(LEFT_TO_SYSTEM_BYTES)} are left to the system and all other programs"
    return Proposal("engine-setting", {"usable": limit}, summary, trade, after, 2)


def _command(card: Gpu, platform: str, limit_bytes: int) -> str | None:
    """Command that sets the limit; None for a device or a platform where no program can.

    macOS: mlx-lm's README, "Large models". Linux: the kernel's ``ttm`` module counts pages (``pages_limit``,
    drivers/gpu/drm/ttm/ttm_tt.c), of which ``amdgpu`` gives a GPU without memory of its own as many as there are.
    """
    if card.vendor == "apple" and platform == "macos":
        return f"sudo sysctl iogpu.wired_limit_mb={limit_bytes // MIB}"
    if card.vendor == "amd" and card.segment == "apu" and platform == "linux":
        return f"boot with ttm.pages_limit={limit_bytes // PAGE_BYTES}"
    return None
