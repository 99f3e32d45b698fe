"""Sizes and rates as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit.errors import UsageError
from vramfit.quantities import parse_rate, parse_size
from vramfit.units import rate_text, size_text


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (25_769_803_776, "24GiB"),
        (24_000_000_000, "24GB"),
        (24_000_000_000, "24 GB"),
        (25_769_803_776, " 24 gib "),
        (8_546_942_976, "8151MiB"),
        (25_300_041_728, "23.5625GiB"),
        (1_500_000_000, "1.5GB"),
        (1_500_000_000, "1.5e9B"),
        (1_099_511_627_776, "1TiB"),
        (2_000_000_000_000, "2TB"),
        (1024, "1KiB"),
        (25_769_803_776, "24G"),
        (536_870_912, "512m"),
        (0, "0B"),
        (9_223_372_036_854_775_807, "9223372036854775807B"),
    ],
)
def test_parse_size(expected: int, text: str) -> None:
    """GB are powers of 1000, GiB powers of 1024; whole numbers are read exactly, however large."""
    assert expected == parse_size(text)


@pytest.mark.parametrize(
    ("text", "written"), [(" 24G ", "24G"), ("512m", "512m"), ("24GiB", ""), ("24GB", ""), ("9B", "")]
)
def test_a_letter_alone_is_kept_for_a_note(text: str, written: str) -> None:
    """Reports say what it was read as; the number is the same."""
    assert getattr(parse_size(text), "written", "") == written


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ('size "24" has no unit', "24"),
        ('size "" has no unit', ""),
        ('size "24P" has an unknown unit "P"', "24P"),
        ('size "24GBit" has an unknown unit "GBit"', "24GBit"),
        ('"GiB" is not a size', "GiB"),
        ('"two GiB" is not a size', "two GiB"),
        ('"1,5GiB" is not a size', "1,5GiB"),
        ('"1.2.3GB" is not a size', "1.2.3GB"),
        ('"1e999GB" is not a size', "1e999GB"),
        ('size "-1GiB" is out of range', "-1GiB"),
        ('size "8388608TiB" is out of range', "8388608TiB"),
    ],
)
def test_parse_size_refuses(message: str, text: str) -> None:
    """A bare number, an unknown unit, or what is no number is refused with a hint; nothing is guessed."""
    with pytest.raises(UsageError) as caught:
        parse_size(text)
    assert message == caught.value.message
    assert caught.value.hint


@given(st.integers(0, 2**63 - 1))
def test_size_text_is_read_back_exactly(size: int) -> None:
    """What a report writes for ``ram`` and ``reserve`` means the same bytes when asked again."""
    assert size == parse_size(size_text(size))


@given(st.text(max_size=40))
def test_any_text_is_a_size_or_a_usage_error(text: str) -> None:
    """No text makes the reader fail in another way, and no size is negative or beyond 64 bits."""
    try:
        size = parse_size(text)
    except UsageError:
        return
    assert 0 <= size < 2**63


@pytest.mark.parametrize(
    ("expected", "text"), [(1_008_000_000_000, "1008GB/s"), (3_350_000_000_000, "3.35 TB/s"), (2**30, "1GiB/S")]
)
def test_parse_rate(expected: int, text: str) -> None:
    """A bandwidth is a size per second."""
    assert expected == parse_rate(text)


@pytest.mark.parametrize("text", ["1008", "1008GB", "1008GB/h", "GB/s", "/s", ""])
def test_parse_rate_refuses(text: str) -> None:
    """A bandwidth without ``/s``, or without a number, is refused."""
    with pytest.raises(UsageError):
        parse_rate(text)


@given(st.integers(1, 2**60))
def test_a_rate_is_read_back(bytes_per_second: int) -> None:
    """Exactly, whatever it is."""
    assert parse_rate(rate_text(bytes_per_second)) == bytes_per_second
