"""Moments of a training step, and the largest of them: its peak.

A step loads a sample, runs forward, begins its backward pass with all logits, computes layer after layer again, and ends
with the optimizer's step. What one moment needs the next has given back, so the peak is the largest of them and not
their sum.
"""

from __future__ import annotations

from vramfit._record import Record, once
from vramfit.memory.kv_cache import caches, token_bytes
from vramfit.memory.weights import slices
from vramfit.training.activations import WIDTH, autocasts, image_bytes, layers
from vramfit.training.states import states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint
    from vramfit.training.activations import Layer
    from vramfit.training.profile import Trainer
    from vramfit.training.states import States
    from vramfit.workload.common import Workload


PAIR_LOGIT_BYTES = 16
"""Bytes per logit where the log-probabilities of given tokens are wanted (DPO, GRPO), not their mean: fp32 logits, and in
the backward pass the gradients of their rows, the same put together, and the gradient of the tokens' own logits (TRL 0.15 to
0.29 ``trainer/utils.py`` ``selective_log_softmax``; counted with torch 2.13.0)."""


class Moment(Record):
    """A moment of a step: what it needs beside the states, and which of these it needs."""

    name: str
    parts: tuple[tuple[str, int], ...]
    """Names of terms, with the bytes of each."""
    gradients: bool
    """True if the gradients of all trained parameters exist."""

    @property
    def bytes(self) -> int:
        """Bytes beside the states."""
        return sum([size for _, size in self.parts])


class TrainingMemory(Record):
    """Memory of one GPU in each moment of a step, and that of the host."""

    states: States
    moments: tuple[Moment, ...]
    host_bytes: int
    """Bytes in the host's memory for this GPU."""
    loose_bytes: int
    """Bytes of activations, of which the allocator's slack is a share."""
    fused: bool
    """True if the loss is computed in chunks."""
    eager: bool
    """True if attention keeps its scores."""
    elastic_bytes: int
    """Bytes of the chunks of a fused loss, which shrink to the room that is left."""
    fixed_bytes: int
    """Bytes of the process that nothing else explains."""

    @once
    def peak(self) -> Moment:
        """Largest moment."""
        return max(self.moments, key=self.moment_bytes)

    def kept_bytes(self, moment: Moment) -> int:
        """Bytes of the states in a moment."""
        own = self.states
        return (
            own.weights_bytes
            + own.adapters_bytes
            + own.optimizer_bytes
            + (own.gradients_bytes if moment.gradients else 0)
        )

    def moment_bytes(self, moment: Moment) -> int:
        """Bytes of a moment, its states included."""
        return self.kept_bytes(moment) + moment.bytes


def step_tokens(work: Workload, gpus: int) -> int:
    """Tokens of one step on one GPU, each row padded to the sample's length; preferences are pairs of rows."""
    train = work.training
    return train.rows(gpus) * (2 if train.objective == "dpo" else 1) * train.sequence_length


class Step(Record):
    """Facts of a step that several moments share."""

    tokens: int
    """Tokens of the step on one GPU."""
    width: int
    """Bytes of an element of the residual stream between two layers."""
    head: int
    """Bytes of an element of the hidden states that the head reads."""
    stack: tuple[Layer, ...]
    """Groups of equal layers."""
    divided: bool
    """True if FSDP divides the model."""


class Sizes(Record):
    """Bytes that moments of a step are made of."""

    saved: int
    """Bytes saved for the whole backward pass."""
    again: int
    """Bytes that one layer adds when it is computed again."""
    logits: int
    gathered: int
    """Bytes of parameters that are whole for a while, and of buffers that GPUs exchange."""
    beside: int
    """Bytes that a vLLM takes of the same GPU."""


def _step(checkpoint: Checkpoint, work: Workload, trainer: Trainer, gpus: int) -> Step:
    quantized = work.task == "qlora"
    bitsandbytes = checkpoint.scheme.family == "bitsandbytes"
    divided = gpus > 1 and work.training.sharding == "fsdp"
    # Under FSDP the upcast of the norms does not reach the residual stream (fms-acceleration, rows 58-62 and 78-86).
    width = 4 if quantized and bitsandbytes and trainer.upcasts_norms and not divided else WIDTH
    upcast = quantized and (bitsandbytes or trainer.upcasts_packed) and trainer.upcasts_embeddings
    stack = layers(checkpoint.model, work, trainer, width, quantized=quantized)
    stream = 4 if autocasts(work) else width
    return Step(step_tokens(work, gpus), stream, 4 if upcast else WIDTH, stack, divided)


def training_memory(
    checkpoint: Checkpoint, work: Workload, trainer: Trainer, gpus: int, room: int, beside: int = 0
) -> TrainingMemory:
    """Memory of one of ``gpus`` GPUs in each moment of a step.

    ``room`` is the bytes it offers beside the context, ``beside`` those of them that a vLLM takes.
    """
    model, train = checkpoint.model, work.training
    own = states(checkpoint, work, trainer, gpus)
    step = _step(checkpoint, work, trainer, gpus)
    saved, again = _saved(model, work, trainer, step)
    fused = train.fused_loss or trainer.fused_loss
    if beside and trainer.shares_weights:
        beside = max(0, beside - own.weights_bytes)
    left = room - own.weights_bytes - own.adapters_bytes - own.optimizer_bytes - own.gradients_bytes - saved
    spare = max(0, left if train.vllm_sleep_mode else left - beside)
    logits, elastic = _logits(model, work, trainer, step, spare if fused else None)
    gathered = own.gathered_bytes + (trainer.gathered_bytes * model.hidden * step.tokens if step.divided else 0)
    moments = _moments(checkpoint, work, trainer, own, Sizes(saved, again, logits, gathered, beside))
    host = own.host_bytes
    if trainer.host_checkpoints and train.gradient_checkpointing:
        host += WIDTH * model.hidden * model.layer_count * step.tokens
    eager = not work.flash_attention
    return TrainingMemory(own, moments, host, saved + max(again, logits), fused, eager, elastic, trainer.fixed_bytes)


