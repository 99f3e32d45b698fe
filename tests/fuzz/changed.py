"""Changes of sound inputs at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

WORDS = (
    b"-1", b"0", b"18446744073709551616", b"1e999", b"NaN", b"null", b"true", b"[]", b"{}", b'""', b"\x00", b"\xff\xfe", b"\n",
    b"\xe2\x80\xae", b"\x1b[31m", b"'", b'"', b"*", b"&a", b"!!python", b"<<", b"${X}", b"$(", b"/dev/zero", b"--", b"=", b",",
)  # fmt: skip
"""Pieces that readers trip over."""
NUMBERS = (0, 1, 2, 7, 31, 127, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1)
"""Numbers at the edges of types and bounds."""
DIGITS = b"0123456789"
CHANGES = (1, 1, 1, 2, 3, 6)
"""Numbers of changes of an input: after one alone most of a file is still read."""


def changed(corpus: Sequence[bytes], rng: Random) -> bytes:
    """One of the inputs after some changes: bits, pieces put in, taken out, doubled, moved, and taken from another.

    Some leave the length as it is, without which nothing behind a change in a binary header is read as what it was.
    """
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.choice(CHANGES)):
        at = rng.randint(0, len(data))
        end = min(len(data), at + rng.choice((1, 1, 2, 4, 8, 40)))
        kind = rng.randrange(8)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at:at] = rng.choice(WORDS)
        elif kind == 2:
            del data[at:end]
        elif kind == 3:
            data[at:at] = data[at:end] * rng.choice((1, 2, 50))
        elif kind == 4:
            data[at:end] = rng.randbytes(end - at)
        elif kind == 5:
            _overwrite(data, at, rng)
        elif kind == 6:
            _renumber(data, at, rng)
        else:
            other = rng.choice(corpus)
            start = rng.randint(0, len(other))
            data[at:end] = other[start : start + rng.randint(0, 60)]
    return bytes(data)


def _overwrite(data: bytearray, at: int, rng: Random) -> None:
    """Put a number in binary over as many bytes."""
    size = rng.choice((1, 2, 4, 8))
    if at + size <= len(data):
        data[at : at + size] = (rng.choice(NUMBERS) % 2 ** (8 * size)).to_bytes(size, "little")


def _renumber(data: bytearray, at: int, rng: Random) -> None:
    """Replace the digits that stand there or behind by another number."""
    while at < len(data) and data[at] not in DIGITS:
        at += 1
    end = at
    while end < len(data) and data[end] in DIGITS:
        end += 1
    data[at:end] = b"%d" % rng.choice(NUMBERS)
