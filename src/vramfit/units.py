"""Units of sizes and rates, and how they are printed, which nothing else in the program does.

GB are powers of 1000, GiB powers of 1024; ``quantities`` reads them.
"""

from __future__ import annotations

KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40
KB, MB, GB, TB = 10**3, 10**6, 10**9, 10**12


MOST_DIGITS = 18
"""Digits of the largest whole number that a text of another program may state: more are no count of anything."""


def whole(text: str) -> int | None:
    """Whole number that a text states in plain digits; None for any other text, and for more digits than any count has."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else None


def gib(size_bytes: int, digits: int = 2) -> str:
    """Format bytes as ``"24.87 GiB"`` for people; reports for programs carry integer bytes."""
    return f"{size_bytes / GIB:,.{digits}f} GiB"


def gb(size_bytes: int, digits: int = 1) -> str:
    """Format bytes as decimal ``"26.7 GB"``, to compare with marketing and with file sizes on the Hub."""
    return f"{size_bytes / GB:,.{digits}f} GB"


def file_size(size_bytes: int) -> str:
    """Format the bytes of a file as ``"4.9 GB"``, and of one of less than a tenth of that unit as ``"27 MB"``."""
    return gb(size_bytes) if size_bytes >= GB // 10 else f"{size_bytes / MB:.0f} MB"


def size_text(size_bytes: int) -> str:
    """Shortest text that ``parse_size`` reads back exactly: ``64GiB``, ``8151MiB``, ``1000000001B``."""
    for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if size_bytes and size_bytes % factor == 0:
            return f"{size_bytes // factor}{unit}"
    return f"{size_bytes}B"


def rate_text(bytes_per_second: int) -> str:
    """Shortest text that ``parse_rate`` reads back exactly: ``89.6GB/s``, ``51234567B/s``."""
    megabytes, rest = divmod(bytes_per_second, MB)
    return f"{bytes_per_second}B/s" if rest else f"{megabytes / 1000:.3f}".rstrip("0").rstrip(".") + "GB/s"


def rate(bytes_per_second: int) -> str:
    """Format a rate as ``"1.01 TB/s"`` or ``"936 GB/s"``."""
    if bytes_per_second >= TB:
        return f"{bytes_per_second / TB:.2f} TB/s"
    return f"{bytes_per_second / GB:.0f} GB/s"


def billions(count: int) -> str:
    """Format a parameter count as ``"13.35 B"``, and below one billion in millions."""
    return f"{count / 1e9:.2f} B" if count >= 10**9 else f"{count / 1e6:.0f} M"
