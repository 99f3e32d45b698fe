"""Searches for the largest number that still fits: of tokens, sequences, or layers on a GPU."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


STRAIGHT_STEPS = 2
"""Number of steps in which a search takes its curve for a straight line, which is solved exactly by then."""
CELLS = 256
"""Memory is often taken for so many tokens at once, so that it changes behind a multiple of them."""


def largest(margin: Callable[[int], int], low: int, high: int, known: tuple[int, int] | None = None) -> int:
    """Find the largest ``n`` in ``low..high`` with ``margin(n) >= 0``; ``low - 1`` when there is none.

    ``margin`` falls as ``n`` grows; ``known`` is an ``n`` in the range with its margin, which saves asking. The search
    interpolates (memory is close to linear in tokens and layers) and bisects every third step, so that a kinked curve
    cannot make it slow. Where a straight line does not do, it asks for the roundest number near by, and then for the one
    behind it: curves that rise in steps have their edges there.
    """
    if known is not None and known[1] < 0:
        high, at_high = known
    else:
        at_high = known[1] if known is not None and known[0] == high else margin(high)
        if at_high >= 0:
            return high
    if known is not None and known[1] >= 0:
        bottom, at_low = known
    else:
        bottom, at_low = low, at_high if low == high else margin(low)
        if at_low < 0:
            return low - 1
    step, behind = 0, False
    while high - bottom > 1:
        if behind and step >= STRAIGHT_STEPS:
            middle, behind = bottom + 1, False
        else:
            step, behind = step + 1, True
            middle = (bottom + high) // 2
            if step % 3:
                middle = bottom + (high - bottom) * at_low // (at_low - at_high)
            middle = min(max(middle, bottom + 1), high - 1)
            if step > STRAIGHT_STEPS:
                near = min((high - bottom) // 4, CELLS)
                middle = _roundest(max(middle - near, bottom + 1), min(middle + near, high - 1))
        found = margin(middle)
        if found >= 0:
            bottom, at_low = middle, found
        else:
            high, at_high, behind = middle, found, False
    return bottom


def _roundest(low: int, high: int) -> int:
    """Multiple of the largest power of two in ``low..high``."""
    power = 1
    while 2 * power <= high and high // (2 * power) * 2 * power >= low:
        power *= 2
    return high // power * power


def largest_in_pieces(margin: Callable[[int], int], setting: Callable[[int], object], low: int, high: int) -> int:
    """Find what ``largest`` finds where a setting follows ``n``, so that ``margin`` falls only while ``setting(n)`` is equal.

    Places at which the setting changes are found between powers of two, one for each.
    """
    bounds, start = [], low
    while start < high:
        stop = min(2 * start, high)
        before = setting(start)
        if setting(stop) != before:
            first, other = start, stop
            while other - first > 1:
                middle = (first + other) // 2
                if setting(middle) == before:
                    first = middle
                else:
                    other = middle
            bounds.append(other)
        start = stop
    end = high
    for begin in (*reversed(bounds), low):
        if end >= begin and margin(begin) >= 0:
            return largest(margin, begin, end)
        end = begin - 1
    return low - 1


def largest_near(margin: Callable[[int], int], low: int, high: int, guess: int, slope: int) -> int:
    """Find what ``largest`` finds where it lies near ``guess`` and one step costs about ``slope``.

    ``margin`` is called near the answer only: far from it an engine may lay out another graph, which takes longer than
    many steps. A rest smaller than one step ends the search, so that uneven steps may leave one step unused.
    """
    place = min(max(guess, low), high)
    found = margin(place)
    fits, exceeds, room, short = low - 1, high + 1, 0, 0
    while True:
        if found >= 0:
            fits, room = place, found
        else:
            exceeds, short = place, found
        if exceeds - fits <= 1 or 0 <= found < slope:
            return fits
        if fits >= low and exceeds <= high:
            # Between two answers the line through them is better than the slope.
            place = fits + (exceeds - fits) * room // (room - short)
        else:
            place += found // slope
        place = min(max(place, fits + 1), exceeds - 1)
        found = margin(place)
