"""Blocks of DeepSeek-V4.1's caches in vLLM's pool: entries that a few layers compress and the others read, and windows.

Each layer keeps a window of tokens in blocks of 32. A layer that compresses has a block for 256 tokens with an entry for
each one or two of them, and as many keys of the indexer. One that makes an entry of two tokens also keeps the float32 sums
and scores of the group still open, in a ring. A block of the pool holds the entries of all layers, or the windows of as
many layers as fit into one. Entries are as wide as those of DeepSeek-V4; on Blackwell they are a tenth smaller.

Read in vLLM 0.33.0: ``models/deepseek_v41/attention.py`` (``get_kv_cache_spec``), ``models/deepseek_v41/compressor.py``
``CompressorStateCache``, ``v1/core/kv_cache_planning.py`` ``_get_packed_kv_cache_groups``.
"""

from __future__ import annotations

from vramfit.engines.vllm.compressed import ALIGNMENT, BLOCK, ENTRY_BYTES, FEW, INDEX_SCALE_BYTES, SUM_BYTES
from vramfit.engines.vllm.kv_tables import Blocks, window_blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.vllm.kv_tables import Span
    from vramfit.model import Model
    from vramfit.model.architecture import Cache
    from vramfit.workload.common import Workload

WINDOW_BLOCK = 32
"""Number of tokens of a block of the window."""
RING_TOKENS = 8
"""Number of tokens of the ring of an open group, without speculative decoding."""


def compresses_once(model: Model) -> bool:
    """Return True if a layer makes an entry of fewer tokens than DeepSeek-V4's layers do."""
    return any(0 < cache.ratio < FEW for _, cache in _layers(model))


def shared_blocks(model: Model, work: Workload, flying: int, span: Span) -> Blocks:
    """Blocks that one request takes on a rank of a pipeline stage, with ``flying`` tokens in steps not yet processed."""
    layers = [cache for number, cache in _layers(model) if span[0] <= number < span[1]]
    entries = sum([_entries(cache) for cache in layers if cache.ratio])
    window = _page(WINDOW_BLOCK * ENTRY_BYTES)
    rings = [_page(RING_TOKENS * 2 * cache.key_width * SUM_BYTES) for cache in layers if cache.ratio > 1]
    size = max(entries, window, max(rings, default=0))
    kept = max([cache.window or 0 for cache in layers], default=0)
    count = -(-work.context // BLOCK) if entries else 0
    count += -(-len(layers) // (size // window)) * window_blocks(kept, work.context, flying, WINDOW_BLOCK)
    if rings:
        count += -(-len(rings) // (size // max(rings)))
    return Blocks(count, size, count * size)


def _layers(model: Model) -> list[tuple[int, Cache]]:
    """Numbers of the layers with compressed attention, each with its cache."""
    found = []
    for group in model.layers:
        for mixer in group.mixers:
            cache = mixer.cache((0,), model.hidden)
            if cache is not None and cache.kind == "compressed":
                found += [(number, cache) for number in group.indices]
    return sorted(found, key=lambda pair: pair[0])


def _entries(cache: Cache) -> int:
    """Bytes of the pages of one layer's entries and of the indexer's keys for them."""
    each = BLOCK // cache.ratio
    return _page(each * ENTRY_BYTES) + _page(each * (cache.index_width + INDEX_SCALE_BYTES))


def _page(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
