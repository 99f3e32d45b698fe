"""KV cache and recurrent states, layer by layer.

The cells a layer keeps follow ggml-org/llama.cpp v0.5.0: ``src/llama-context.cpp`` (rounding to 256, streams),
``src/llama-kv-cache-iswa.cpp`` (windows) and ``src/llama-memory-recurrent.cpp`` (one F32 state per sequence).
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.memory.kv_cache import caches, row_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.memory.kv_cache import Cache
    from vramfit.model import Model
    from vramfit.workload import Workload

CELL_PADDING = 256
"""Cells are allocated in multiples of this (``GGML_PAD(n_ctx, 256)``)."""


@record
class Cells:
    """How many tokens the cache has room for."""

    full: int
    """Cells per stream of a layer that keeps everything."""
    sliding: int
    """Cells per stream of a sliding-window or chunked layer."""
    streams: int
    """Separate caches: one per sequence, or one for all when unified."""

    @property
    def context(self) -> int:
        """llama.cpp's ``n_ctx``: the cells of all streams."""
        return self.full * self.streams


def padded(tokens: int) -> int:
    """``tokens`` rounded up to whole blocks of cells."""
    return -(-tokens // CELL_PADDING) * CELL_PADDING


def physical_batch(work: Workload) -> int:
    """Tokens of one forward pass: ``n_ubatch``, bounded by the batch and the context as llama.cpp bounds it."""
    return min(work.ubatch, work.batch, work.context * work.parallel)


def cells(work: Workload, window: int | None) -> Cells:
    """The cells of a workload for a model whose local layers look back ``window`` tokens (None: no such layers)."""
    total = padded(work.context * work.parallel)
    streams = 1 if work.unified_kv else work.parallel
    full = padded(total // streams)
    sliding = full
    if window is not None and not work.swa_full:
        sequences = work.parallel if work.unified_kv else 1
        sliding = padded(min(full, window * sequences + physical_batch(work)))
    return Cells(full, sliding, streams)


def layer_cache_bytes(model: Model, work: Workload) -> tuple[int, ...]:
    """Bytes of cache and states that each layer owns, for all sequences."""
    per_layer = [0] * model.layer_count
    for cache in caches(model):
        size = _cache_bytes(cache, work)
        for layer in cache.layers:
            per_layer[layer] += size
    return tuple(per_layer)


def _cache_bytes(cache: Cache, work: Workload) -> int:
    if cache.kind == "state":
        return 4 * (cache.convolution_elements + cache.recurrent_elements) * work.parallel
    if cache.kind == "cross":
        return 0
    room = cells(work, cache.window)
    held = room.sliding if cache.window is not None else room.full
    row = row_bytes(cache.key_width, work.kv_cache_type) + row_bytes(cache.value_width, work.kv_cache_type_v)
    return held * room.streams * (row + row_bytes(cache.index_width, work.kv_cache_type))
