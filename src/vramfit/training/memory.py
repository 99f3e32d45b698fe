"""Moments of a training step, and the largest of them: its peak.

A step loads a sample, runs forward, begins its backward pass with all logits, computes layer after layer again, and ends
with the optimizer's step. What one moment needs the next has given back, so the peak is the largest of them and not
their sum.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.memory.weights import slices
from vramfit.training.activations import image_bytes, layers
from vramfit.training.loss import chunk_bytes
from vramfit.training.states import states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.quantization import Checkpoint
    from vramfit.training.profile import Trainer
    from vramfit.training.states import States
    from vramfit.workload.common import Workload

WIDTH = 2
"""Bytes of an element of the residual stream in 16 bits."""


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

    @property
    def peak(self) -> Moment:
        """Largest moment."""
        return max(self.moments, key=self.held_bytes)

    def kept_bytes(self, moment: Moment) -> int:
        """Bytes of the states in a moment."""
        own = self.states
        return own.weights + own.adapters + own.optimizer + (own.gradients if moment.gradients else 0)

    def held_bytes(self, moment: Moment) -> int:
        """Bytes of a moment, its states included."""
        return self.kept_bytes(moment) + moment.bytes


def step_tokens(work: Workload, gpus: int) -> int:
    """Tokens of one step on one GPU, each row padded to the sample's length.

    Preferences are pairs of rows. Answers of ``grpo`` are sampled for whole groups, so that a step has at least a group's
    rows over its accumulated steps and all GPUs (trl 1.16.0 ``grpo_config.py``: the generation batch is a multiple of
    ``num_generations``).
    """
    train = work.training
    rows = train.micro_batch
    if train.objective == "dpo":
        rows *= 2
    elif train.objective == "grpo":
        rows = max(rows, -(-train.generations // (train.gradient_accumulation * gpus)))
    return rows * train.sequence_length


def training_memory(checkpoint: Checkpoint, work: Workload, trainer: Trainer, gpus: int, room: int) -> TrainingMemory:
    """Memory of one of ``gpus`` GPUs in each moment of a step; ``room`` is the bytes it offers beside the context."""
    model, train = checkpoint.model, work.training
    own = states(checkpoint, work, trainer, gpus)
    tokens = step_tokens(work, gpus)
    quantized = work.task == "qlora"
    upcast = quantized and checkpoint.scheme.family == "bitsandbytes" and trainer.upcasts_norms
    divided = gpus > 1 and train.sharding == "fsdp"
    width = 4 if upcast and not divided else WIDTH
    stack = layers(model, work, trainer, width, quantized=quantized)
    unpacked = 2 * slices(checkpoint).largest_linear_elements if quantized else 0
    saved, again = _saved(checkpoint, work, trainer, tokens, width, stack, divided and trainer.keeps_gathered)
    fused = train.fused_loss or trainer.fused_loss
    spare = max(0, room - own.weights - own.adapters - own.optimizer - own.gradients - saved)
    packed = quantized and (checkpoint.scheme.family == "bitsandbytes" or trainer.upcasts_packed)
    head = 4 if packed and trainer.upcasts_embeddings else WIDTH
    each = trainer.upcast_logit_bytes if head > WIDTH else trainer.logit_bytes
    plain = trainer.plain_losses.get(model.architecture.model_type or "")
    if plain is not None:
        each = plain[work.task != "full"]
    full = (each * model.vocab + trainer.head_bytes * model.hidden) * tokens
    logits, elastic = (full, 0) if not fused else chunk_bytes(model, tokens, trainer, spare)
    spread = (trainer.gathered_bytes * model.hidden * tokens) if divided else 0
    gathered = own.gathered + spread
    accumulated = train.gradient_accumulation > 1 or work.task != "full"
    moments = [
        Moment("loss", (("saved", saved), ("logits", logits), ("gathered", gathered)), accumulated),
        Moment("layer", (("saved", saved), ("layer", again), ("unpacked", unpacked), ("gathered", gathered)), accumulated),
        Moment("optimizer", (("temporary", own.temporary), ("gathered", own.gathered if train.sharding == "zero3" else 0)), True),
    ]
    images = image_bytes(model, work)
    if images:
        moments.append(Moment("images", (("images", images), ("gathered", gathered)), accumulated))
    host = own.host + (saved_on_host(checkpoint, work, tokens) if trainer.host_checkpoints and train.gradient_checkpointing else 0)
    return TrainingMemory(own, tuple(moments), host, saved + max(again, logits), fused, not work.flash_attention, elastic)


def saved_on_host(checkpoint: Checkpoint, work: Workload, tokens: int) -> int:
    """Bytes of the layers' inputs in host memory."""
    model = checkpoint.model
    return WIDTH * model.hidden * model.layer_count * tokens


def _saved(checkpoint, work, trainer, tokens, width, stack, forced):  # type: ignore[no-untyped-def]
    """Bytes saved for the whole backward pass, and those of the layer that is computed again."""
    model = checkpoint.model
    if work.training.gradient_checkpointing or forced:
        inputs = 0 if trainer.host_checkpoints else width * model.hidden * model.layer_count
        return inputs * tokens, round(max([layer.widest for layer in stack], default=0) * tokens)
    together = sum([layer.count * layer.saved for layer in stack])
    spare = max([layer.widest - layer.saved for layer in stack], default=0)
    return round(together * tokens), round(spare * tokens)