def _moments(checkpoint: Checkpoint, work: Workload, trainer: Trainer, own: States, sizes: Sizes) -> tuple[Moment, ...]:
    """Moments of a step."""
    train, model = work.training, checkpoint.model
    unpacked = 2 * slices(checkpoint).largest_linear_elements if work.task == "qlora" else 0
    # Gradients are freed after the optimizer's step, and come back during the backward pass.
    kept = train.gradient_accumulation > 1 or work.task != "full"
    before, common = ("saved", sizes.saved), ("gathered", sizes.gathered)
    left = ("gathered", own.gathered_bytes if train.sharding == "zero3" else 0)
    vllm = (("vllm", sizes.beside),) if sizes.beside else ()
    always = () if train.vllm_sleep_mode else vllm
    loss, layer = _more(checkpoint, work, trainer)
    moments = [
        Moment("loss", (before, ("logits", sizes.logits), common, *loss, *always), kept),
        Moment("layer", (before, ("layer", sizes.again), ("unpacked", unpacked), common, *layer, *always), kept),
        Moment("optimizer", (("temporary", own.temporary_bytes), left, *always), True),
    ]
    images = image_bytes(model, work)
    if images:
        moments.append(Moment("images", (("images", images), common, *always), kept))
    if train.objective == "grpo":
        answers = vllm or (("cache", answer_bytes(model, work)),)
        moments.append(Moment("answers", (*answers, common), kept))
    return tuple(moments)


Parts = tuple[tuple[str, int], ...]


def _more(checkpoint: Checkpoint, work: Workload, trainer: Trainer) -> tuple[Parts, Parts]:
    """Parts that few deployments have in the moments of the loss and of a layer: casts of weights, norms of DoRA."""
    loss: Parts = ()
    layer: Parts = ()
    train = work.training
    if autocasts(work):
        # Autocast keeps its 16-bit copies to the end of the forward pass, and the backward pass those that it saved.
        cut = slices(checkpoint)
        whole = cut.total_bytes
        again = train.gradient_checkpointing
        loss = (("casts", cut.output_read_bytes if again else whole),)
        layer = (("casts", max(cut.layer_bytes, default=0) if again else whole),)
    if train.dora:
        from vramfit.training.dora import copied_bytes, norm_bytes

        norms = norm_bytes(checkpoint.model, work, trainer)
        copies = copied_bytes(checkpoint.model, work, trainer)
        if not train.gradient_checkpointing:
            copies *= checkpoint.model.layer_count
            loss += (("copies", copies),) if copies else ()
        layer += (("norms", norms), ("copies", copies)) if copies else (("norms", norms),)
    return loss, layer


def _logits(model: Model, work: Workload, trainer: Trainer, step: Step, spare: int | None) -> tuple[int, int]:
    """Bytes of logits and loss, and of these the part that shrinks to the ``spare`` bytes; None for a whole loss."""
    if spare is not None:
        from vramfit.training.loss import chunk_bytes

        return chunk_bytes(model, step.tokens, trainer, spare)
    if work.training.objective != "sft":
        return (PAIR_LOGIT_BYTES * model.vocab + trainer.head_bytes * model.hidden) * step.tokens, 0
    each = trainer.upcast_logit_bytes if step.head > WIDTH else trainer.logit_bytes
    plain = trainer.plain_losses.get(model.architecture.model_type or "")
    if plain is not None:
        each = plain[work.task != "full"]
    return (each * model.vocab + trainer.head_bytes * model.hidden) * step.tokens, 0


def answer_bytes(model: Model, work: Workload) -> int:
    """Bytes of the KV cache while a group of answers is sampled, each as long as a sample."""
    train = work.training
    each = 0
    for cache in caches(model):
        each += len(cache.layers) * cache.tokens_kept(train.sequence_length) * token_bytes(cache, "f16", "f16")
    return each * max(train.generations, train.micro_batch)


def _saved(model: Model, work: Workload, trainer: Trainer, step: Step) -> tuple[int, int]:
    """Bytes saved for the whole backward pass, and those that one layer adds when it is computed again."""
    tokens, stack = step.tokens, step.stack
    if work.training.gradient_checkpointing or (step.divided and trainer.keeps_gathered):
        inputs = 0 if trainer.host_checkpoints else step.width * model.hidden * model.layer_count
        return inputs * tokens, round(max([layer.widest for layer in stack], default=0) * tokens)
    together = sum([layer.count * layer.saved for layer in stack])
    spare = max([layer.widest - layer.saved for layer in stack], default=0)
    return round(together * tokens), round(spare * tokens)
