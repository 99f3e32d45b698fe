"""Service of an SGLang server with the memory it has: tokens of its cache, requests at once, and prompts it rejects."""

from __future__ import annotations

from vramfit.engines.distributed import stage_layers
from vramfit.engines.interface import Job, Serving, Setting
from vramfit.engines.sglang.cache import Capacity, capacity
from vramfit.engines.sglang.estimate import DRAFT_REQUESTS, Plan, rank_cells
from vramfit.engines.sglang.layout import stage_of
from vramfit.engines.sglang.overhead import LEAST_REQUESTS, MOST_REQUESTS
from vramfit.engines.sglang.static import StaticPool
from vramfit.engines.support import without_bfloat16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.sglang import Cards, SGLang, SGLangKeys

REQUESTS_PER_CONTEXT = 512
"""Requests that a server prepares for with a cache of one context (``resolve_max_num_reqs``)."""
ON_TURING = (
    "it is not certain that SGLang starts on Turing: its check lets compute capability 7.5 pass, and the wheel of sglang-kernel"
    " 0.4.10 has no code for it (sgl-project/sglang issues 17333, 24224, 38515)"
)


def serving(runtime: SGLang, deployment: Deployment, estimate: Estimate) -> Serving | None:
    """Describe what the server's cache holds over all copies, and how many requests it takes at once."""
    cached = copy_capacity(runtime, deployment, estimate)
    made, pool = estimate.plan, estimate.pool
    if cached is None or not isinstance(made, Plan) or not isinstance(pool, StaticPool):
        return None
    work, copies = deployment.workload, made.spread.copies
    offered = runtime.offered_on(deployment.gpus, work)
    short = pool.short_bytes(offered, work.reserve_bytes)
    refusal = pool.reason(runtime.title, offered, work.reserve_bytes) if short else None
    if refusal is not None:
        cached = Capacity(0, 0.0)
    return Serving(
        cached.tokens * copies,
        round(cached.requests * copies, 2),
        _most_requests(runtime.own_keys(work), cached, deployment, copies),
        refusal is None,
        refusal,
    )


def copy_capacity(runtime: SGLang, deployment: Deployment, estimate: Estimate) -> Capacity | None:
    """Tokens and requests that the cache of one copy of the attention layers holds: the least of its ranks."""
    made, pool = estimate.plan, estimate.pool
    if not isinstance(made, Plan) or not isinstance(pool, StaticPool):
        return None
    work = deployment.workload
    view = runtime.view(deployment.gpus, work)
    job: Job[Cards, SGLangKeys] = Job(deployment.checkpoint, work, view.traits, len(deployment.gpus))
    spans = stage_layers(deployment.model.layer_count, made.spread.stages)
    offered = runtime.offered_on(deployment.gpus, work)
    least: Capacity | None = None
    for number, size in enumerate(pool.pool_bytes(offered, work.reserve_bytes)):
        found = capacity(rank_cells(job, made, spans[stage_of(made.spread, number)]), size, made.demand)
        if least is None or found.tokens < least.tokens:
            least = found
    return least


def remarks(runtime: SGLang, deployment: Deployment, estimate: Estimate) -> tuple[str, ...]:
    """Warnings of a card that the kernels leave out, and of a pool that is smaller than one request of the asked context."""
    early = any(without_bfloat16(gpu) for gpu in deployment.gpus)
    return (*((ON_TURING,) if early else ()), *_small_pool(runtime, deployment, estimate))


def _small_pool(runtime: SGLang, deployment: Deployment, estimate: Estimate) -> tuple[str, ...]:
    """Warning where the pool is smaller than one request of the asked context; empty where it is not."""
    cached = copy_capacity(runtime, deployment, estimate)
    work = deployment.workload
    if cached is None or work.parallel > 1 or cached.requests >= 1 or not cached.tokens:
        return ()
    share = estimate.settings["gpu_memory_utilization"]
    found = f"at a static share of {share:g} SGLang starts with a cache of {cached.tokens:,} tokens and rejects longer prompts"
    raised = raised_share(runtime, deployment, estimate)
    return (
        found if raised == share else f"{found}; the command raises it to {raised:g}, which holds {work.context:,}",
    )


def raised_share(runtime: SGLang, deployment: Deployment, estimate: Estimate) -> float:
    """Static share for the command: SGLang's own or the stated one, and more where SGLang's holds less than one request.

    It is not raised where the card has no memory for the request at all.
    """
    share, pool, work = estimate.settings["gpu_memory_utilization"], estimate.pool, deployment.workload
    if not isinstance(share, float) or not isinstance(pool, StaticPool):
        raise AssertionError("an estimate for SGLang has a static share")
    if runtime.own_keys(work).gpu_memory_utilization is not None or not pool.one_request:
        return share
    offered = runtime.offered_on(deployment.gpus, work)
    least = pool.least_share(offered, work.reserve_bytes)
    starts = not pool.short_bytes(offered, work.reserve_bytes)
    holds = share < least <= pool.most_share(offered, work.reserve_bytes)
    return least if starts and holds else share


def settings_of_share(runtime: SGLang, deployment: Deployment, estimate: Estimate) -> Iterator[Setting]:
    """Settings of a share that holds the asked requests, or that leaves enough for the rest of the server."""
    pool, work = estimate.pool, deployment.workload
    share = estimate.settings["gpu_memory_utilization"]
    if not isinstance(pool, StaticPool) or not isinstance(share, float):
        return
    offered = runtime.offered_on(deployment.gpus, work)
    least, most = pool.least_share(offered, work.reserve_bytes), pool.most_share(offered, work.reserve_bytes)
    if share < least <= most:
        summary, trade = (
            f"let sglang take {least:.1%} of the card instead of {share:.1%}",
            "less is left for activations",
        )
        yield Setting({"gpu_memory_utilization": least}, summary, trade, 1)
    elif least <= most < share:
        summary, trade = f"leave sglang {most:.1%} of the card instead of {share:.1%}", "the cache holds fewer requests"
        yield Setting({"gpu_memory_utilization": most}, summary, trade, 1)


def _most_requests(keys: SGLangKeys, cached: Capacity, deployment: Deployment, copies: int) -> int | None:
    """Largest number of requests that run at once: the stated one, or as many as SGLang prepares for; None without cache."""
    stated = keys.max_num_seqs
    if stated is None and deployment.workload.draft is not None:
        stated = DRAFT_REQUESTS
    if stated is not None:
        return stated
    if not cached.tokens:
        return None
    usual = int(cached.tokens / deployment.workload.context * REQUESTS_PER_CONTEXT)
    return copies * min(max(min(usual, MOST_REQUESTS), LEAST_REQUESTS), cached.tokens // 2)
