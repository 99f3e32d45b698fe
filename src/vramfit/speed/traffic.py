"""What one token moves and multiplies in a model, whatever runs it: the roof's two axes, per model."""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import record
from vramfit.memory.kv_cache import caches, row_bytes
from vramfit.model import tensors
from vramfit.model.architecture import Attention, CompressedAttention, Experts, LatentAttention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model

STATE_ELEMENT_BYTES = 4
"""Recurrent states are 32-bit floats (ggml-org/llama.cpp ``llama-memory-recurrent.cpp``)."""


@record
class Shape:
    """The parts of a model that cost time."""

    layers: int
    expert_layers: int
    """Layers with a mixture: routing and scattered matrices cost time beside the bytes."""
    recurrent_layers: int
    parameters: int
    """Weights a token is multiplied with in the layers: of the experts the active ones, no embedding, no head."""
    experts_share: float
    """Experts active for one token, of all; 1.0 without a mixture."""
    experts_weight: float
    """What part of ``parameters`` is active experts."""
    attention: tuple[tuple[int, int | None], ...]
    """(operations per token looked back on, window) of equal layers together."""


@per_model
def shape(model: Model) -> Shape:
    """The ``Shape`` of a model, counted from its tensors and layers."""
    share: dict[int, float] = {}
    expert_layers = 0
    attention: list[tuple[int, int | None]] = []
    for group in model.layers:
        here = len(group.indices)
        if isinstance(group.feed_forward, Experts):
            expert_layers += here
            share.update(dict.fromkeys(group.indices, group.feed_forward.active / group.feed_forward.count))
        for mixer in group.mixers:
            if isinstance(mixer, Attention):
                attention.append((2 * here * mixer.heads * (mixer.head_dim + mixer.value_dim), mixer.window))
            elif isinstance(mixer, LatentAttention):
                width = mixer.nope_dim + mixer.rope_dim + mixer.value_dim
                attention.append((2 * here * mixer.heads * width, None))
            elif isinstance(mixer, CompressedAttention):
                attention.append((4 * here * mixer.heads * mixer.head_dim, mixer.window))
    always = chosen = 0.0
    for tensor in tensors(model):
        if tensor.part != "text" or not tensor.layers or len(tensor.shape) < 2:
            continue
        if "_exps." in tensor.name:
            chosen += tensor.elements * tensor.copies * sum([share.get(index, 1.0) for index in tensor.layers])
        else:
            always += tensor.elements * tensor.copies * len(tensor.layers)
    active = always + chosen
    recurrent = sum([len(cache.layers) for cache in caches(model) if cache.kind == "state"])
    return Shape(
        model.layer_count, expert_layers, recurrent, round(active), min(share.values(), default=1.0),
        chosen / active if active else 0.0, tuple(attention),
    )  # fmt: skip


@per_model
def cache_read_bytes(model: Model, depth: int, key_type: str, value_type: str) -> int:
    """Cache and states that one token after ``depth`` others reads (states are written, too), in one sequence."""
    total = 0
    for cache in caches(model):
        if cache.kind == "state":
            row, rows = (cache.convolution_elements + cache.recurrent_elements) * STATE_ELEMENT_BYTES, 2
        else:
            row, rows = row_bytes(cache.key_width, key_type), cache.tokens_kept(depth)
            row += row_bytes(cache.value_width, value_type) if cache.value_width else 0
        total += len(cache.layers) * row * rows
    return total


@per_model
def attention_operations(model: Model, depth: int) -> int:
    """Operations (a multiplication and an addition are two) of attention for one token after ``depth`` others."""
    found = shape(model)
    return sum([each * (depth if window is None else min(depth, window)) for each, window in found.attention])
