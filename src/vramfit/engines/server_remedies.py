"""Settings of servers to try as remedies, in the words of their own flags; loaded only where a deployment does not fit."""

from __future__ import annotations

from vramfit.engines.interface import Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.engines.base import Engine
    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.servers import ServerKeys

LEAST_STEP_TOKENS = 512
"""Number of tokens of the smallest step that a remedy proposes."""
LEAST_REQUESTS = 8
"""Smallest number of requests at once that a remedy proposes, unless fewer are asked."""
LEAST_SHARE = 0.3
"""Smallest share of a card that a remedy proposes where no more of it is free."""
OF_CARD = "of the card"


def settings(
    runtime: Engine[object, object],
    deployment: Deployment,
    estimate: Estimate,
    shares: tuple[float, ...],
    of: str = OF_CARD,
) -> Iterator[Setting]:
    """Settings in order: another share (one of ``shares``, of what ``of`` says), fewer requests, no graphs, smaller steps.

    Where not the whole share is free at the start, a smaller one comes first. A mixture over several GPUs may have whole
    experts on each.
    """
    keys: ServerKeys = deployment.workload.own  # type: ignore[assignment]
    name, decided = runtime.name, estimate.settings
    yield from _free_share(runtime, deployment, estimate)
    share = decided.get("gpu_memory_utilization")
    for step in shares:
        if isinstance(share, float) and share < step:
            summary = f"let {name} take {step:.0%} {of} instead of {share:.0%}"
            yield Setting({"gpu_memory_utilization": step}, summary, "less is left for other programs on the card", 1)
    yield from _fewer_requests(decided.get("max_num_seqs"), max(LEAST_REQUESTS, deployment.workload.parallel))
    if deployment.model.has_experts and decided.get("tensor_parallel") != 1 and not keys.expert_parallel:
        summary = "keep whole experts on each GPU instead of a part of each (expert parallel)"
        yield Setting({"expert_parallel": True}, summary, "GPUs wait for the one whose experts are asked most", 1)
    if not keys.enforce_eager:
        trade = "decoding is slower without CUDA graphs, most of all for small models"
        yield Setting({"enforce_eager": True}, f"run {name} without CUDA graphs", trade, 2)
    tokens = decided.get("max_batched_tokens")
    while isinstance(tokens, int) and tokens >= 2 * LEAST_STEP_TOKENS:
        tokens //= 2
        summary = f"process {tokens:,} tokens per step at most"
        yield Setting({"max_batched_tokens": tokens}, summary, "prompts are processed more slowly", 2)


def _fewer_requests(most: object, least: int) -> Iterator[Setting]:
    """Halves of the number of requests at once, down to ``least``: fewer rows to sample, fewer graphs and states."""
    while isinstance(most, int) and most // 2 >= least:
        most //= 2
        summary = f"process {most:,} requests at once at most"
        yield Setting({"max_num_seqs": most}, summary, "more of them than that queue", 1)


def _free_share(runtime: Engine[object, object], deployment: Deployment, estimate: Estimate) -> Iterator[Setting]:
    """Largest share in whole percents that is free on every GPU, where the asked one is not and the server looks."""
    pool, work = estimate.pool, deployment.workload
    if pool is None or not pool.must_be_free:
        return
    offered = runtime.offered_on(deployment.gpus, work)
    if not pool.short_bytes(offered, work.reserve_bytes):
        return
    free = pool.free_bytes(offered, work.reserve_bytes)
    share = min([100 * left // size for left, size in zip(free, offered, strict=True)]) / 100
    if LEAST_SHARE <= share < pool.share:
        summary = f"let {runtime.name} take {share:.0%} of the card, which is free, instead of {pool.share:.0%}"
        yield Setting({"gpu_memory_utilization": share}, summary, "a smaller cache: more requests queue", 1)


def divisions(estimate: Estimate) -> Iterator[Setting]:
    """Other divisions of the model over the same GPUs: layers split over fewer of them, in more stages, or over more."""
    count, now = len(estimate.gpus), estimate.settings["tensor_parallel"]
    for ranks in range(count, 0, -1):
        if count % ranks or ranks == now:
            continue
        stages = count // ranks
        changes = {"tensor_parallel": ranks, "pipeline_parallel": stages}
        if stages == 1:
            yield Setting(changes, f"split each layer over all {count} GPUs", "the GPUs sum twice per layer", 1)
        else:
            each = "a GPU each" if ranks == 1 else f"{ranks} GPUs each"
            trade = "a request passes through the stages one after another"
            yield Setting(changes, f"divide the layers into {stages} stages of {each}", trade, 1)
