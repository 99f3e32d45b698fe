"""Settings of fine-tuning that no trainer runs together."""

from __future__ import annotations

from vramfit.errors import UsageError
from vramfit.training.activations import autocasts
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
    _refuse_what_it_lacks(work, trainer, gpus)
    if work.task == "full" and chosen.adapters_only:
        raise UsageError(
            f"optimizer {chosen.name} trains adapters only", "use --task lora or qlora, or another optimizer"
        )
    if work.task == "full" and train.save_modules:
        raise UsageError("save_modules names what is trained beside adapters", "leave it out for task full")
    if work.task == "full" and train.dora:
        raise UsageError("DoRA is a kind of adapters", "leave it out for task full")
    if train.vllm_gpu_memory_utilization is not None and train.objective != "grpo":
        raise UsageError("vLLM samples answers for grpo alone", "use --objective grpo, or leave it out")
    if train.vllm_sleep_mode and train.vllm_gpu_memory_utilization is None:
        raise UsageError("vllm_sleep_mode is about a vLLM that is not there", "state vllm_gpu_memory_utilization too")
    if work.task == "full" and checkpoint.scheme.family != "plain":
        raise UsageError(
            f"all weights can be trained in 16 or 32 bits, not in {checkpoint.scheme.id}", "use --task qlora"
        )
    if train.optimizer_in_backward and train.gradient_accumulation > 1:
        raise UsageError(
            "an optimizer's step in the backward pass leaves no gradients to accumulate",
            "leave out gradient_accumulation or optimizer_in_backward",
        )
    if gpus == 1 and train.sharding == "fsdp" and "sharding" not in trainer.several.get(work.task, {}):
        raise UsageError("fsdp divides states over several GPUs, and there is one", "leave sharding out")


def _refuse_what_it_lacks(work: Workload, trainer: Trainer, gpus: int) -> None:
    """Raise ``UsageError`` for a setting that the trainer has no name for."""
    train = work.training
    if train.optimizer_in_backward and not trainer.steps_in_backward:
        raise UsageError(
            f"{trainer.title} does not update weights in the backward pass",
            "use --trainer torchtune, or leave out optimizer_in_backward",
        )
    own = OPTIMIZER_BY_NAME[train.optimizer].adapters_only and work.task != "full"
    if own and not trainer.adapter_optimizers:
        raise UsageError(
            f"{trainer.title} takes the optimizers of the framework alone, which has no {train.optimizer}",
            "use --trainer transformers, or another optimizer",
        )
    if autocasts(work) and not trainer.mixes_precision:
        raise UsageError(
            f"{trainer.title} keeps weights in 16 bits", "use --trainer transformers, or leave mixed_precision out"
        )
    if train.fused_loss and not trainer.fuses_loss:
        raise UsageError(f"{trainer.title} has no fused loss", "use --trainer transformers, or leave fused_loss out")
    if train.fused_loss and train.objective not in trainer.fused_objectives:
        raise UsageError(
            f"{trainer.title} has no fused loss for {train.objective}", "leave fused_loss out, or use --trainer trl"
        )
    if train.sharding not in trainer.shardings:
        raise UsageError(
            f"{trainer.title} does not divide states by {train.sharding}", f"use one of: {', '.join(trainer.shardings)}"
        )
    if (train.offload_parameters or train.offload_optimizer) and not trainer.offloads:
        raise UsageError(f"{trainer.title} offloads nothing to RAM", "use --trainer transformers, or leave it out")
    if gpus == 1 and work.task not in trainer.single.get(train.objective, (work.task,)):
        raise UsageError(
            f"{trainer.title} trains {work.task} with {train.objective} on several GPUs alone",
            "give more GPUs, or use --trainer trl",
        )
    if train.gradient_checkpointing and gpus == 1 and not trainer.checkpoints:
        raise UsageError(
            f"{trainer.title} computes activations again under FSDP alone", "leave gradient_checkpointing out, or false"
        )
    if work.task != "full" and train.lora_targets not in trainer.targets:
        raise UsageError(
            f"{trainer.title} does not adapt {train.lora_targets} alone", f"use one of: {', '.join(trainer.targets)}"
        )
    if train.dora and not trainer.dora:
        raise UsageError(f"{trainer.title} has no DoRA", "use --trainer transformers, or leave dora out")
