"""Files and streams read with a bound: a device that never ends, or a pipe that nobody writes to, ends in an error.

A directory, a file that is too long and a pipe that stays silent raise ``OSError``, whose ``strerror`` says which it is.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

CHUNK_BYTES = 1 << 16
SILENT_SECONDS = 10
"""Time after which a named pipe to which nothing was written is given up; one of a shell's ``<(…)`` has its writer."""
KIND, PIPE, FILE = 0o170000, 0o010000, 0o100000
"""Mask and values of the kind in a file's mode (``stat``, which costs too much to load)."""


def open_file(path: str, seconds: float = SILENT_SECONDS) -> int:
    """Descriptor of a file, or of a pipe that is written to within so many seconds; raises ``OSError``."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    try:
        kind = os.fstat(handle).st_mode & KIND
        if kind == PIPE:
            _await(handle, seconds)
        if kind != FILE and hasattr(os, "O_NONBLOCK"):
            os.set_blocking(handle, True)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _await(handle: int, seconds: float) -> None:
    from select import POLLIN, poll

    waiting = poll()
    waiting.register(handle, POLLIN)
    if not waiting.poll(round(seconds * 1000)):
        raise OSError(errno.ETIMEDOUT, "a pipe that nothing is written to")


def read_bytes(path: str, most_bytes: int, seconds: float = SILENT_SECONDS) -> bytes:
    """Content of a file of at most so many bytes; raises ``OSError``, and ``ValueError`` for a null byte in the name."""
    handle = open_file(path, seconds)
    try:
        if os.fstat(handle).st_mode & KIND == PIPE:
            return read_all(handle, most_bytes, seconds)
        return read_all(handle, most_bytes)
    finally:
        os.close(handle)


def read_all(handle: int, most_bytes: int, seconds: float | None = None) -> bytes:
    """Rest of what can be read of a descriptor, at most so many bytes; raises ``OSError`` where there is more.

    With ``seconds``, for a pipe, also where nothing is written to it for so long before its end.
    """
    found = bytearray()
    while True:
        if seconds is not None:
            _await(handle, seconds)
        chunk = os.read(handle, CHUNK_BYTES)
        found += chunk
        if len(found) > most_bytes:
            raise too_long(most_bytes)
        if not chunk:
            return bytes(found)


def read_stream(stream: BinaryIO, most_bytes: int) -> bytes:
    """Rest of a stream, at most so many bytes; raises ``OSError`` where there is more."""
    found = stream.read(most_bytes + 1)
    if len(found) > most_bytes:
        raise too_long(most_bytes)
    return found


def too_long(most_bytes: int) -> OSError:
    """Error for what is longer than is read."""
    return OSError(errno.EFBIG, f"more than {most_bytes >> 20} MiB, the most that is read of it")
