"""The search for the largest number that still fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vramfit.search import largest, largest_near

if TYPE_CHECKING:
    from collections.abc import Callable


def falling(limit: int, slope: int, kink: int = 0) -> tuple[Callable[[int], int], list[int]]:
    """A margin that is 0 at ``limit``, and the numbers that it is asked for; beyond ``limit`` it may fall faster."""
    asked: list[int] = []

    def margin(n: int) -> int:
        asked.append(n)
        return (limit - n) * slope * (10**kink if n > limit else 1)

    return margin, asked


@given(st.integers(-50, 5000), st.integers(-50, 5000), st.integers(1, 1000), st.integers(0, 3))
def test_largest_finds_the_last_that_reaches(limit: int, high: int, slope: int, kink: int) -> None:
    """The largest ``n`` with a margin of 0 or more, ``low - 1`` where there is none; each margin falls, some kinked."""
    margin, asked = falling(limit, slope, kink)
    high = max(1, high)
    assert max(0, min(limit, high)) == largest(margin, 1, high)
    assert all(1 <= n <= high for n in asked)
    assert len(asked) <= 60


def test_largest_is_quick_on_a_straight_line() -> None:
    """Memory is close to linear in tokens: a million of them are searched in a few estimates."""
    margin, asked = falling(777_777, 131_072)
    assert 777_777 == largest(margin, 1, 2**20)
    assert len(asked) < 10


@given(st.integers(-50, 5000), st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 1000), st.integers(0, 3))
def test_what_is_known_is_not_asked_again(limit: int, high: int, known: int, slope: int, kink: int) -> None:
    """The same answer with a number and its margin given, wherever it lies."""
    assume(known <= high)
    margin, asked = falling(limit, slope, kink)
    assert max(0, min(limit, high)) == largest(margin, 1, high, (known, margin(known)))
    assert known not in asked[1:]


@pytest.mark.parametrize(
    ("expected", "asked", "limit", "known"),
    [
        # Known to be too many: the end is never asked for; and with the last one known, nothing is.
        (4, [1, 4, 5], 4, (6, -2)),
        (10, [], 10, (10, 0)),
        # Known to fit: the beginning is never asked for.
        (10, [10], 12, (6, 6)),
        (0, [1], 0, (2, -2)),
        (0, [], 0, (1, -1)),
    ],
)
def test_questions_of_a_search(expected: int, asked: list[int], limit: int, known: tuple[int, int]) -> None:
    """In 1 to 10, with a slope of 1."""
    margin, numbers = falling(limit, 1)
    assert (expected, asked) == (largest(margin, 1, 10, known), numbers)


@given(st.integers(-50, 5000), st.integers(-100, 6000), st.integers(-50, 5000), st.integers(1, 1000), st.integers(0, 3))
def test_largest_near_finds_it_from_any_guess(limit: int, guess: int, high: int, slope: int, kink: int) -> None:
    """As ``largest``, however far away the guess is."""
    margin, asked = falling(limit, slope, kink)
    high = max(1, high)
    assert max(0, min(limit, high)) == largest_near(margin, 1, high, guess, slope)
    assert all(1 <= n <= high for n in asked)
    assert len(set(asked)) == len(asked)
    if not kink:
        assert len(asked) <= 3


def test_largest_near_asks_near_the_answer_only() -> None:
    """With the right slope a guess that is 500 off is corrected in one step."""
    margin, asked = falling(2500, 1000)
    assert 2500 == largest_near(margin, 1, 10_000, 3000, 1000)
    assert [3000, 2500] == asked


def test_largest_near_leaves_less_than_a_step() -> None:
    """Room for half a step by the slope is not searched: uneven steps may leave one unused."""
    margin, asked = falling(2500, 400)
    assert 2499 == largest_near(margin, 1, 10_000, 2499, 1000)
    assert [2499] == asked
