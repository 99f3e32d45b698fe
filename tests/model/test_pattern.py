"""The notation for which kind of layer stands where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit.model.pattern import expand


@pytest.mark.parametrize(
    ("pattern", "layers", "words"),
    [
        ("full", 3, ["full"] * 3),
        ("2*sliding full", 7, ["sliding", "sliding", "full", "sliding", "sliding", "full", "sliding"]),
        ("full+mamba", 2, ["full+mamba"] * 2),
        ("2*(mamba moe) full", 6, ["mamba", "moe", "mamba", "moe", "full", "mamba"]),
        ("2*(a 2*(b c)) d", 11, ["a", "b", "c", "b", "c"] * 2 + ["d"]),
        ("2*14336 7168", 4, ["14336", "14336", "7168", "14336"]),
    ],
)
def test_written_out_and_cycled(pattern: str, layers: int, words: list[str]) -> None:
    assert words == expand(pattern, layers)


@pytest.mark.parametrize("pattern", ["", "2*(full", "full)", "0*full", "x*full", "*full", "-1*full", "()"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        expand(pattern, 4)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 200))
def test_the_cycle_repeats(sliding: int, full: int, layers: int) -> None:
    words = expand(f"{sliding}*sliding {full}*full", layers)

    assert len(words) == layers
    assert all((word == "full") == (i % (sliding + full) >= sliding) for i, word in enumerate(words))
