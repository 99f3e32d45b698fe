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
MOST_CHANGES = 6


def changed(corpus: Sequence[bytes], rng: Random) -> bytes:
    """One of the inputs after some changes: bits, pieces put in, taken out, doubled, moved, and taken from another."""
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.randint(1, MOST_CHANGES)):
        at = rng.randint(0, len(data))
        end = min(len(data), at + rng.choice((1, 1, 2, 4, 8, 40)))
        kind = rng.randrange(6)
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
        else:
            other = rng.choice(corpus)
            start = rng.randint(0, len(other))
            data[at:end] = other[start : start + rng.randint(0, 60)]
    return bytes(data)
