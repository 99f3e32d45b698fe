"""Settings of fine-tuning that no trainer runs together."""

from __future__ import annotations

from vramfit.errors import UsageError
from vramfit.workload.optimizers import OPTIMIZER_BY_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.quantization import Checkpoint
    from vramfit.training.profile import Trainer
    from vramfit.workload.common import Workload


def refuse(checkpoint: Checkpoint, work: Workload, trainer: Trainer, gpus: int) -> None:
    """Raise ``UsageError`` for keys that contradict each other."""
    train = work.training
    chosen = OPTIMIZER_BY_NAME[train.optimizer]
    if train.objective not in trainer.objectives:
        raise UsageError(
            f"{trainer.title} does not train with {train.objective}", "use --trainer trl, or another objective"
        )
    if work.task == "full" and chosen.adapters_only:
        raise UsageError(
            f"optimizer {chosen.name} trains adapters only", "use --task lora or qlora, or another optimizer"
        )
    if work.task == "full" and train.save_modules:
        raise UsageError("save_modules names what is trained beside adapters", "leave it out for task full")
    if work.task == "full" and checkpoint.scheme.family != "plain":
        raise UsageError(
            f"all weights can be trained in 16 or 32 bits, not in {checkpoint.scheme.id}", "use --task qlora"
        )
    if train.optimizer_in_backward and train.gradient_accumulation > 1:
        raise UsageError(
            "an optimizer's step in the backward pass leaves no gradients to accumulate",
            "leave out gradient_accumulation or optimizer_in_backward",
        )
    if gpus == 1 and train.sharding == "fsdp":
        raise UsageError("fsdp divides states over several GPUs, and there is one", "leave sharding out")
