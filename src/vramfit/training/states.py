"""Memory that is kept from step to step: weights, adapters, gradients, optimizer states, and how GPUs divide them."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.memory.weights import slices
from vramfit.training.network import adapter_parameters, embedding_elements
from vramfit.workload.optimizers import OPTIMIZER_BY_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.quantization import Checkpoint
    from vramfit.training.profile import Trainer
    from vramfit.workload.common import Workload

FOREACH = ("adamw", "sgd", "adagrad", "rmsprop", "lora_fa")
"""Optimizers of torch, whose step over all parameters at once (``foreach``) makes one temporary tensor of each
(``torch/optim/adamw.py`` ``_multi_tensor_adamw``). Others go parameter by parameter."""
MASTER_BYTES = 4
"""Bytes of the fp32 copy of a 16-bit parameter that DeepSpeed keeps."""
PARTIAL_BYTES = 4
"""Bytes of a gradient in DeepSpeed's partition, in fp32 for the step (DeepSpeed 0.19.8 ``runtime/zero/stage3.py``
``fp32_partitioned_groups_flat``)."""
LIVE_PARAMETERS = 10**9
"""Largest number of parameters that ZeRO-3 holds gathered (``stage3_max_live_parameters``, DeepSpeed 0.19.8
``runtime/zero/config.py``), and that one group of its optimizer's step has (``sub_group_size``)."""
BUCKET_ELEMENTS = 5 * 10**8
"""Elements of a bucket of gradients and of one of gathered parameters (``reduce_bucket_size``, ``allgather_bucket_size``
in the same file); a trainer's own configuration may have others."""
DEEPSPEED = ("zero1", "zero2", "zero3")


class States(Record):
    """Bytes on one GPU, and in the host's memory for it."""

    weights_bytes: int
    adapters_bytes: int
    """Bytes of adapters and of matrices trained whole beside them, with the gradients and states of the latter."""
    gradients_bytes: int
    optimizer_bytes: int
    """Bytes of the optimizer's states, and of the fp32 copy of the weights that DeepSpeed keeps."""
    temporary_bytes: int
    """Bytes of temporary tensors in the optimizer's step."""
    gathered_bytes: int = 0
    """Bytes of parameters that a GPU holds whole for a while, and of the buffers that GPUs exchange."""
    host_bytes: int = 0
    """Bytes in host memory for this GPU."""
    streamed_bytes: int = 0
    """Bytes of ``gathered_bytes`` that come from host memory anew for every layer: what the allocator cannot give to another
    stream at once."""


def weight_bytes(checkpoint: Checkpoint, work: Workload, trainer: Trainer) -> int:
    """Bytes of the weights as the trainer keeps them: an upcast to fp32 of what 4-bit training leaves in 16 included."""
    whole = slices(checkpoint).total_bytes
    if work.training.mixed_precision and work.task == "full" and work.training.sharding not in DEEPSPEED:
        return 2 * whole
    if work.task != "qlora" or not (checkpoint.scheme.family == "bitsandbytes" or trainer.upcasts_packed):
        return whole
    upcast = 0
    for row in checkpoint.stored:
        wide = len(row.tensor.shape) > 1
        if row.type == "F16" and (trainer.upcasts_embeddings if wide else trainer.upcasts_norms):
            upcast += row.total_bytes
    return whole + upcast


