"""Compute buffers: what the worst prompt graph needs besides weights and cache (walking version).

C = max(layer, scores, output), after ggml-org/llama.cpp v0.5.0 ``src/llama-graph.cpp`` laid out by ``ggml-alloc.c``.
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.engines.llamacpp.cache import cells, physical_batch
from vramfit.engines.llamacpp.placement import HOST
from vramfit.model.architecture import Attention, Experts, FeedForward, LatentAttention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.llamacpp.checkpoint import Checkpoint
    from vramfit.engines.llamacpp.placement import Placement
    from vramfit.model import Model
    from vramfit.workload import Workload


@record
class Compute:
    """Compute buffers in bytes."""

    gpu_bytes: tuple[int, ...]
    host_bytes: int


def compute(model: Model, work: Workload, parts: Checkpoint, placement: Placement, gpus: int) -> Compute:
    """The compute buffers of every GPU and of the host."""
    tokens, hidden = physical_batch(work), model.hidden
    windows = [m.window for g in model.layers for m in g.mixers if isinstance(m, Attention) and m.window]
    room = cells(work, windows[0] if windows else None)
    mask = tokens * (2 if work.flash_attention else 4) * (room.full + (room.sliding if windows else 0))
    rows = tokens if work.outputs == "batch" else min(tokens, work.parallel)
    widest = heads = wide = 0
    for group in model.layers:
        live = 0
        network = group.feed_forward
        if isinstance(network, FeedForward):
            live = 3 * network.width + 2 * hidden
        elif isinstance(network, Experts):
            live = max(3 * network.active * network.width + 2 * hidden, 2 * network.active * hidden + 3 * hidden)
        for mixer in group.mixers:
            if isinstance(mixer, LatentAttention):
                both = mixer.kv_rank + mixer.rope_dim
                live = max(live, mixer.heads * (2 * (mixer.nope_dim + mixer.rope_dim) + mixer.kv_rank + both))
                heads, wide = max(heads, mixer.heads), max(wide, mixer.heads * both)
            elif isinstance(mixer, Attention):
                query = mixer.heads * mixer.head_dim
                live += query if query > hidden else 0
                heads = max(heads, mixer.heads)
                wide = max(wide, query + mixer.kv_heads * (mixer.head_dim + mixer.value_dim))
        widest = max(widest, live)
    layer = 4 * widest * tokens + mask
    if not work.flash_attention:
        layer = max(layer, 4 * heads * tokens * room.full + mask + 4 * (hidden + wide) * tokens)
    output = rows * (4 * model.vocab + 8 * hidden)
    staging = 0
    if not placement.whole or placement.cpu_moe_layers:
        host = [
            size
            for index, matrices in enumerate(parts.layer_matrices)
            for name, size in matrices
            if placement.layer_device[index] == HOST or ("_exps." in name and index < placement.cpu_moe_layers)
        ]
        staging = round(max(host, default=0) * (0.85 if placement.cpu_moe_layers else 0.6))
    base = max(layer, output) + staging
    copied = 4 * hidden * tokens
    if gpus > 1 and placement.whole and not placement.cpu_moe_layers:
        sizes = [base + 3 * mask + 4 * copied] + [base + 3 * mask + 8 * copied] * (gpus - 1)
        return Compute(tuple(sizes), 4 * mask + 2 * copied)
    return Compute((base,) * gpus, mask + 2 * copied)
