"""Assumptions of an estimate of fine-tuning, as sentences of a report."""

from __future__ import annotations

from vramfit.workload.optimizers import OPTIMIZER_BY_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.quantization import Checkpoint
    from vramfit.training.profile import Trainer
    from vramfit.workload.common import Workload

TARGETS = {
    "all": "every linear layer of the language model",
    "qv": "the query and value matrices",
    "attention": "the matrices of the attention",
    "mlp": "the matrices of the feed-forward networks",
}


def assumptions(checkpoint: Checkpoint, work: Workload, trainer: Trainer, gpus: int) -> tuple[str, ...]:
    """Assumptions behind an estimate, one sentence each."""
    train = work.training
    found = [f"trained with {trainer.source}"]
    if work.task == "full":
        found.append(_full(work))
    else:
        width = {2: "16-bit", 4: "fp32"}[trainer.adapter_bytes]
        where = TARGETS[train.lora_targets]
        kind = "weight-decomposed adapters (DoRA)" if train.dora else "adapters"
        found.append(f"rank-{train.lora_rank} {kind} on {where}, kept in {width}; rank-stabilized ones take as much")
    found += _quantized(checkpoint, work, trainer)
    samples = "sample" if train.micro_batch == 1 else "samples"
    step = f"{train.micro_batch} {samples} of {train.sequence_length:,} tokens per step and GPU, all of them filled"
    found.append(step)
    if OPTIMIZER_BY_NAME[train.optimizer].paged:
        found.append(
            "the optimizer's states are paged: they count as the host's, and stay on the GPU while it has room"
        )
    if trainer.host_checkpoints and train.gradient_checkpointing:
        found.append("the inputs of the layers wait in host memory until the backward pass")
    if gpus > 1:
        found.append(_divided(work, gpus))
    found += _objective(work, trainer)
    return tuple(found)


def _full(work: Workload) -> str:
    train = work.training
    if train.sharding.startswith("zero"):
        return "weights and gradients are 16-bit, with an fp32 copy and fp32 states, as DeepSpeed keeps them"
    if train.mixed_precision:
        return "weights, gradients and optimizer states are kept in fp32, and the passes run under 16-bit autocast"
    return "weights, gradients and optimizer states are kept in bf16, without an fp32 master copy"


def _quantized(checkpoint: Checkpoint, work: Workload, trainer: Trainer) -> list[str]:
    found = []
    bitsandbytes = checkpoint.scheme.family == "bitsandbytes"
    if work.task == "qlora" and bitsandbytes and trainer.upcasts_embeddings:
        found.append("parameters that stay 16-bit (embeddings, head, norms) are upcast to fp32, as PEFT does")
    if bitsandbytes and checkpoint.model.has_experts:
        found.append(
            "experts are counted as quantized, as transformers 4 and Unsloth load them; transformers 5 fuses experts and "
            "bitsandbytes then leaves them in 16 bits (bitsandbytes issue 1849): use Unsloth, or transformers 4"
        )
    return found


def _divided(work: Workload, gpus: int) -> str:
    sharding = work.training.sharding
    if sharding == "none":
        return f"each of the {gpus} GPUs holds everything (distributed data parallel)"
    if sharding == "fsdp":
        return f"FSDP divides weights, gradients and optimizer states over the {gpus} GPUs"
    parts = {
        "1": "the optimizer's states",
        "2": "gradients and the optimizer's states",
        "3": "weights, gradients and the optimizer's states",
    }
    return f"ZeRO stage {sharding[-1]} divides {parts[sharding[-1]]} over the {gpus} GPUs"


def _objective(work: Workload, trainer: Trainer) -> list[str]:
    train = work.training
    if train.objective == "dpo":
        reference = "a second copy of the weights" if work.task == "full" else "the model without its adapters"
        return [f"DPO takes a chosen and a rejected answer for each sample; the reference is {reference}"]
    if train.vllm_gpu_memory_utilization is not None:
        share = f"{train.vllm_gpu_memory_utilization:.0%} of each GPU"
        weights = " with the trained weights in it" if trainer.shares_weights else ""
        back = "and gives it back during a step" if train.vllm_sleep_mode else "during the steps as well"
        return [
            f"GRPO samples {train.generations} answers to a prompt with a vLLM in the same processes, which takes "
            f"{share}{weights}, {back}; no reference model (beta is 0 by default)"
        ]
    if train.objective == "grpo":
        return [
            f"GRPO samples {train.generations} answers to a prompt with transformers itself, and has no reference model "
            "(beta is 0 by default); for a vLLM on the same GPUs state vllm_gpu_memory_utilization (TRL's default is 0.3)"
        ]
    return []