def states(checkpoint: Checkpoint, work: Workload, trainer: Trainer, gpus: int) -> States:
    """States of a deployment on each of ``gpus`` GPUs."""
    train = work.training
    weights = weight_bytes(checkpoint, work, trainer)
    if train.objective == "dpo" and work.task == "full":
        weights *= 2  # the reference model, which adapters do without (trl 1.16.0 dpo_trainer.py)
    trained, width = trained_parameters(checkpoint, work, trainer)
    adapters = 0 if work.task == "full" else width * trained + _saved_modules_bytes(checkpoint, work, trainer)
    whole = _whole(checkpoint, work, (weights, adapters, trained, width))
    if train.sharding in DEEPSPEED:
        return _deepspeed(whole, work, trainer, trained, gpus)
    if gpus == 1:
        return _offloaded(whole, work)
    if train.sharding == "fsdp":
        return _fsdp(whole, checkpoint, work, trainer, gpus)
    # DistributedDataParallel copies gradients into buckets of its own (``gradient_as_bucket_view=False``).
    return _offloaded(States(*_fields(whole), whole.gradients_bytes, whole.host_bytes), work)


def trained_parameters(checkpoint: Checkpoint, work: Workload, trainer: Trainer) -> tuple[int, int]:
    """Number of parameters that are trained, and the bytes of each; without matrices trained whole beside adapters."""
    train = work.training
    if work.task == "full":
        width = 4 if train.mixed_precision and train.sharding not in DEEPSPEED else 2
        return sum([row.elements for row in checkpoint.stored]), width
    trained = adapter_parameters(checkpoint.model, train.lora_rank, train.lora_targets)
    if train.dora:
        from vramfit.training.dora import magnitudes

        trained += magnitudes(checkpoint.model, train.lora_targets).parameters
    return trained, trainer.adapter_bytes


def _fields(one: States) -> tuple[int, int, int, int, int]:
    return one.weights_bytes, one.adapters_bytes, one.gradients_bytes, one.optimizer_bytes, one.temporary_bytes


def _whole(checkpoint: Checkpoint, work: Workload, base: tuple[int, int, int, int]) -> States:
    """States that nothing divides; ``base`` is weights, adapters, trained parameters and their width."""
    weights, adapters, trained, width = base
    train = work.training
    chosen = OPTIMIZER_BY_NAME[train.optimizer]
    gradients, temporary = width * trained, width * trained if train.optimizer in FOREACH else 0
    if train.optimizer_in_backward:
        layer = max(slices(checkpoint).layer_bytes, default=0) if work.task == "full" else 0
        widest = max(layer, slices(checkpoint).input_bytes if work.task == "full" else 0)
        gradients, temporary = widest * width // 2, 0
    paged = round(trained * chosen.states * width) if chosen.paged and chosen.bits is None else 0
    if chosen.paged and chosen.bits is not None:
        from vramfit.workload.optimizers import STATE_BYTES

        paged = round(trained * chosen.states * STATE_BYTES[chosen.bits])
    return States(weights, adapters, gradients, chosen.state_bytes(trained, width), temporary, host_bytes=paged)


def _saved_modules_bytes(checkpoint: Checkpoint, work: Workload, trainer: Trainer) -> int:
    """Bytes of embedding and head that are trained whole beside the adapters: copy, gradient and two states."""
    if not work.training.save_modules:
        return 0
    width = 4 if work.task == "qlora" and trainer.upcasts_embeddings else 2
    return (trainer.saved_module_bytes or 4 * width) * embedding_elements(checkpoint.model)


def _offloaded(one: States, work: Workload) -> States:
    """States of which the host keeps those that the deployment sends there."""
    train = work.training
    if not train.offload_optimizer and not train.offload_parameters:
        return one
    if not train.offload_parameters:
        return States(
            one.weights_bytes,
            one.adapters_bytes,
            one.gradients_bytes,
            0,
            0,
            one.gathered_bytes,
            one.host_bytes + one.optimizer_bytes,
        )
    moved = one.optimizer_bytes + one.weights_bytes + one.adapters_bytes + one.gradients_bytes
    return States(0, 0, 0, 0, 0, one.gathered_bytes, one.host_bytes + moved)


