"""Serving figures of vLLM: tokens and requests that its cache holds with the memory that it has, and whether it starts.

The log says it as "GPU KV cache size: N tokens, Maximum concurrency for M tokens per request: X" (0.33.0
``v1/core/kv_cache_utils.py`` ``get_kv_cache_capacity``). Requests beyond that wait in a queue.
"""

from __future__ import annotations

from vramfit.engines.interface import Serving
from vramfit.engines.vllm.pool import Caches
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.servers import ServerKeys


def serving(
    deployment: Deployment, estimate: Estimate, keys: ServerKeys, usable_bytes: tuple[int, ...]
) -> Serving | None:
    """Describe what the server does with the bytes that each GPU offers it; None for a model without a cache.

    A stage of a pipeline whose layers keep nothing has no cache to run out of.
    """
    found = estimate.plan
    if not isinstance(found, Caches) or not all(one.count for one in found.blocks):
        return None
    context = deployment.workload.context
    rooms = []
    for one, gpu, usable in zip(found.blocks, estimate.gpus, usable_bytes, strict=True):
        room = usable - gpu.total_bytes + gpu.kv_cache_bytes + one.block_bytes
        if one.block_bytes:
            rooms.append((room if keys.kv_cache_memory_bytes is None else keys.kv_cache_memory_bytes, one))
    requests = min([max(0, room // one.block_bytes) / one.count for room, one in rooms]) * found.copies
    room, least = min([(room, one.least_bytes) for room, one in rooms], key=lambda pair: pair[0] - pair[1])
    starts = room >= least
    limit = estimate.settings["max_num_seqs"]
    return Serving(
        int(requests * context),
        round(requests, 4),
        limit if isinstance(limit, int) else None,
        starts,
        None if starts else _refusal(context, least, room),
    )


def _refusal(context: int, least_bytes: int, room_bytes: int) -> str:
    """Sentence without a full stop on a cache that does not hold one request (``_check_enough_kv_cache_memory``)."""
    left = "no memory is" if room_bytes <= 0 else f"{gib(room_bytes)} are"
    return f"the cache of one request of {context:,} tokens takes {gib(least_bytes)}, and {left} left for it"
