"""Activation memory of a forward pass in a PyTorch engine: the tensors alive at the peak of one layer.

Without gradients only one layer's intermediate results exist at a time. Widths follow transformers 5.23.0
``modeling_llama.py``: the residual stream and its norm (fp32 copy included), Q, K, V, and the gate, up and product
of the feed-forward network; attention itself is SDPA or FlashAttention and keeps no scores.
"""

from __future__ import annotations

from vramfit._memo import per_model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Layers, Model

ACTIVATION_BYTES = 2
"""Bytes of an activation in fp16 or bf16."""


def peak_bytes(model: Model, tokens: int, *, flash_attention: bool, sequence: int) -> int:
    """Peak activation bytes of a forward pass over ``tokens`` tokens in sequences of ``sequence`` tokens.

    The peak is either the largest layer or the logits of the last token of each sequence (``generate`` computes no
    others). Without flash attention, the scores of each head exist twice, in 16 bits and as the fp32 softmax.
    """
    if not model.layers:
        return 0
    layer = tokens * ACTIVATION_BYTES * (4 * model.hidden + _widest_layer(model))
    if not flash_attention:
        heads = max([mixer.widths.scored_heads for group in model.layers for mixer in group.mixers], default=0)
        layer += heads * tokens * sequence * (ACTIVATION_BYTES + 4)
    sequences = -(-tokens // max(1, sequence))
    logits = sequences * model.vocab * (ACTIVATION_BYTES + 4)
    return max(layer, logits)


def widest_feed_forward(model: Model) -> int:
    """Elements of the widest feed-forward network that one token passes through, over all layers; 0 without layers."""
    return max([group.passed_width for group in model.layers], default=0)


@per_model
def _widest_layer(model: Model) -> int:
    """Elements per token in the layer that needs most, without the residual stream."""
    return max([_layer_elements(group, model.hidden) for group in model.layers])


def _layer_elements(group: Layers, hidden: int) -> int:
    """Elements per token that a layer needs in addition to the residual stream and its norms."""
    mixing = sum([mixer.widths.working for mixer in group.mixers])
    feed_forward = 3 * group.passed_width
    experts = group.experts
    if experts is not None:
        feed_forward += experts.active * hidden
    return max(mixing, feed_forward)
