"""Limits: the largest context and number of sequences that a report states are asked for, and one more of each is not met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.properties.asked import Violation
from vramfit.checks import checked
from vramfit.engines.keys import parse_request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from tests.properties.asked import Asker, Raw

MOST_PARALLEL = 4096
"""Number of sequences up to which a report looks."""


def missed(raw: Raw, asker: Asker, rng: Random) -> Iterator[Violation]:
    """Limits that are refused or do not reach the level, and limits that are not the largest."""
    found = asker.one(raw)
    if found is None:
        return
    limits = checked(parse_request(raw), found).limits
    if limits is None:
        return
    work, model = found.deployment.workload, found.deployment.model
    if work.task != "inference":
        pairs = (("sequence_length", limits.max_context, 2**20), ("micro_batch", limits.max_parallel, MOST_PARALLEL))
    else:
        pairs = (
            ("context", limits.max_context, max(model.context, work.context)),
            ("parallel", limits.max_parallel, MOST_PARALLEL),
        )
    for key, limit, most in pairs:
        if limit:
            at_limit = asker.answers({**raw, key: limit})
            if not isinstance(at_limit, tuple):
                yield Violation(f"{key}: refused at the limit", raw, {key: limit}, str(at_limit))
            elif not at_limit[0].reached:
                yield Violation(f"{key}: missed at the limit", raw, {key: limit}, at_limit[0].verdict.word)
        if limit < most:
            beyond = asker.one({**raw, key: limit + 1})
            if beyond is not None and beyond.reached:
                yield Violation(f"{key}: reached beyond the limit", raw, {key: limit + 1}, beyond.verdict.word)
