"""The static share as a limit: of what is free, filled whole, and stretched for a single request."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit._record import replace
from vramfit.engines.sglang.static import Rank, StaticPool

RANK = Rank(100, 4000, 1000, 0, 500)
"""100 before, weights of 4,000, a cache of 1,000, and 500 after."""


def pool(share: float, *ranks: Rank, context: tuple[int, ...] = (), **keys: Any) -> StaticPool:
    """A pool of some ranks whose context, if any, is in what is outside."""
    outside = [rank.before_bytes + rank.after_bytes for rank in ranks]
    outside = [own + more for own, more in zip(outside, context or (0,) * len(ranks), strict=True)]
    return StaticPool(share, tuple(outside), False, True, context, ranks=ranks, **keys)


@pytest.mark.parametrize(
    ("static", "share", "rank", "offered", "reserve", "context"),
    [
        # 10,000 less 100 are free before it loads.
        (4950, 0.5, RANK, 10_000, 0, ()),
        (4900, 0.5, RANK, 10_000, 100, ()),
        (4750, 0.5, RANK, 10_000, 0, (400,)),
        (4940, 0.5, replace(RANK, kept_bytes=10), 10_000, 0, ()),
        (4300, 0.5, replace(RANK, most_cache_bytes=300), 10_000, 0, ()),
        (0, 0.5, RANK, 50, 0, ()),
    ],
)
def test_static_bytes(
    static: int, share: float, rank: Rank, offered: int, reserve: int, context: tuple[int, ...]
) -> None:
    """A share of what is free, less what is kept of it."""
    found = pool(share, rank, context=context)
    assert (static,) == found.static_bytes([offered], reserve)
    assert (max(0, static - 4000),) == found.pool_bytes([offered], reserve)
    assert (static + 600 + sum(context),) == found.limits([offered], reserve)


@pytest.mark.parametrize(
    ("short", "share", "offered", "reserve"),
    [
        (0, 0.5, 10_000, 0),
        # Weights of 4,000 need a byte more than themselves.
        (1, 0.5, 8100, 0),
        (0, 0.5, 8102, 0),
        (251, 0.5, 8100, 500),
        # 500 after do not fit into 0.04 of 9,900.
        (104, 0.96, 10_000, 0),
        (0, 0.94, 10_000, 0),
    ],
)
def test_short_bytes(short: int, share: float, offered: int, reserve: int) -> None:
    """For the weights in the share, or for the rest beside it."""
    found = pool(share, RANK)
    assert short == found.short_bytes([offered], reserve)
    assert short == pool(share, RANK, RANK).short_bytes([10**9 if share <= 0.5 else offered, offered], reserve)


def test_reasons() -> None:
    """Each in the engine's words, with the number to write."""
    low = pool(0.4, RANK).reason("SGLang", [10_000], 0)
    assert low == (
        "SGLang refuses to start: the weights leave no memory for the cache at --mem-fraction-static 0.4; it must be above"
        " 0.404"
    )
    high = pool(0.96, RANK).reason("SGLang", [10_000], 0)
    assert high.startswith("SGLang gives 96.0% of the free memory to weights and cache")
    assert high.endswith("lower --mem-fraction-static or --chunked-prefill-size")


@pytest.mark.parametrize(
    ("expected", "limit", "usable", "total", "one"),
    [
        # A need of 5,600, of which 1,000 are the cache.
        (5600, 5000, 10_000, 5600, True),
        (5600, 5000, 5600, 5600, True),
        (5000, 5000, 5599, 5600, True),
        (5000, 5000, 10_000, 5600, False),
        (6000, 6000, 10_000, 5600, True),
        # No token fits beside the weights.
        (4600, 4600, 10_000, 5600, True),
        (5600, 4601, 10_000, 5600, True),
    ],
)
def test_stretched(expected: int, limit: int, usable: int, total: int, one: bool) -> None:
    """One request may need more than the share has, if the card has it."""
    assert expected == pool(0.5, RANK, one_request=one).stretched(limit, usable, total, 1000)


def test_shares_that_hold_and_leave() -> None:
    """The least for all requests, rounded up, and the most beside which the rest fits, rounded down."""
    found = pool(0.5, RANK)
    assert 0.506 == found.least_share([10_000], 0)  # 5,000 of 9,900
    assert 0.949 == found.most_share([10_000], 0)  # 500 of 9,900
    assert 0.99 == found.least_share([3000], 0)
    assert 0.0 == found.most_share([500], 0)
    two = pool(0.5, RANK, replace(RANK, weights_bytes=5000, after_bytes=900))
    assert (0.607, 0.909) == (two.least_share([10_000, 10_000], 0), two.most_share([10_000, 10_000], 0))
