"""Terms of an estimate for ExLlamaV3."""

from __future__ import annotations

from vramfit.engines.exllama import Sources, account_layers, name_of
from vramfit.engines.exllamav3.estimate import cache_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.exllamav3 import ExLlamaKeys
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.terms import Ledger

EXLLAMA = "turboderp-org/exllamav3 4f8ad01"
SOURCES = Sources(
    f"{EXLLAMA} exllamav3/modules",
    f"{EXLLAMA} exllamav3/cache",
    f"{EXLLAMA} generator/generator.py",
    "one layer's results and one matrix unpacked to 16 bits, or the vision encoder's",
    f"{EXLLAMA} modules/embedding.py prefer_cpu",
)


def account(job: Job[None, ExLlamaKeys], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms to the ledger: weights, caches of each group of layers, activations of a chunk, and workspaces."""
    if estimate.draft is not None:
        from vramfit.engines import speculative
        from vramfit.engines.exllamav3.speculative import SOURCE

        speculative.account(job, estimate, ledger, account, SOURCE)
        return
    work = job.workload

    def caches(device: str, start: int, stop: int) -> None:
        for group in job.model.layers:
            count = len([index for index in group.indices if start <= index < stop])
            each = sum([cache_bytes(mixer, job) for mixer in group.mixers])
            kinds = " and ".join([name_of(mixer) for mixer in group.mixers])
            ledger.add(
                "kv_cache", device, f"cache, {kinds}", "layers x sequences x pages x 256 tokens x widths x bits / 8",
                count * each, SOURCES.cache, layers=count, sequences=work.parallel, context=work.context,
                type_k=work.kv_cache_type, type_v=work.kv_cache_type_v,
            )  # fmt: skip

    account_layers(job, estimate, ledger, SOURCES, caches)
