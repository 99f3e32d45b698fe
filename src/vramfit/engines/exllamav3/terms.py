"""Terms of an estimate for ExLlamaV3."""

from __future__ import annotations

from vramfit.engines.cache_terms import add_cache
from vramfit.engines.compute_terms import add_encoder, add_layer, add_unpacked
from vramfit.engines.exllama import CHUNK, Sources, account_layers, name_of
from vramfit.engines.exllamav3.estimate import BITS, GROUP, PAGE, SCALE_BYTES, cache_bytes
from vramfit.memory.activations import peak_bytes
from vramfit.memory.vision import encoder_bytes

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
    f"{EXLLAMA} modules/embedding.py prefer_cpu",
)


def account(job: Job[None, ExLlamaKeys], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms to the ledger: weights, caches of each group of layers, activations of a chunk, and workspaces."""
    if estimate.draft is not None:
        from vramfit.engines import speculative
        from vramfit.engines.exllamav3.speculative import SOURCE

        speculative.account(job, estimate, ledger, account, SOURCE)
        return
    work, model = job.workload, job.model
    bits = _bits(work.kv_cache_type), _bits(work.kv_cache_type_v)

    def caches(device: str, start: int, stop: int) -> None:
        tokens = -(-work.context // PAGE) * PAGE
        for group in model.layers:
            count = len([index for index in group.indices if start <= index < stop])
            for mixer in group.mixers:
                cache = mixer.cache((0,), model.hidden)
                if cache is not None:
                    size = count * cache_bytes(mixer, job)
                    add_cache(
                        ledger, device, f"cache, {name_of(mixer)}", cache, count, work.parallel, size, SOURCES.cache,
                        tokens, bits,
                    )  # fmt: skip

    def compute(device: str, _start: int, _stop: int, size: int) -> None:
        if size == encoder_bytes(model, work.images, work.image_size):
            add_encoder(ledger, device, model, work.images, work.image_size)
            return
        tokens = min(CHUNK, work.context)
        peak = peak_bytes(model, tokens, flash_attention=True, sequence=tokens)
        add_layer(ledger, device, model, tokens, tokens, peak, SOURCES.compute)
        add_unpacked(ledger, device, (size - peak) // 2, SOURCES.weights)

    account_layers(job, estimate, ledger, SOURCES, caches, compute)


def _bits(kind: str) -> float:
    """Bits of an element of a cache type, its share of a group's scale included."""
    return BITS[kind] + 8 * SCALE_BYTES / GROUP if kind in BITS else 16
