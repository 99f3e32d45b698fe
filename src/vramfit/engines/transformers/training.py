"""Estimate of fine-tuning: the peak of a step on each GPU, what the allocator keeps beside it, and the host's share.

What a step must hold decides whether it runs. The allocator keeps freed blocks reserved as long as there is room and gives
them back where there is none, so that this slack is part of the expected need but never the reason for an ``exceeds``.
"""

from __future__ import annotations

from vramfit.engines import cuda
from vramfit.engines.interface import DeviceMemory, Estimate, Share
from vramfit.hardware import usable_bytes
from vramfit.memory.weights import slices
from vramfit.training.check import refuse
from vramfit.training.interval import interval, slack_bytes
from vramfit.training.memory import training_memory
from vramfit.training.notes import assumptions
from vramfit.training.profile import find_trainer
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.hardware import Gpu
    from vramfit.training.memory import TrainingMemory
    from vramfit.workload.common import Workload

    Rooms = tuple[int, ...]

TURING_SHARE = Share(105 * MIB, 141 * MIB, 240 * MIB)
"""Bytes of the CUDA context of a training process on a T4 (140.9 MiB in every run of fitcheck-llm 0.3.1, torch 2.10 and
2.14); 104.9 MiB before its kernels are loaded."""


def runtime_share(gpu: Gpu) -> Share:
    """Bytes that the context of a training process takes of a GPU, workspaces of matrix products included."""
    if gpu.compute_capability == cuda.TURING:
        return TURING_SHARE
    own, workspace = cuda.context_share(gpu), cuda.workspace_bytes(gpu)
    return Share(own.low, own.expected + workspace, own.high + workspace)


def rooms(gpus: tuple[Gpu, ...], work: Workload) -> Rooms:
    """Bytes that each GPU offers a step beside the context: what slack and chunks of a loss adapt to."""
    return tuple(
        [usable_bytes(gpu, work.platform) - work.reserve_bytes - runtime_share(gpu).expected for gpu in gpus]
    )


def memory(job: Job[object, None], room: int) -> TrainingMemory:
    """Memory of one GPU of a job in each moment of a step."""
    work = job.workload
    return training_memory(job.checkpoint, work, find_trainer(work.training.trainer), job.gpu_count, room)


def estimate_training(job: Job[object, None]) -> Estimate:
    """Estimate fine-tuning, device by device; raises ``UsageError`` for settings that no trainer runs together."""
    work = job.workload
    trainer = find_trainer(work.training.trainer)
    refuse(job.checkpoint, work, trainer, job.gpu_count)
    traits: Rooms = job.traits  # type: ignore[assignment]
    gpus, host = [], 0
    for number, room in enumerate(traits):
        found = memory(job, room)
        gpus.append(_device(f"gpu{number}", found, room, trainer.name))
        host += found.host_bytes
    host_memory = DeviceMemory("host", host, 0, 0, 0, host, host)
    return Estimate(
        tuple(gpus), host_memory, slices(job.checkpoint).total_bytes,
        assumptions(job.checkpoint, work, trainer, job.gpu_count), {},
    )  # fmt: skip


def _device(name: str, found: TrainingMemory, room: int, trainer: str) -> DeviceMemory:
    peak = found.peak
    kept, step = found.kept_bytes(peak), peak.bytes
    overhead = slack_bytes(found, find_trainer(trainer), room)
    low, high = interval(found, find_trainer(trainer), overhead)
    return DeviceMemory(name, kept, 0, step, overhead, low, high)
