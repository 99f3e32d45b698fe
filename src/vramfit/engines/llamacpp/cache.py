"""KV cache and recurrent states, layer by layer.

The cells a layer keeps follow ggml-org/llama.cpp v0.5.0: ``src/llama-context.cpp`` (rounding to 256, streams),
``src/llama-kv-cache-iswa.cpp`` (windows), ``src/llama-kv-cache-dsv4.cpp`` (compressed entries) and
``src/llama-memory-recurrent.cpp`` (one F32 state per sequence).
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import record
from vramfit.errors import CannotTell, UsageError
from vramfit.memory.kv_cache import caches, row_bytes
from vramfit.model.architecture import Attention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.memory.kv_cache import Cache
    from vramfit.model import Model
    from vramfit.workload import Workload

CELL_PADDING = 256
"""Cells are allocated in multiples of this (``GGML_PAD(n_ctx, 256)``)."""

QUANTIZED = ("q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""Cache types in blocks of 32 elements with a scale."""


@record
class Cells:
    """How many tokens the cache has room for."""

    full: int
    """Cells per stream of a layer that keeps everything."""
    sliding: int
    """Cells per stream of a sliding-window or chunked layer."""
    streams: int
    """Separate caches: one per sequence, or one for all when unified."""


def padded(tokens: int) -> int:
    """``tokens`` rounded up to whole blocks of cells."""
    return -(-tokens // CELL_PADDING) * CELL_PADDING


def physical_batch(work: Workload) -> int:
    """Tokens of one forward pass: ``n_ubatch``, bounded by the batch and the context.

    llama.cpp bounds it by the context as asked; here by whole blocks of cells, so that a context of a few tokens more
    never needs less: the kernels chosen for 31 tokens and 32 differ.
    """
    return min(work.ubatch, work.batch, padded(work.context * work.parallel))


@per_model
def local_window(model: Model) -> int | None:
    """Tokens the sliding or chunked layers look back over, as far as llama.cpp heeds it; None for no such layers.

    A window that every layer has (Mistral 7B v0.1, StarCoder2, Phi-3) is ignored: the architectures that have a windowed
    cache (``swa_type`` in ``src/models/*.cpp``) are those that mix windowed layers with full ones.
    """
    windows = {mixer.window for group in model.layers for mixer in group.mixers if isinstance(mixer, Attention)}
    if None not in windows:
        return None
    return max([window for window in windows if window is not None], default=None)


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


def check_cache(work: Workload) -> None:
    """Raises ``UsageError`` for a cache that llama.cpp refuses (``llama-context.cpp``, "requires Flash Attention")."""
    if work.kv_cache_type_v in QUANTIZED and not work.flash_attention:
        raise UsageError(
            f"llama.cpp quantizes V ({work.kv_cache_type_v}) only with flash attention",
            "use --flash-attention on, or --kv-cache-type-v f16",
        )


def layer_cache_bytes(model: Model, work: Workload) -> list[int]:
    """Bytes of cache and states that each layer owns, for all sequences."""
    window = local_window(model)
    room = cells(work, window)
    found = caches(model)
    # Without flash attention V is transposed, and all layers of a cache then have the widest one's rows.
    widest = 0 if work.flash_attention else max([cache.value_width for cache in found], default=0)
    per_layer = [0] * model.layer_count
    for cache in found:
        size = _cache_bytes(cache, work, room, widest, window)
        for layer in cache.layers:
            per_layer[layer] += size
    return per_layer


def _cache_bytes(cache: Cache, work: Workload, room: Cells, widest_value: int, window: int | None) -> int:
    if cache.kind == "state":
        return 4 * (cache.convolution_elements + cache.recurrent_elements) * work.parallel
    if cache.kind == "cross":
        raise CannotTell(
            "llama.cpp has no cross-attention to images", "use --engine transformers or vllm for this model"
        )
    value_width = max(cache.value_width, widest_value) if cache.value_width else 0
    if cache.kind == "compressed":
        kept = padded(min(room.full, (cache.window or 0) + physical_batch(work)))
        behind = -(-room.full // cache.ratio) if cache.ratio else 0
        rows = (kept + behind) * row_bytes(cache.key_width, work.kv_cache_type)
        return room.streams * (rows + behind * row_bytes(cache.index_width, work.kv_cache_type))
    held = room.sliding if cache.window is not None and window is not None else room.full
    row = row_bytes(cache.key_width, work.kv_cache_type) + row_bytes(value_width, work.kv_cache_type_v)
    return held * room.streams * (row + row_bytes(cache.index_width, work.kv_cache_type))
