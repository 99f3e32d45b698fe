"""Sizes, rates and pixels as people write them, read into integers.

GB are powers of 1000 for files and rates; of memory they are powers of 1024, as GiB always are, which a report says. A bare
number is refused: guessing its unit is the mistake this tool exists to end. (The "24 GB" that a catalogue states of a
graphics card is neither: it is a marketing figure, see ``hardware``.)
"""

from __future__ import annotations

from vramfit.errors import UsageError
from vramfit.units import GB, GIB, KB, KIB, MB, MIB, TB, TIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_PIXELS, LONGEST_SHAPE = 65536, 200
"""Largest side of an image in pixels, and largest ratio of its sides: beyond 200 Qwen-VL's ``smart_resize`` refuses
it."""

_FACTORS = {
    "k": KIB, "m": MIB, "g": GIB, "t": TIB,
    "b": 1, "kib": KIB, "mib": MIB, "gib": GIB, "tib": TIB, "kb": KB, "mb": MB, "gb": GB, "tb": TB,
}  # fmt: skip


_BINARY = {unit: _FACTORS[unit[0]] for unit in ("kb", "mb", "gb", "tb")}
"""Factors of units of memory that people write for powers of 1024."""


class Bare(int):
    """Bytes of a size whose unit means a power of 1024 without saying so: ``24G`` is 24 GiB, and so is ``24GB`` of memory."""

    written = ""
    """The size as it was written."""


def parse_memory(text: str) -> int:
    """Bytes of a size of memory, where ``24GB`` means 24 GiB, as makers of cards have it; raises as ``parse_size`` does."""
    return parse_size(text, _BINARY)


def parse_size(text: str, binary: Mapping[str, int] = {}) -> int:
    """Bytes of ``"24GiB"``, ``"24 GB"``, ``"8151MiB"``, ``"24G"`` (GiB); raises ``UsageError`` for other units and none.

    ``binary`` has factors of further units, which are powers of 1024.
    """
    number, unit = _split(text)
    factor = binary.get(unit.lower()) or _FACTORS.get(unit.lower())
    if factor is None:
        plain = _plain(text)
        if plain != text:
            value = parse_size(plain, binary)
            if isinstance(value, Bare):
                value.written = text.strip()
            return value
        raise UsageError(
            f'size "{text}" has no unit' if not unit else f'size "{text}" has an unknown unit "{unit}"',
            f"write GiB, for example {number if number.isdecimal() else 24}GiB",
        )
    whole = number.isascii() and number.isdecimal()
    value = int(number) * factor if whole and len(number) < 20 else round(_number(number, text) * factor)
    if not 0 <= value < 2**63:
        raise UsageError(f'size "{text}" is out of range', "give a size between 0 and 8 EiB")
    if (len(unit) == 1 and factor > 1) or unit.lower() in binary:
        value = Bare(value)
        value.written = text.strip()
    return value


def parse_rate(text: str) -> int:
    """Bytes per second of ``"1008GB/s"``; raises ``UsageError`` as ``parse_size`` does."""
    if not text.lower().endswith("/s"):
        raise UsageError(f'bandwidth "{text}" has no unit', "write GB/s, for example 1008GB/s")
    return parse_size(text[:-2])


def parse_pixels(text: str) -> tuple[int, int]:
    """Parse width and height of ``"1344x1008"``; raises ``UsageError`` for a size that no image can have."""
    sides = text.strip().lower().split("x")
    if len(sides) == 2 and all(side.isascii() and side.isdecimal() and len(side) < 10 for side in sides):
        width, height = int(sides[0]), int(sides[1])
        if 0 < max(width, height) <= min(MOST_PIXELS, LONGEST_SHAPE * min(width, height)):
            return width, height
    raise UsageError(
        f'"{text}" is not the size of an image',
        f"write width x height in pixels, as 1344x1008: 1 to {MOST_PIXELS} a side, neither over "
        f"{LONGEST_SHAPE} times the other",
    )


_SPOKEN = {
    "gig": "G",
    "ko": "kB",
    "mo": "MB",
    "go": "GB",
    "to": "TB",
    "mio": "MiB",
    "gio": "GiB",
    "gigs": "G",
    "gigabyte": "GB",
    "gigabytes": "GB",
    "megs": "M",
    "megabytes": "MB",
    "terabytes": "TB",
}
_AROUND = ("of", "system", "unified", "ram", "vram", "memory", "ddr3", "ddr4", "ddr5", "lpddr5", "lpddr5x")
"""Words around a size of memory that say what kind it is."""


def _plain(text: str) -> str:
    """Size with a unit written out (``64 gigs``) or the kind of memory behind it (``32 GB DDR5``) as a number and a unit."""
    number, unit = _split(" ".join([word for word in text.split() if word.lower() not in _AROUND]))
    return f"{number}{_SPOKEN.get(unit.lower(), unit)}"


def _split(text: str) -> tuple[str, str]:
    stripped = text.strip()
    cut = len(stripped)
    while cut and stripped[cut - 1].isalpha():
        cut -= 1
    return stripped[:cut].strip(), stripped[cut:]


def _number(digits: str, text: str) -> float:
    try:
        value = float(digits) if not digits.strip("0123456789.eE+-") else float("nan")
    except ValueError:
        raise UsageError(f'"{text}" is not a size', "write a number and a unit, for example 24GiB") from None
    if not abs(value) < float("inf"):  # neither infinite nor NaN, which compares with nothing
        raise UsageError(f'"{text}" is not a size', "write a number and a unit, for example 24GiB")
    return value
