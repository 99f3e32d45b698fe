"""What the engine of this folder needs: an even share of the file on each GPU, pages of cache, and a buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate, Pool
from vramfit.memory.kv_cache import caches
from vramfit.units import MIB

if TYPE_CHECKING:
    from tests.engines.outside import Cards, ToyKeys
    from vramfit.engines.interface import Job

BUFFER_BYTES = {True: 256 * MIB, False: 64 * MIB}
"""By whether lanes are wide."""
SHARE = 0.95
"""Of each GPU that it lets itself have, its context apart."""


def estimate(job: Job[Cards, ToyKeys]) -> Estimate:
    """Memory, GPU by GPU; whatever has no layers is on none of them twice."""
    work, keys = job.workload, job.keys
    wide = job.traits.wide if keys.lanes is None else keys.lanes == "wide"
    pages = -(-work.context // keys.page_tokens)
    row = sum([2 * (cache.key_width + cache.value_width) * len(cache.layers) for cache in caches(job.model)])
    weights = -(-job.checkpoint.file_bytes // job.gpu_count)
    if keys.prefetch:
        weights += weights // max(1, job.model.layer_count)
    cache = -(-pages * keys.page_tokens * row * work.parallel // job.gpu_count)
    buffer = BUFFER_BYTES[wide]
    total = weights + cache + buffer
    gpus = [
        DeviceMemory(f"gpu{number}", weights, cache, buffer, 0, total - buffer // 2, total + buffer, weights)
        for number in range(job.gpu_count)
    ]
    notes = (f"the cache is {pages:,} pages of {keys.page_tokens} tokens",)
    settings = {"lanes": "wide" if wide else "narrow"}
    pool = Pool(SHARE, (0,) * job.gpu_count, rounded_up=True)
    return Estimate(tuple(gpus), NOTHING, job.checkpoint.file_bytes, notes, settings, pool=pool)
