"""Bar of an estimate, drawn against what the card can hold.

Each part of the memory has its own shade, so the bar reads without colour. The mark stands where the usable memory
ends; a bar crosses it exactly when the need does, however little that is.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = ("weights", "kv_cache", "compute", "overhead")
NAMES = ("weights", "KV cache", "compute", "overhead")
"""Parts as people write them, in the order of ``PARTS``."""
SHADES = "█▓▒░"
"""Shades of the parts, in the order of ``PARTS``."""
MARGIN = "·"
"""Glyph from the expected need to the high one."""
MARK = "┃"
"""Glyph where the usable memory ends."""


def bar(parts: Sequence[int], high: int, usable: int, full: int, cells: int) -> str:
    """Draw the bar as ``cells`` characters and the mark, without trailing space; ``full`` bytes are the whole width.

    ``parts`` are bytes in the order of ``PARTS`` and their sum is the expected need, ``high`` the high one.
    """
    total = sum(parts)

    def at(size_bytes: int) -> int:
        return round(max(0, size_bytes) * cells / full)

    mark = min(at(usable), cells - 1) if full > usable else cells

    def end(size_bytes: int) -> int:
        return max(at(size_bytes), mark + 1) if size_bytes > usable else min(at(size_bytes), mark)

    length = end(total)
    drawn, reached = "", 0
    for shade, part in zip(SHADES, parts, strict=True):
        reached += part
        drawn += shade * (round(reached * length / total) - len(drawn) if total else 0)
    drawn += MARGIN * (end(max(high, total)) - length)
    return drawn[:mark].ljust(mark) + MARK + drawn[mark:]