def _deepspeed(whole: States, work: Workload, trainer: Trainer, trained: int, gpus: int) -> States:
    """States under ZeRO: stage 1 divides the optimizer's, 2 the gradients too, 3 the weights too.

    The optimizer's are in fp32, with an fp32 copy of what is trained.
    """
    stage = int(work.training.sharding[-1])
    full = work.task == "full"
    kind = OPTIMIZER_BY_NAME[work.training.optimizer]
    optimizer = (kind.state_bytes(trained, 4) + (MASTER_BYTES * trained if full else 0)) // gpus
    gradients = (PARTIAL_BYTES if full else trainer.adapter_bytes) * trained // gpus
    if stage == 1:
        gradients = whole.gradients_bytes
    weights, adapters = whole.weights_bytes, whole.adapters_bytes
    elements = BUCKET_ELEMENTS if stage == 3 else trainer.bucket_elements or BUCKET_ELEMENTS
    bucket = 2 * WIDTH_OF_BUCKET * elements
    gathered, temporary = bucket, 0
    if stage == 3:
        gathered += WIDTH_OF_BUCKET * min(LIVE_PARAMETERS, whole.weights_bytes // 2)
        weights, adapters = weights // gpus, adapters // gpus
    if full:
        temporary = PARTIAL_BYTES * min(LIVE_PARAMETERS, trained // gpus)
    return _offloaded(States(weights, adapters, gradients, optimizer, temporary, gathered, whole.host_bytes), work)


WIDTH_OF_BUCKET = 2
"""Bytes of an element that GPUs exchange."""


PACKED = ("nf4", "fp4")
"""Types of bitsandbytes with two weights in a byte, whose scales are no parameters: FSDP does not move them to the host
(bitsandbytes 0.49 ``nn/modules.py`` ``Params4bit.quant_state``). Without offload the runs of fms-acceleration are nearer to
scales that are divided with the weights."""
IN_FLIGHT = 3
"""Layers that are whole at a time where they come from host memory: the one that is computed, the next that was asked for
(``backward_prefetch``), and one that is still in use by another stream (torch 2.13 ``distributed/fsdp/_runtime_utils.py``,
``limit_all_gathers``). Held against the runs with offload of AnswerDotAI/fsdp_qlora ``benchmarks_03_2024.md`` at 05ed9f2
(Llama 2 7B and 70B, Yi 34B, Mistral 7B on two GPUs of 24 GB) and 19.6 GB of huggingface/peft
``docs/source/accelerate/fsdp.md``."""


def _scale_bytes(checkpoint: Checkpoint) -> int:
    """Bytes of the scales beside packed 4-bit weights, which every GPU holds whole where the weights are in RAM."""
    packed = [row for row in checkpoint.stored if row.type in PACKED]
    return sum([row.total_bytes - row.elements // 2 for row in packed])


def _fsdp(whole: States, checkpoint: Checkpoint, work: Workload, trainer: Trainer, gpus: int) -> States:
    """States under FSDP, which divides all of them; two layers and the root's matrices are whole for a while.

    A trainer may leave frozen weights whole once they were gathered (``trainer.keeps_gathered``). With parameters in host
    memory a GPU's part of what is gathered lies beside it, and more layers are under way.
    """
    cut = slices(checkpoint)
    layer, root = max(cut.layer_bytes, default=0), 2 * embedding_elements(checkpoint.model)
    keeps = trainer.keeps_gathered and work.task != "full"
    gathered = 2 * layer + (whole.weights_bytes if keeps else root)
    weights, adapters, gradients, optimizer, temporary = [value // gpus for value in _fields(whole)]
    shared = States(weights, adapters, gradients, optimizer, temporary, gathered, whole.host_bytes // gpus)
    if not work.training.offload_parameters:
        return _offloaded(shared, work)
    scales = _scale_bytes(checkpoint)
    streamed = IN_FLIGHT * layer + root + (2 * layer + root) // gpus
    moved = (whole.weights_bytes - scales) // gpus + adapters + gradients + optimizer
    return States(scales, 0, 0, 0, 0, streamed, shared.host_bytes + moved, streamed)
