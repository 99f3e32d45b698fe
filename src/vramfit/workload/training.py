"""Record of the values of all keys of fine-tuning, and the keys of it that every report shows.

The other keys are declared in ``workload.tuning``, which is loaded only for a deployment that is trained or that names
one of them.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.workload.keys import Form, Group, Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.workload.keys import Request

TASKS = ("inference", "full", "lora", "qlora")
"""Values of the key ``task``: running a model, and fine-tuning all weights, adapters, or adapters on 4-bit weights."""


class Training(Record):
    """Values of the keys of fine-tuning: the size of a step, what is trained, by which program, and where it is kept."""

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
    """Stage of DeepSpeed ZeRO, the number in ``sharding``; 0 for any other value of that key."""
    trainer: str = "transformers"
    """Name of a trainer of ``vramfit.training.trainers``."""
    objective: str = "sft"
    """Objective of the training: ``sft`` (the next token), ``dpo`` (preferences), ``grpo`` (rewards of own answers)."""
    lora_targets: str = "all"
    """Linear layers that get adapters: ``qv``, ``attention``, ``mlp`` or ``all``."""
    dora: bool = False
    """True if adapters learn a magnitude of each output beside its direction (DoRA)."""
    lora_dropout: float = 0.0
    save_modules: str | None = None
    """Whole matrices trained beside the adapters: ``embeddings`` (and the head); None for none."""
    gradient_accumulation: int = 1
    """Steps whose gradients are summed before the optimizer's."""
    optimizer_in_backward: bool = False
    """True if each weight is updated as soon as its gradient is known, so that gradients never exist together."""
    fused_loss: bool = False
    """True if the loss is computed without the logits of all tokens (Liger, Cut Cross-Entropy)."""
    mixed_precision: bool = False
    """True if the weights are fp32 and the passes run under 16-bit autocast."""
    sharding: str = "none"
    """Division of the states over several GPUs: ``none``, ``zero1``, ``zero2``, ``zero3``, ``fsdp``."""
    offload_optimizer: bool = False
    """True if the optimizer's states stay in host memory."""
    offload_parameters: bool = False
    """True if the parameters stay in host memory, and their gradients and states with them."""
    generations: int = 8
    """Answers to one prompt in ``grpo``."""
    vllm_gpu_memory_utilization: float | None = None
    """Share of each GPU that a vLLM in the same processes takes for sampling them; None if the trained model answers."""
    vllm_sleep_mode: bool = False
    """True if that vLLM gives its memory back between two samplings."""

    def rows(self, gpus: int) -> int:
        """Samples of a step on each of ``gpus`` GPUs.

        Answers of ``grpo`` are sampled for whole groups, so that the rows of all GPUs and accumulated steps are a multiple
        of a group's (trl 1.16.0 ``grpo_config.py``: the generation batch is a multiple of ``num_generations``).
        """
        rows = self.micro_batch
        if self.objective == "grpo":
            while rows * self.gradient_accumulation * gpus % self.generations:
                rows += 1
        return rows


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
    Key("sequence_length", "tokens", "fine-tuning: tokens per sample", default=2048),
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

TITLE = "Fine-tuning"
GROUPS = (Group(KEYS, 70, TITLE),)
FORM = Form(Training, GROUPS)


def trainer_name(request: Request) -> str:
    """Name of the requested trainer, or of the one that is meant where none is named."""
    return str(request.get("trainer") or Training.trainer)
