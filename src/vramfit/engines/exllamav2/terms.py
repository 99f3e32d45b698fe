"""Terms of an estimate for ExLlamaV2."""

from __future__ import annotations

from vramfit.engines.cache_terms import add_cache
from vramfit.engines.compute_terms import add_encoder
from vramfit.engines.exllama import Sources, account_layers, name_of
from vramfit.engines.exllamav2.estimate import (
    BITS,
    GROUP,
    SCALE_BYTES,
    SCALED,
    cache_bytes,
    layer_scratch,
    passing_bytes,
    unpacked_bytes,
)
from vramfit.memory.vision import encoder_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.terms import Ledger

EXLLAMA = "turboderp-org/exllamav2 da07fac"
SOURCES = Sources(
    f"{EXLLAMA} exllamav2/model.py",
    f"{EXLLAMA} exllamav2/cache.py",
    f"{EXLLAMA} exllamav2/mlp.py scratch_space_fixed",
    f"{EXLLAMA} exllamav2/model.py embed_cpu",
)


def account(job: Job[None, None], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms to the ledger: weights, caches of each group of layers, scratch, and workspaces."""
    work = job.workload
    scale = 8 * SCALE_BYTES / GROUP if work.kv_cache_type in SCALED else 0
    key, value = BITS[work.kv_cache_type]

    def caches(device: str, start: int, stop: int) -> None:
        within = [group for group in job.model.layers for index in group.indices if start <= index < stop]
        for group in job.model.layers:
            count = within.count(group)
            for mixer in group.mixers:
                cache = mixer.cache((0,), job.model.hidden)
                if cache is not None:
                    size = count * cache_bytes(mixer, job)
                    add_cache(
                        ledger, device, f"cache, {name_of(mixer)}", cache, count, work.parallel, size, SOURCES.cache,
                        work.context, (key + scale, value + scale),
                    )  # fmt: skip
        unpacked = unpacked_bytes(within, job)
        tokens = work.context * work.parallel
        ledger.add(
            "kv_cache", device, "unpacked cache", "tokens × widths × 2", unpacked, SOURCES.cache,
            "K and V of all tokens of one layer in 16 bits", tokens=tokens, widths=unpacked // (2 * tokens),
        )  # fmt: skip

    def compute(device: str, start: int, stop: int, size: int) -> None:
        if size == encoder_bytes(job.model, work.images, work.image_size):
            add_encoder(ledger, device, job.model, work.images, work.image_size)
            return
        within = [group for group in job.model.layers for index in group.indices if start <= index < stop]
        passing = max([passing_bytes(group, job) for group in within], default=0)
        scratch = max([layer_scratch(group, job) for group in within], default=0)
        head = "the head's matrix in 16 bits" if size - passing > scratch else "the largest module's scratch"
        ledger.add_sum(
            "compute", device, "activations of a chunk", size, SOURCES.compute,
            f"{head}, and a chunk's queries, keys and values", scratch_bytes=size - passing, passing_bytes=passing,
        )  # fmt: skip

    account_layers(job, estimate, ledger, SOURCES, caches, compute)
