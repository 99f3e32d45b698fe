"""Terms of an estimate of fine-tuning: the states and parts of the largest moment of a step."""

from __future__ import annotations

from vramfit.engines.transformers.training import memory
from vramfit.training.profile import find_trainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.terms import Ledger
    from vramfit.engines.transformers.training import Room
    from vramfit.training.memory import TrainingMemory

STATES = (
    ("weights_bytes", "weights", "stored bytes, what is upcast to fp32 in 4; divided by the sharding"),
    ("adapters_bytes", "adapters and matrices trained whole", "parameters x bytes each"),
    ("gradients_bytes", "gradients", "trained parameters x bytes each; divided by the sharding"),
    ("optimizer_bytes", "optimizer states", "trained parameters x states x bytes each; divided by the sharding"),
)
"""Fields of the states with their names and formulas."""
PARTS = {
    "saved": ("saved for the backward pass", "tokens x layers x width x bytes, or all that the layers save"),
    "logits": ("logits and loss", "tokens x vocabulary x bytes, or one chunk of them"),
    "layer": ("layer computed again", "tokens x bytes that one layer saves, scores of eager attention included"),
    "unpacked": ("dequantized matrix", "elements of the largest linear layer x 2"),
    "gathered": ("gathered parameters and buckets", "what GPUs exchange, and layers that are whole for a while"),
    "temporary": ("temporaries of the optimizer's step", "trained parameters x bytes each"),
    "casts": (
        "16-bit casts of fp32 weights",
        "elements x 2 of all weights; of a layer or the head where they are made again",
    ),
    "norms": (
        "norms of adapted matrices (DoRA)",
        "(inputs^2 + 4 x inputs x outputs) of the largest x bytes of an adapter",
    ),
    "copies": ("matrices in the adapters' type (DoRA)", "elements of a layer's adapted matrices x bytes of an adapter"),
    "vllm": ("vLLM on the same GPU", "vllm_gpu_memory_utilization x memory of the GPU"),
    "cache": ("KV cache of sampled answers", "answers x tokens x bytes of a token in all layers"),
    "images": ("vision tower", "patches x widths x bytes, scores of eager attention included"),
}
"""Parts of a moment with their names and formulas."""


def account_training(job: Job[object, None], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms of the largest moment to the ledger, for every GPU and for the host."""
    rooms: tuple[Room, ...] = job.traits  # type: ignore[assignment]
    trainer = find_trainer(job.workload.training.trainer)
    for gpu, room in zip(estimate.gpus, rooms, strict=True):
        found = memory(job, room)
        _states(found, ledger, gpu.device, trainer.source)
        _moment(job, found, ledger, gpu.device, trainer.source)
        ledger.add(
            "overhead", gpu.device, "allocator slack", "share x activations, no more than is left on the GPU",
            gpu.overhead_bytes, "docs/fine-tuning.md", share=trainer.slack_share, activations=found.loose_bytes,
        )  # fmt: skip
    ledger.add(
        "weights", "host", "states and saved inputs in host memory", "what is offloaded, paged or kept there by the trainer",
        estimate.host.weights_bytes, trainer.source, gpus=job.gpu_count,
    )  # fmt: skip


def _states(found: TrainingMemory, ledger: Ledger, device: str, source: str) -> None:
    for field, name, formula in STATES:
        if field != "gradients_bytes" or found.peak.gradients:
            ledger.add("weights", device, name, formula, getattr(found.states, field), source, moment=found.peak.name)


def _moment(job: Job[object, None], found: TrainingMemory, ledger: Ledger, device: str, source: str) -> None:
    train = job.workload.training
    for part, size in found.peak.parts:
        name, formula = PARTS[part]
        ledger.add(
            "compute", device, name, formula, size, source, moment=found.peak.name,
            tokens=train.sequence_length * train.micro_batch, gradient_checkpointing=train.gradient_checkpointing,
        )  # fmt: skip
