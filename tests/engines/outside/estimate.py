"""What the engine of this folder needs: an even share of the file on each GPU, pages of cache, and a buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate
from vramfit.engines.pool import Pool
from vramfit.memory.kv_cache import caches
from vramfit.units import MIB

if TYPE_CHECKING:
    from tests.engines.outside import Cards, ToyKeys
    from vramfit.engines.interface import Job
    from vramfit.engines.terms import Ledger

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


def account(job: Job[Cards, ToyKeys], estimate: Estimate, ledger: Ledger) -> None:
    """Note what each GPU holds, with the numbers it follows from."""
    count = job.gpu_count
    for gpu in estimate.gpus:
        ledger.add(
            "weights", gpu.device, "a share of the file", "file / GPUs", gpu.weights_bytes, "made up", gpus=count
        )
        pages = "pages x tokens x widths x sequences / GPUs"
        tokens = job.keys.page_tokens
        ledger.add(
            "kv_cache", gpu.device, "pages", pages, gpu.kv_cache_bytes, "made up", page_tokens=tokens, gpus=count
        )
        ledger.add("compute", gpu.device, "buffer", "by the lanes", gpu.compute_bytes, "made up")
