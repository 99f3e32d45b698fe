"""Static share of the card in releases of SGLang before 0.5.3, which did not compute it from steps and graphs.

Wheels 0.4.3.post4, 0.4.6.post5, 0.4.7, 0.4.8.post1, 0.5.0rc0, 0.5.1.post3 and 0.5.2, ``srt/server_args.py``.
"""

from __future__ import annotations

from vramfit.units import GIB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.sglang.share import Spread

BY_RANKS = ((16, 0.79), (8, 0.81), (4, 0.85), (2, 0.87), (1, 0.88))
"""Static share by the least number of ranks, until 0.4.7."""
USUAL_BYTES = 81_920 * MIB
"""Memory above which the number of ranks does not count in 0.4.6 and 0.4.7."""
LARGE_BYTES, LARGE_KEPT_BYTES = 96 * GIB, 18 * GIB
LARGE_GAIN_BYTES = 48 * GIB
"""Memory above which more is given in 0.4.6 and 0.4.7, the bytes kept back there at least, and the bytes whose reserve the
rest is thought of as."""
HUGE_BYTES, HUGE_SHARE = 180_000 * MIB, 0.79
"""Memory above which 0.4.7 gives a fixed share."""
SPECULATIVE_FACTOR = 0.95
RESERVES = (
    (35 * GIB, 2.8, 0.1),
    (90 * GIB, 9.5, 0.5),
    (160 * GIB, 12.0, 0.5),
    (None, 32.0, 0.0),
)
"""Reserves of 0.4.8 to 0.5.2: upper limit of the memory, GiB kept back, and GiB for each rank."""


def early_share(memory_bytes: int, ranks: int, speculative: str | None, release: tuple[int, ...]) -> float:
    """Static share of the releases until 0.4.7, by the number of ranks."""
    by_ranks = next(share for least, share in BY_RANKS if ranks >= least)
    if release < (0, 4, 5):
        return by_ranks
    share = by_ranks if memory_bytes <= USUAL_BYTES else BY_RANKS[-1][1]
    newer = release >= (0, 4, 7)
    if newer and memory_bytes > HUGE_BYTES:
        return HUGE_SHARE
    if memory_bytes > LARGE_BYTES:
        kept = LARGE_KEPT_BYTES + (2 * GIB if newer and speculative is not None else 0)
        more = share + LARGE_GAIN_BYTES * (1 - share) / memory_bytes
        return round(min(more, (memory_bytes - kept) / memory_bytes), 4)
    return round(share * SPECULATIVE_FACTOR, 4) if newer and speculative is not None else share


def fixed_reserve_bytes(memory_bytes: int, spread: Spread, speculative: str | None) -> int:
    """Bytes that 0.4.8 to 0.5.2 leave out for activations and CUDA graphs."""
    reserved = 0.0
    for limit, fixed, each in RESERVES:
        if limit is None or memory_bytes < limit:
            reserved = fixed + each * spread.width * spread.stages
            break
    if speculative is not None:
        reserved += 6 if speculative == "draft" else 2
    if spread.attention_copies > 1:
        reserved += 4
    return round(reserved * GIB)
