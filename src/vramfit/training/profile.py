"""Profile of a program that trains: which of the general terms it has, and how large each is."""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.hardware import Gpu
    from vramfit.training.script import Run
    from vramfit.workload.training import Training


class Trainer(Record):
    """Facts about a trainer. Bytes are for each token unless a text says otherwise."""

    name: str
    """Value of the deployment key ``trainer``."""
    title: str
    """Name in its makers' spelling."""
    source: str
    """Place where the facts were read, or runs that they were fitted on."""
    logit_bytes: int = 14
    """Bytes per token and row of the vocabulary at the start of the backward pass, where the head is 16-bit."""
    upcast_logit_bytes: int = 16
    """Bytes per token and row of the vocabulary at that moment, where the head is fp32."""
    plain_losses: Mapping[str, tuple[int, int]] = {}
    """Bytes per logit by model type, where it is another: of full fine-tuning, and of adapters under autocast."""
    adapted_input_bytes: float = 4
    """Bytes per element of an adapted matrix's input that its adapter keeps beside the matrix."""
    adapter_bytes: int = 4
    """Bytes of a parameter of an adapter, of its gradient, and of each of its 32-bit states."""
    upcasts_norms: bool = True
    """True if 4-bit training makes the norms fp32, which makes the residual stream fp32."""
    upcasts_embeddings: bool = True
    """True if 4-bit training makes embedding and head fp32."""
    quantized_input_bytes: int = 0
    """Bytes per element of the input of every 4-bit matrix that it keeps beside the layer's own activations."""
    upcasts_packed: bool = False
    """True if it does the same to models quantized by other libraries than bitsandbytes."""
    norm_bytes: int = 8
    """Bytes per element of the residual stream that a layer's two norms keep (fp32 copies of their inputs)."""
    extra_bytes: int = 0
    """Further bytes per element of the residual stream while a layer is computed again."""
    host_checkpoints: bool = False
    """True if the layers' inputs wait in host memory instead of on the GPU."""
    fused_loss: bool = False
    """True if the trainer computes the loss in chunks by itself."""
    chunk_share: float = 0.0
    """Share of the free memory that chunks of the loss take; 0 for chunks of a fixed size."""
    head_bytes: int = 0
    """Bytes per element of the residual stream that exist beside the logits."""
    gathered_bytes: int = 0
    """Bytes per element of the residual stream and token that FSDP adds."""
    keeps_gathered: bool = False
    """True if frozen weights stay whole on every GPU once FSDP has gathered them."""
    bucket_elements: int | None = None
    """Elements of DeepSpeed's buckets in the configuration it comes with; None for DeepSpeed's own."""
    saved_module_bytes: int | None = None
    """Bytes of a parameter of a matrix trained whole beside the adapters, with gradient and states; None for those of
    its width."""
    targets: tuple[str, ...] = ("qv", "attention", "mlp", "all")
    """Values of ``lora_targets`` that it has."""
    steps_in_backward: bool = False
    """True if it can update weights during the backward pass."""
    fuses_loss: bool = True
    """True if its loss can do without the logits of all tokens."""
    fused_objectives: tuple[str, ...] = ("sft", "dpo", "grpo")
    """Objectives whose loss can do without them."""
    shardings: tuple[str, ...] = ("none", "zero1", "zero2", "zero3", "fsdp")
    """Values of ``sharding`` that it has."""
    offloads: bool = True
    """True if parameters and optimizer can wait in host memory."""
    single: Mapping[str, tuple[str, ...]] = {}
    """Tasks that it has on a single GPU by objective; all where the objective is missing."""
    mixes_precision: bool = True
    """True if it can keep fp32 weights and compute under 16-bit autocast."""
    checkpoints: bool = True
    """True if it can compute activations again on a single GPU."""
    adapter_optimizers: bool = True
    """Optimizers for adapters alone, which have no name in the framework (LoRA-FA), can be given."""
    dora: bool = True
    """True if it has adapters with trained magnitudes."""
    shares_weights: bool = False
    """True if a vLLM beside it samples with the very weights that are trained."""
    objectives: tuple[str, ...] = ("sft", "dpo", "grpo")
    """Values of ``objective`` that it has."""
    beyond: str = ""
    """Name of the trainer that runs objectives beyond ``sft`` for it; empty where it runs them itself."""
    scheme: str = "nf4"
    """Scheme of 4-bit weights that it loads unless another is stated."""
    defaults: Mapping[str, Mapping[str, object]] = {}
    """Values of deployment keys by task, where the trainer's own default is another than the key's."""
    several: Mapping[str, Mapping[str, object]] = {}
    """Further such values by task where it trains on several GPUs."""
    fixed_bytes: int = 0
    """Bytes of a process that nothing else explains, whatever is trained: compiled kernels and their workspaces."""
    uneven_share: float = 0.02
    """Share of what a step holds by which blocks are larger than what is in them: slack that never returns."""
    slack_share: float = 0.20
    """Share of the activations that the allocator keeps reserved beside them, in the middle."""

    def defaults_of(self, task: str, gpus: int) -> dict[str, object]:
        """Values of deployment keys that hold for a task on so many GPUs unless others are stated."""
        return {**self.defaults.get(task, {}), **(self.several.get(task, {}) if gpus > 1 else {})}


LEANEST = "unsloth"
"""Trainer of the least memory on one GPU."""
LEANEST_VENDORS = ("nvidia", "custom")
"""Vendors on whose GPUs it is proposed."""
LEANEST_CAPABILITY = (7, 0)
"""Least compute capability that it supports (unslothai/unsloth ``README.md``, "NVIDIA GPUs since 2018+")."""


def trains_leanest(gpus: tuple[Gpu, ...]) -> bool:
    """Return True for one GPU that the trainer of the least memory runs on."""
    if len(gpus) > 1 or gpus[0].vendor not in LEANEST_VENDORS:
        return False
    return (gpus[0].compute_capability or LEANEST_CAPABILITY) >= LEANEST_CAPABILITY


def find_trainer(name: str) -> Trainer:
    """Profile of the trainer with that name, which is one of ``workload.tuning.TRAINERS``."""
    found: Trainer = _module(name).TRAINER
    return found


def trainer_of(train: Training) -> Trainer:
    """Profile of what trains a deployment: of its trainer, or of the one that its trainer leaves the objective to."""
    found = find_trainer(train.trainer)
    return found if train.objective == "sft" or not found.beyond else find_trainer(found.beyond)


def written(run: Run) -> str:
    """Command, script or configuration that trains a run with its trainer."""
    text: str = _module(run.train.trainer).script(run)
    return text


def _module(name: str) -> Any:
    return __import__(f"vramfit.training.trainers.{name.replace('-', '_')}", fromlist=["TRAINER"])
