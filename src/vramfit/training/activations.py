"""Memory that a step of training adds for a while: saved activations, one layer computed again, logits, dequantization.

Lengths are in bytes for one token unless a text says otherwise. Notation of the formulas: ``d`` is the width of the
residual stream, ``q`` of the queries of all heads, ``k`` and ``v`` of the keys and values, ``f`` the inner width of the
feed-forward network that a token passes through, ``h`` the number of heads, ``s`` the length of a sample, ``V`` the
vocabulary.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.training.network import adapted, blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.training.network import Block
    from vramfit.training.profile import Trainer
    from vramfit.workload.common import Workload

WIDTH = 2
"""Bytes of a 16-bit activation."""
SCORE_BYTES, SAVED_SCORE_BYTES = {2: 15, 4: 18}, {2: 6, 4: 4}
"""Bytes per head and pair of tokens of eager attention, in its own backward pass and while the rest of the layer has its,
by the bytes of an activation. In 16 bits: the fp32 softmax and its 16-bit copy are saved (6), and the gradients of the
copy, of the softmax and of the scores join them (8). In fp32 there is no copy: 4 saved, 12 more (transformers 5.24.0
``modeling_llama.py`` ``eager_attention_forward``). The rest, 1 and 2, is the mean of 12 T4 runs of fitcheck-llm 0.3.1."""
GATED, PLAIN = 4, 2
"""Activations per element of the inner width: gate, up, activated gate and product, or both sides of the activation."""
AUTOCAST_BYTES = 10
"""Bytes per element of the residual stream that a layer saves besides where weights are fp32 and the passes run under
16-bit autocast: the stream is fp32, and each matrix casts its input for itself. Counted on transformers 5.24.0
``modeling_llama.py`` with ``torch.autograd.graph.saved_tensors_hooks``, torch 2.13.0."""
LOG_SUM_BYTES = 4
"""Bytes per head of the log-sum-exp that FlashAttention and SDPA save."""


class Layer(Record):
    """Bytes per token of a layer of the language model."""

    count: int
    """Number of equal layers."""
    saved: float
    """Bytes saved for the backward pass."""
    widest: float
    """Bytes at the layer's widest moment, when all that is saved exists and the backward pass begins."""


def layer_bytes(
    block: Block, trainer: Trainer, inputs: int, width: int, *, dropout: bool, rms: bool
) -> tuple[float, float]:
    """Bytes per token that a layer saves, with and without its feed-forward network, and no scores of attention.

    ``inputs`` is the sum of the input widths of its adapted matrices, ``width`` the bytes of an activation. LayerNorm
    saves its input alone, RMSNorm (``rms``) computes in fp32 and saves that; an adapter keeps an fp32 copy of its input,
    which is the input itself where that is fp32.
    """
    d = block.hidden
    mixing = width * (4 * d + 3 * block.query + block.key + block.value + 2 * block.mixing)
    network = (GATED if block.gated else PLAIN) * width * block.feed_forward + 2 * width * d * block.routed
    norms = (trainer.norm_bytes if rms else 0) * d + trainer.extra_bytes * d
    kept = trainer.adapted_input_bytes if width == WIDTH else 0
    kept += 1 if dropout and trainer.adapted_input_bytes else 0
    without = mixing + norms + LOG_SUM_BYTES * block.heads + kept * inputs
    return without + network, without


def autocasts(work: Workload) -> bool:
    """Return True if the weights are fp32 and every matrix is cast to 16 bits when it is used.

    DeepSpeed and FSDP cast their own copies, in 16 bits throughout.
    """
    train = work.training
    return train.mixed_precision and work.task == "full" and train.sharding == "none"


def layers(model: Model, work: Workload, trainer: Trainer, width: int, *, quantized: bool) -> tuple[Layer, ...]:
    """Bytes per token of each group of equal layers; ``width`` is the bytes of an activation."""
    train = work.training
    adapters = 0 if work.task == "full" else adapted(model, train.lora_targets).inputs
    more = trainer.quantized_input_bytes * adapted(model, "all").inputs if quantized else 0
    if train.dora:
        from vramfit.training.dora import output_bytes

        more += output_bytes(model, work, trainer, width)
    if autocasts(work):
        more += AUTOCAST_BYTES * model.hidden
    found = []
    for block in blocks(model):
        rms = not model.traits.norm_bias
        whole, without = layer_bytes(block, trainer, adapters, width, dropout=bool(train.lora_dropout), rms=rms)
        saved, own = whole + more, without + more
        widest = saved
        if not work.flash_attention:
            scores = block.heads * train.sequence_length
            saved += SAVED_SCORE_BYTES[width] * scores
            widest = max(saved, own + SCORE_BYTES[width] * scores)
        found.append(Layer(block.count, saved, widest))
    return tuple(found)


def image_bytes(model: Model, work: Workload) -> int:
    """Peak bytes of the vision tower while it encodes the images of one sample, without a backward pass."""
    from vramfit.memory.vision import encoder_bytes

    if not work.images or model.vision is None:
        return 0
    return encoder_bytes(model, work.images, work.image_size, flash_attention=work.flash_attention)
