"""Terms of an estimate for SGLang, whose layers come from vLLM."""

from __future__ import annotations

from vramfit.engines.distributed import layout, stage_layers
from vramfit.engines.sglang.estimate import sizes
from vramfit.engines.vllm.kv_cache import kinds
from vramfit.engines.vllm.terms import account_overhead, account_step, account_weights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.sglang import Cards
    from vramfit.engines.terms import Ledger


def account(job: Job[Cards, ServerKeys], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms of each rank to the ledger."""
    if estimate.draft is not None:
        from vramfit.engines import speculative
        from vramfit.engines.vllm.speculative import SOURCE

        speculative.account(job, estimate, ledger, account, SOURCE)
        return
    ranks, count = layout(job)
    tokens = job.keys.max_batched_tokens or sizes(job.traits.memory_bytes, ranks)[0]
    for number, gpu in enumerate(estimate.gpus):
        layers = stage_layers(job.model.layer_count, count)[number // ranks]
        account_weights(job, ledger, gpu.device, gpu.weights_bytes, ranks, count, layers)
        found = [
            f"{kind.layers} x {kind.kind}, {kind.token_bytes} B"
            for kind in kinds(job.model, job.workload, ranks, layers)
        ]
        ledger.add(
            "kv_cache", gpu.device, "token pool", "sequences x layers x tokens kept x bytes of a token", gpu.kv_cache_bytes,
            "SGLang 0.5.23 srt/mem_cache", layers=found, sequences=job.workload.parallel, context=job.workload.context,
        )  # fmt: skip
        account_step(job, ledger, gpu.device, gpu.compute_bytes, tokens)
        account_overhead(job, ledger, gpu.device, ranks, layers)
