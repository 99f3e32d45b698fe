"""Processing of the prompt, which arithmetic decides rather than memory."""

from __future__ import annotations

from vramfit.engines import engine
from vramfit.speed.decode import (
    HOST_COPY_BYTES_PER_SECOND,
    attention_operations,
    copies_of,
    matrix_rates,
    matrix_seconds,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.profile import SpeedProfile

PREFILL_BUS_SHARE = 0.85
"""Share of the bus that is reached while all weights are read once per pass; set by hand."""
RANKS_SHARE = 0.85
"""Share of the ideal gain of ranks that work at the same time; set by hand."""


def seconds(deployment: Deployment, estimate: Estimate, tokens: int) -> tuple[float, float, float, float] | None:
    """Seconds for a prompt of ``tokens``, by what they wait for: compute, memory bandwidth, interconnect, PCIe.

    None where nothing is generated or embedded, or where a card's arithmetic or memory rate is unknown.
    """
    model, work = deployment.model, deployment.workload
    if work.task != "inference" or not model.layers:
        return None
    asked = engine(deployment.engine)
    profile = asked.speed()
    matrix, rates = matrix_seconds(deployment, tokens), matrix_rates(deployment)
    if matrix is None or rates is None or any(gpu.bandwidth_bytes_per_second is None for gpu in deployment.gpus):
        return None
    gpu = deployment.gpus[0]
    attention_share = _attention_share(profile, gpu.vendor, work.flash_attention)
    # A token looks back on half of the prompt on average.
    attention = tokens * attention_operations(model, max(1, tokens // 2)) / (min(rates) * attention_share)
    chunk = min(tokens, asked.chunk_tokens(work, estimate) or tokens)
    chunks = -(-tokens // chunk)
    weights = 0.0
    for card, memory in zip(deployment.gpus, estimate.gpus, strict=True):
        bus = (card.bandwidth_bytes_per_second or 1) * PREFILL_BUS_SHARE
        weights += chunks * memory.weights_bytes / bus
    compute, links = matrix + attention, 0.0
    ranks = asked.ranks(deployment, estimate)
    if ranks > 1:
        compute, weights = compute / (ranks * RANKS_SHARE), weights / ranks
        link = gpu.nvlink_bytes_per_second or gpu.host_link_bytes_per_second
        if link is not None:
            moved = 2 * model.layer_count * tokens * model.hidden * 2 * 2 * (ranks - 1) / ranks
            links = moved / link
    elif len(deployment.gpus) > copies_of(estimate):
        # Chunks follow each other through the cards of one copy like through a pipeline.
        cards = len(deployment.gpus) // copies_of(estimate)
        gained = (cards * chunks / (cards + chunks - 1)) ** profile.pipeline_exponent / (1 + profile.pipeline_cost)
        compute, weights = compute / gained, weights / gained
    pcie = 0.0
    if estimate.streamed_bytes:
        pcie = estimate.streamed_bytes / HOST_COPY_BYTES_PER_SECOND
    elif estimate.host.read_bytes and chunk >= profile.least_copied_tokens and not gpu.unified:
        embedding = model.vocab * model.hidden * _bytes_per_weight(deployment, estimate)
        pcie = chunks * max(0.0, estimate.host.weights_bytes - embedding) / HOST_COPY_BYTES_PER_SECOND
    return compute, weights, links, pcie


def _attention_share(profile: SpeedProfile, vendor: str, flash: bool) -> float:
    """Rate of attention's arithmetic, as a share of that of the matrices."""
    usual = profile.attention_share[""] if flash or profile.unfused is None else profile.unfused.attention_share
    return profile.attention_share.get(vendor, usual)


def _bytes_per_weight(deployment: Deployment, estimate: Estimate) -> float:
    return estimate.checkpoint_bytes / deployment.model_parameters
