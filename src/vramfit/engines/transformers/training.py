"""Estimate of fine-tuning: the peak of a step on each GPU, what the allocator keeps beside it, and the host's share.

What a step must hold decides whether it runs. The allocator keeps freed blocks reserved as long as there is room and gives
them back where there is none, so that this slack is part of the expected need but never the reason for an ``exceeds``.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines import cuda
from vramfit.engines.interface import DeviceMemory, Estimate, Share, Words
from vramfit.hardware import usable_bytes
from vramfit.memory.weights import slices
from vramfit.training.memory import training_memory
from vramfit.training.profile import trainer_of
from vramfit.units import MIB
from vramfit.workload.training import Training

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.hardware import Gpu
    from vramfit.training.memory import TrainingMemory
    from vramfit.training.profile import Trainer
    from vramfit.workload.common import Workload

    Rooms = tuple["Room", ...]

TURING_SHARE = Share(105 * MIB, 141 * MIB, 240 * MIB)
"""Bytes of the CUDA context of a training process on a T4 (140.9 MiB in every run of fitcheck-llm 0.3.1, torch 2.10 and
2.14); 104.9 MiB before its kernels are loaded."""
LOW_SHARE, LOW_SLACK = 0.97, 0.03
"""Shares of the held memory and of the activations in the lower bound. These and the other shares were fitted on the runs of
tests/training/measured.yaml that have a figure of the process: T4 with transformers (fitcheck-llm 0.3.1), A100 with Qwen's
script (QwenLM/Qwen README). docs/fine-tuning.md has the error that is left."""
HIGH_SHARE, HIGH_SLACK = 1.03, 0.39
HIGH_SLACK_FUSED, HIGH_SLACK_EAGER = 0.22, 0.55
"""Shares of the upper bound; a loss in chunks leaves less behind, the scores of eager attention more."""
STREAMED_SLACK, HIGH_STREAMED = 0.5, 2.1
"""Shares of what FSDP brings from host memory that the allocator keeps beside it, usually and at most, since blocks of one
stream are not given to another before its events are over: it does not give these back on a small card either. The runs that
``training.states.IN_FLIGHT`` names, and at most 14 GB a GPU for 512 tokens of Llama 2 70B on cards of 24 GB
(axolotl-ai-cloud/axolotl pull request 1428, whose author looked at the card; what of it was cached is not known)."""
EAGER_SLACK = 1.6
"""Factor of the slack where attention keeps its scores: blocks of a size that nothing else asks for."""


class Room(Record):
    """Bytes of a GPU that a step can use."""

    bytes: int
    """Bytes beside the context: what slack and chunks of a loss adapt to."""
    vllm_bytes: int
    """Bytes of them that a vLLM on the same GPU takes."""


def runtime_share(gpu: Gpu) -> Share:
    """Bytes that the context of a training process takes of a GPU, workspaces of matrix products included."""
    if gpu.compute_capability == cuda.TURING:
        return TURING_SHARE
    own, workspace = cuda.context_share(gpu), cuda.workspace_bytes(gpu)
    return Share(own.low, own.expected + workspace, own.high + workspace)


def rooms(gpus: tuple[Gpu, ...], work: Workload) -> Rooms:
    """Bytes of each GPU that a step can use, and those that a vLLM takes: its share of all the GPU's memory."""
    share = work.training.vllm_gpu_memory_utilization or 0.0
    return tuple(
        [
            Room(
                usable_bytes(gpu, work.platform) - work.reserve_bytes - runtime_share(gpu).expected,
                round(share * gpu.memory_bytes),
            )
            for gpu in gpus
        ]
    )


def memory(job: Job[object, None], room: Room) -> TrainingMemory:
    """Memory of one GPU of a job in each moment of a step."""
    work = job.workload
    trainer = trainer_of(work.training)
    return training_memory(job.checkpoint, work, trainer, job.gpu_count, room.bytes, room.vllm_bytes)


def estimate_training(job: Job[object, None]) -> Estimate:
    """Estimate fine-tuning, device by device; raises ``UsageError`` for settings that no trainer runs together."""
    work = job.workload
    trainer = trainer_of(work.training)
    if work.task == "full" or work.training != Training():
        from vramfit.training.check import refuse

        refuse(job.checkpoint, work, trainer, job.gpu_count)
    traits: Rooms = job.traits  # type: ignore[assignment]
    each = {room: memory(job, room) for room in set(traits)}
    gpus = [_device(f"gpu{number}", each[room], room, trainer) for number, room in enumerate(traits)]
    host = sum([each[room].host_bytes for room in traits])
    host_memory = DeviceMemory("host", host, 0, 0, 0, host, host)
    return Estimate(
        tuple(gpus), host_memory, slices(job.checkpoint).total_bytes,
        Words(_assumptions, job), {},
    )  # fmt: skip


def _assumptions(job: Job[object, None]) -> tuple[str, ...]:
    from vramfit.training.notes import assumptions

    work = job.workload
    return assumptions(job.checkpoint, work, trainer_of(work.training), job.gpu_count)


def _device(name: str, found: TrainingMemory, room: Room, trainer: Trainer) -> DeviceMemory:
    peak = found.peak
    kept, step = found.kept_bytes(peak), peak.bytes
    overhead = slack_bytes(found, trainer, room.bytes)
    low, high = interval(found, trainer, overhead)
    return DeviceMemory(name, kept, 0, step, overhead, low, high)


def slack_bytes(found: TrainingMemory, trainer: Trainer, room: int) -> int:
    """Bytes that the allocator keeps beside what a step holds; no more than the GPU has left, for it gives them back."""
    needed = found.moment_bytes(found.peak)
    factor = EAGER_SLACK if found.eager else 1.0
    usual = round(factor * trainer.slack_share * found.loose_bytes) + found.fixed_bytes
    streamed = round(STREAMED_SLACK * found.states.streamed_bytes)
    kept = round(trainer.uneven_share * needed) + found.fixed_bytes + streamed
    return max(kept, min(usual + streamed, room - needed))


def interval(found: TrainingMemory, trainer: Trainer, slack: int) -> tuple[int, int]:
    """Lowest and highest bytes of a step, without the context of the process."""
    needed = found.moment_bytes(found.peak)
    fixed = needed - found.elastic_bytes
    low = round(LOW_SHARE * fixed + LOW_SLACK * found.loose_bytes)
    most = HIGH_SLACK_FUSED if found.fused else HIGH_SLACK_EAGER if found.eager else HIGH_SLACK
    high = found.fixed_bytes + round(HIGH_SHARE * needed + most * found.loose_bytes)
    high += round(HIGH_STREAMED * found.states.streamed_bytes)
    return min(low, needed + slack), max(high, needed + slack)
