"""How sizes and rates are read and written."""

from __future__ import annotations

import pytest

from vramfit.units import GB, GIB, MIB, billions, file_size, gb, gib, rate, rate_text, size_text


@pytest.mark.parametrize(
    ("expected", "shown"),
    [
        ("24.87 GiB", gib(26_702_999_552)),
        ("1,024.0 GiB", gib(1024 * GIB, 1)),
        ("-5.61 GiB", gib(-6_023_000_000)),
        ("26.7 GB", gb(26_702_999_552)),
        ("0.0 GB", gb(0)),
        ("0.1 GB", file_size(100_000_000)),
        ("100 MB", file_size(99_999_999)),
        ("27 MB", file_size(27_402_240)),
        ("1.01 TB/s", rate(1_008 * GB)),
        ("936 GB/s", rate(936 * GB)),
        ("13.35 B", billions(13_351_504_896)),
        ("135 M", billions(134_515_008)),
        ("8151MiB", size_text(8151 * MIB)),
        ("64GiB", size_text(64 * GIB)),
        ("1000000001B", size_text(1_000_000_001)),
        ("0B", size_text(0)),
        ("89.6GB/s", rate_text(89_600_000_000)),
        ("102GB/s", rate_text(102 * GB)),
        ("0.033GB/s", rate_text(33_000_000)),
        ("1000000001B/s", rate_text(1_000_000_001)),
    ],
)
def test_sizes_for_people(expected: str, shown: str) -> None:
    """Each figure carries its unit, and only the rounding that is shown."""
    assert expected == shown
