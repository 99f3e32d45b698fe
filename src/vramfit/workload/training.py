"""Keys of fine-tuning, and the record of their values."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.workload.keys import Form, Group, Key

TASKS = ("inference", "full", "lora", "qlora")
"""Values of the key ``task``: running a model, and fine-tuning all weights, adapters, or adapters on 4-bit weights."""


class Training(Record):
    """Values of the keys of fine-tuning: the size of a step, what is trained, and what is kept besides."""

    sequence_length: int = 2048
    """Tokens per sample."""
    micro_batch: int = 1
    """Samples per step and GPU."""
    lora_rank: int = 16
    optimizer: str = "adamw"
    """Name of an optimizer of ``workload.optimizers``."""
    gradient_checkpointing: bool = True
    """True if activations are computed again in the backward pass instead of being kept."""
    zero_stage: int = 0
    """Stage of DeepSpeed ZeRO: 1 divides the optimizer's states over the GPUs, 2 the gradients too, 3 the weights
    too."""


def _optimizers() -> tuple[str, ...]:
    """Names of all optimizers."""
    from vramfit.workload.optimizers import OPTIMIZER_BY_NAME

    return tuple(OPTIMIZER_BY_NAME)


def _optimizer_name(spelling: str) -> str:
    """Name of the optimizer that frameworks call ``spelling``; the spelling itself where no optimizer has that name."""
    from vramfit.workload.optimizers import find_optimizer

    found = find_optimizer(spelling)
    return spelling if found is None else found.name


KEYS = (
    Key("task", "choice", "what is run", choices=TASKS, default="inference"),
    Key("sequence_length", "count", "fine-tuning: tokens per sample", default=2048),
    Key("micro_batch", "count", "fine-tuning: samples per step and GPU", maximum=2**16, default=1),
    Key("lora_rank", "count", "fine-tuning: rank of the adapters", maximum=2**16, default=16),
    Key(
        "optimizer",
        "choice",
        "fine-tuning: optimizer",
        vocabulary=_optimizers,
        default="adamw",
        read=_optimizer_name,
    ),
    Key("gradient_checkpointing", "flag", "fine-tuning: recompute activations", default=True),
    Key("zero_stage", "count", "fine-tuning: DeepSpeed ZeRO stage", minimum=0, maximum=3, default=0),
)

GROUPS = (Group(KEYS, 70),)
FORM = Form(Training, GROUPS)
