"""Lines of a log that some engine's reader may understand, from a stream of any length, in bounded memory."""

from __future__ import annotations

import json
import re
from collections import deque

from vramfit._record import Record
from vramfit.bounded import too_long

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

LONGEST_LINE_BYTES = 64 * 1024
"""Bytes of a line that are read: configurations are printed in a line of some thousands."""
MOST_KEPT_CHARACTERS = 32 * 1024 * 1024
"""Characters of lines that are kept; of more, the first are dropped, because the last start is what counts."""
SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-B]|\x1b")
"""Escape sequences of terminals: colours, titles, and what is left of a broken one."""
PACKED = '{"log":"'
"""Beginning of a line in a file of Docker's json-file driver."""


MOST_BYTES = 2**30
"""Bytes of a log that are read; a server that logs every request may write as much in days."""
CONTROLS = bytes(set(range(1, 32)) - set(b"\a\b\t\n\v\f\r\x1b"))
"""Control characters that no log has; rotation by truncating leaves zeros, so that these say nothing."""
EXAMINED_BYTES = range(512, 64 * 1024)
"""Bytes at the beginning by which text is told from what is packed or drawn by chance, of which a tenth are controls."""
MOST_CONTROLS = 1 / 20


class Bounded:
    """Lines and blocks of a stream of text, of which no more than a log has are read.

    Raises ``OSError`` where there is more, and for what is no text.
    """

    def __init__(self, stream: BinaryIO, most_bytes: int = MOST_BYTES) -> None:
        self._stream, self._left, self._most = stream, most_bytes, most_bytes
        self._controls = 0

    def readline(self, size: int) -> bytes:
        """Next line, or the first so many bytes of it."""
        return self._counted(self._stream.readline(size))

    def read(self, size: int) -> bytes:
        """Next so many bytes."""
        return self._counted(self._stream.read(size))

    def _counted(self, found: bytes) -> bytes:
        self._left -= len(found)
        if self._left < 0:
            raise too_long(self._most)
        seen = self._most - self._left
        if seen < EXAMINED_BYTES.stop:
            self._controls += len(found) - len(found.translate(None, CONTROLS))
            if seen >= EXAMINED_BYTES.start and self._controls > seen * MOST_CONTROLS:
                raise OSError("it is no text; unpack a log that is compressed")
        return found


class Kept(Record):
    """Lines that were kept of a log."""

    lines: tuple[str, ...]
    dropped: int
    """Number of lines that were understood by their words and dropped for want of room."""


def kept(stream: Bounded | BinaryIO, marks: Iterable[str]) -> Kept:
    """Keep the lines of a stream that have one of the words ``marks``, without colours and line ends.

    Bytes that are not UTF-8 become replacement characters; UTF-16 with its mark, as PowerShell writes, is read too.
    """
    wanted = tuple(sorted(set(marks)))  # looking for each in turn is five times as fast as one pattern of all
    found: deque[str] = deque()
    size = dropped = 0
    for line in _lines(stream):
        if not has_mark(line, wanted):
            continue
        text = SEQUENCES.sub("", _unpacked(line))
        found.append(text)
        size += len(text)
        while size > MOST_KEPT_CHARACTERS:
            size -= len(found.popleft())
            dropped += 1
    return Kept(tuple(found), dropped)


def has_mark(line: str, marks: Iterable[str]) -> bool:
    """Return True for a line that has one of the words."""
    for mark in marks:  # noqa: SIM110  (half the time of any() over a generator)
        if mark in line:
            return True
    return False


def _lines(stream: Bounded | BinaryIO) -> Iterator[str]:
    """Lines of a stream, each cut at the limit."""
    first = stream.readline(LONGEST_LINE_BYTES)
    if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield from _wide(first, stream)
        return
    raw, whole = first.removeprefix(b"\xef\xbb\xbf"), True
    while raw:
        if whole:
            # A progress bar draws over its line with carriage returns.
            yield from raw.decode("utf-8", "replace").rstrip("\r\n").split("\r")
        whole = raw.endswith(b"\n")
        raw = stream.readline(LONGEST_LINE_BYTES)


def _wide(first: bytes, stream: Bounded | BinaryIO) -> Iterator[str]:
    """Lines of a stream in UTF-16."""
    from codecs import getincrementaldecoder

    decoder = getincrementaldecoder("utf-16")("replace")
    text, block = "", first
    while block:
        text += decoder.decode(block)
        *lines, text = text.split("\n")
        yield from [line.rstrip("\r") for line in lines]
        text = text[-LONGEST_LINE_BYTES:]
        block = stream.read(LONGEST_LINE_BYTES)
    yield text.rstrip("\r")


def _unpacked(line: str) -> str:
    if not line.startswith(PACKED):
        return line
    try:
        return str(json.loads(line)["log"]).rstrip("\n")
    except (ValueError, KeyError, TypeError, RecursionError):
        return line
