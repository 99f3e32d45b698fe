"""Marshalled data in which equal parts stand once.

``marshal`` writes an object once if it meets the same object again. Code that was compiled function by function has many
that are only equal: tuples of names and constants, kinds of variables. Of a preload (``vramfit._finder``) they are a fifth
of the objects, and to unpack it took a quarter more memory with them, every page of which is new to the process.

The format is python/cpython's ``Python/marshal.c``, version 4: a byte for the kind of an object, with a bit that gives it a
number by which a later ``r`` means it, then what it is made of. Code, which is the one object that its version of Python
lays out, has five numbers, eight objects, a number and two objects in 3.11 to 3.13.
"""

from __future__ import annotations

from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Part: TypeAlias = tuple["bytes | Part", ...]
    """Kind of an object as a byte, then bytes and the objects that it is made of, in the order of the data."""

NUMBERED = 128
"""Bit of a kind that gives the object a number."""
ALONE = b"NTF.S"
"""Kinds that are nothing else: None, True, False, ``...`` and ``StopIteration``."""
LENGTHS = {b"i": 4, b"g": 8}
"""Bytes of kinds of one length."""
SHORT_TEXT, LONG_TEXT = b"zZ", b"aAuts"
"""Kinds of texts and bytes with their length in one byte, and in four."""
SHORT_TUPLE, LONG_TUPLE = b")", b"(>"
LARGE_INTEGER, DIGIT_BYTES = b"l", 2
"""Kind of an integer of more than 32 bits, with the number of its digits in four bytes, below 0 if it is below 0."""
NUMBER_BYTES = 4
CODE_NUMBERS, CODE_PARTS, CODE_LAST_PARTS = 5, 8, 2


def share(data: bytes) -> bytes:
    """Write marshalled data with each of its equal parts once; as it is where it has a part of a kind that code has not."""
    try:
        whole = _Reader(data).part()
    except (KeyError, IndexError):
        return data
    shared = _Writer(whole).written()
    return shared if loads(shared) == loads(data) else data  # noqa: S302


class _Reader:
    """Parts of marshalled data, equal ones as the same object."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0
        self._numbered: list[Part] = []
        self._known: dict[tuple[object, ...], Part] = {}

    def part(self) -> Part:
        """Read the part at the place where it stands; raises ``KeyError`` for a kind that is not known."""
        first = self._take(1)[0]
        kind = bytes([first & ~NUMBERED])
        if kind == b"r":
            return self._numbered[int.from_bytes(self._take(NUMBER_BYTES), "little")]
        number = len(self._numbered)
        if first & NUMBERED:
            self._numbered.append(())
        found: Part = (kind, *self._body(kind))
        if kind != b"c":
            found = self._known.setdefault(tuple([id(one) if isinstance(one, tuple) else one for one in found]), found)
        if first & NUMBERED:
            self._numbered[number] = found
        return found

    def _body(self, kind: bytes) -> Part:
        if kind in ALONE:
            return ()
        if kind in SHORT_TEXT or kind in LONG_TEXT:
            length = self._take(1 if kind in SHORT_TEXT else NUMBER_BYTES)
            return length, self._take(int.from_bytes(length, "little"))
        if kind in SHORT_TUPLE or kind in LONG_TUPLE:
            length = self._take(1 if kind in SHORT_TUPLE else NUMBER_BYTES)
            return length, *[self.part() for _ in range(int.from_bytes(length, "little"))]
        if kind == b"c":
            numbers = self._take(CODE_NUMBERS * NUMBER_BYTES)
            parts = [self.part() for _ in range(CODE_PARTS)]
            return numbers, *parts, self._take(NUMBER_BYTES), *[self.part() for _ in range(CODE_LAST_PARTS)]
        if kind == LARGE_INTEGER:
            digits = self._take(NUMBER_BYTES)
            return digits, self._take(DIGIT_BYTES * abs(int.from_bytes(digits, "little", signed=True)))
        return (self._take(LENGTHS[kind]),)

    def _take(self, length: int) -> bytes:
        self._place += length
        return self._data[self._place - length : self._place]


class _Writer:
    """Marshalled data of a part, of which what stands in it more than once has a number."""

    def __init__(self, whole: Part) -> None:
        self._whole = whole
        self._times: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        self._pieces: list[bytes] = []

    def written(self) -> bytes:
        """Write all of it."""
        self._count(self._whole)
        self._write(self._whole)
        return b"".join(self._pieces)

    def _count(self, part: Part) -> None:
        self._times[id(part)] = times = self._times.get(id(part), 0) + 1
        if times == 1:
            for one in part:
                if isinstance(one, tuple):
                    self._count(one)

    def _write(self, part: Part) -> None:
        number = self._numbers.get(id(part))
        if number is not None:
            self._pieces.append(b"r" + number.to_bytes(NUMBER_BYTES, "little"))
            return
        kind, *body = part
        assert isinstance(kind, bytes)
        if self._times[id(part)] > 1 and kind not in ALONE and kind not in LENGTHS:
            self._numbers[id(part)] = len(self._numbers)
            kind = bytes([kind[0] | NUMBERED])
        self._pieces.append(kind)
        for one in body:
            if isinstance(one, tuple):
                self._write(one)
            else:
                self._pieces.append(one)
