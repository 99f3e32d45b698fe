"""Terms of an estimate for ExLlamaV2."""

from __future__ import annotations

from vramfit.engines.exllama import Sources, account_layers, name_of
from vramfit.engines.exllamav2.estimate import cache_bytes, unpacked_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.terms import Ledger

EXLLAMA = "turboderp-org/exllamav2 da07fac"
SOURCES = Sources(
    f"{EXLLAMA} exllamav2/model.py",
    f"{EXLLAMA} exllamav2/cache.py",
    f"{EXLLAMA} exllamav2/mlp.py scratch_space_fixed",
    "the largest module's scratch and a chunk's queries, keys and values, or the vision encoder's",
    f"{EXLLAMA} exllamav2/model.py embed_cpu",
)


def account(job: Job[None, None], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms to the ledger: weights, caches of each group of layers, scratch, and workspaces."""
    work, kind = job.workload, job.workload.kv_cache_type

    def caches(device: str, start: int, stop: int) -> None:
        within = [group for group in job.model.layers for index in group.indices if start <= index < stop]
        for group in job.model.layers:
            count = within.count(group)
            each = sum([cache_bytes(mixer, job) for mixer in group.mixers])
            kinds = " and ".join([name_of(mixer) for mixer in group.mixers])
            ledger.add(
                "kv_cache", device, f"cache, {kinds}", "layers x sequences x tokens x widths x bits / 8",
                count * each, SOURCES.cache, layers=count, sequences=work.parallel, context=work.context, type=kind,
            )  # fmt: skip
        unpacked = "K and V of all tokens of one layer in 16 bits"
        ledger.add("kv_cache", device, "unpacked cache", unpacked, unpacked_bytes(within, job), SOURCES.cache)

    account_layers(job, estimate, ledger, SOURCES, caches)
