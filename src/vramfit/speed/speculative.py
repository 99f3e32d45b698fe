"""Gain of speculative decoding: tokens of a step, against the time that drafting and checking them takes.

A step drafts ``n`` tokens, each by a pass of the draft, and checks them by one pass of the model over ``n + 1`` tokens.
Where a drafted token is accepted with probability ``a`` if those before it were, a step yields ``1 + a + … + a^n`` tokens
(Leviathan et al. 2023, arXiv:2211.17192, equation 1). The pass reads the model's weights once, whatever ``n``; of a
mixture it reads the experts of all tokens, and the arithmetic of the tokens comes on top.
"""

from __future__ import annotations

from math import exp, log, sqrt

from vramfit._record import replace
from vramfit.engines.interface import Deployment
from vramfit.speed.decode import experts_widened, matrix_seconds, shape, step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate

ACCEPTED = {"mtp": 0.75, "eagle3": 0.7, "draft": 0.65}
"""Probability that a drafted token is accepted if those before it were. Prediction heads: 53 rows of Qwen3.8 27B, whose
aggregates are 0.72 to 0.80 of two to three drafted tokens and 0.55 to 0.69 of four, prose at the lower and code at the
upper end (sudoingX/qwen38-mtp README.md, August 2026). Draft models and EAGLE-3 heads vary more with the pair."""

SPREAD = {"mtp": (0.72, 1.3), "eagle3": (0.65, 1.35), "draft": (0.6, 1.4)}
"""Lowest and highest gain as shares of the expected one: the text decides how much is accepted. Of the same 53 rows, with
gains of 0 to 145 %, nine in ten lie within the first pair (tests/speed/test_speculative.py)."""

SMALL_BATCH = 4.0
"""Ratio of the time that kernels take for a token of a small batch to that in a large one. With it the median of the same
rows is as measured; single cards spend from twice (RTX 5090) to eight times (RTX 3090) the arithmetic of prompts on it."""

UNKNOWN_SHARE = 0.15
"""Share of the model's pass that a drafted token costs where the arithmetic rate of the card is not known."""


def tokens_of_step(method: str, drafted: int) -> float:
    """Expected number of tokens that a step yields for ``drafted`` tokens ahead, at least 1 and at most one more."""
    accepted = ACCEPTED[method]
    return (1 - accepted ** (drafted + 1)) / (1 - accepted)


def with_drafts(
    deployment: Deployment, estimate: Estimate, terms: tuple[float, ...], spread: tuple[float, float]
) -> tuple[float, tuple[float, float]]:
    """Tokens per second of a sequence, and its low and high bound as factors.

    ``terms`` are the seconds of a pass of the model for one token, and ``spread`` the bounds of its speed.
    """
    work = deployment.workload
    method, drafted = work.speculative or "draft", work.speculative_tokens or 0
    seconds = _checking_seconds(deployment, terms, drafted) + drafted * _draft_seconds(deployment, estimate, terms)
    low, high = SPREAD[method]
    bounds = (
        exp(-sqrt(log(low) ** 2 + log(spread[0]) ** 2)),
        exp(sqrt(log(high) ** 2 + log(spread[1]) ** 2)),
    )
    return tokens_of_step(method, drafted) / seconds, bounds


def _checking_seconds(deployment: Deployment, terms: tuple[float, ...], drafted: int) -> float:
    """Seconds of a pass of the model over a token and its drafts, for every sequence."""
    found, sequences = shape(deployment.model), deployment.workload.parallel
    bus, compute, launches, links, ram, link, disk = terms
    before = experts_widened(found.experts_share, sequences)
    widened = experts_widened(found.experts_share, sequences * (1 + drafted)) / before
    arithmetic = matrix_seconds(deployment, sequences * drafted)
    more = sum(terms) * UNKNOWN_SHARE * drafted if arithmetic is None else arithmetic * SMALL_BATCH
    bus += bus * found.experts_weight * (widened - 1)
    return bus + compute + more + launches + links + ram * widened + link + disk * widened


def _draft_seconds(deployment: Deployment, estimate: Estimate, terms: tuple[float, ...]) -> float:
    """Seconds of one pass of the draft; a head reads the output matrix of the model besides its own tensors."""
    from vramfit.engines.speculative import Draft

    draft, work = deployment.workload.draft, deployment.workload
    if not isinstance(draft, Draft) or estimate.draft is None:
        return 0.0
    own = estimate.draft
    if draft.method == "mtp" and not draft.model.mtp_embeddings:
        rows = {row.tensor.name: row.total_bytes for row in deployment.checkpoint.stored if not row.layers}
        head = rows.get("output.weight", rows.get("token_embd.weight", 0))
        last = own.gpus[-1]
        own = replace(own, gpus=(*own.gpus[:-1], replace(last, read_bytes=last.read_bytes + head)))
    plain = replace(work, speculative=None, speculative_tokens=None, draft=None)
    alone = step(Deployment(deployment.gpus, draft.checkpoint, deployment.engine, plain), own)
    return sum(terms) * UNKNOWN_SHARE if alone is None else sum(alone)
