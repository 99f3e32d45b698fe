"""A file on a server, read by ranges: what the header walks read from where the file is not on this disk."""

from __future__ import annotations

from contextlib import nullcontext

from vramfit.errors import InputError
from vramfit.importers.client import MOST_SKIPPED_BYTES
from vramfit.importers.progress import Waiting
from vramfit.importers.source import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vramfit.importers.client import Client, Reply

MOST_PIECES = 16
"""A server may answer a range in parts; so many are asked for."""


class HttpSource:
    """A file at an address.

    ``size_bytes`` is what a listing says the file has, None where there is none; the server's own word is then taken,
    and where both are known they must agree. ``refuse`` makes an error of a reply that is none of a file's; ``line`` is
    shown on a terminal while the server is waited for.
    """

    def __init__(
        self,
        client: Client,
        address: str,
        name: str,
        size_bytes: int | None = None,
        refuse: Callable[[Reply], InputError] | None = None,
        line: str | None = None,
    ) -> None:
        self.name = printable(name)
        self.size_bytes = size_bytes
        self._client = client
        self._address = address
        self._refuse = refuse or self._refused
        self._line = line
        self._start = b""
        """Bytes from the file's beginning that are here already."""
        self._brief = False

    def give(self, start: bytes) -> None:
        """Lay in bytes from the beginning of the file that came another way: its header, or most of it.

        The first read, at 0, then answers with these alone, however much more it asks for: a reader of headers asks for
        more than it needs.
        """
        self._start, self._brief = start, bool(start)

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from ``offset`` on: ``length`` of them, fewer only at the end of the file and of what was given.

        Raises:
            InputError: the server refuses, breaks off, or sends something else.
        """
        if self.size_bytes is not None:
            length = min(length, self.size_bytes - offset)
        end = offset + length
        content = self._start[offset:end]
        if self._brief and offset == 0:
            return content
        for _ in range(MOST_PIECES):
            if len(content) >= length:
                return content
            piece = self._piece(offset + len(content), end)
            content += piece
            if not piece or (self.size_bytes is not None and offset + len(content) >= self.size_bytes):
                return content[:length] if length > 0 else b""
        raise InputError(f"{self.name}: the server answers ranges in too many parts", "download the file")

    def _piece(self, offset: int, end: int) -> bytes:
        """The bytes from ``offset`` on that one request brings, at most up to ``end``; none behind the file's end."""
        with nullcontext() if self._line is None else Waiting(self._line):
            skipped = end if end <= MOST_SKIPPED_BYTES else 0
            reply = self._client.get(
                self._address, skipped, {"range": f"bytes={offset}-{end - 1}"}, part_bytes=end - offset
            )
        if reply.status == 416:
            self._learn(_total(reply), reply)
            return b""
        if reply.status == 206:
            return self._partial(reply, offset, end)
        if reply.status != 200:
            raise self._refuse(reply)
        return self._skipped(reply, offset, end)

    def _partial(self, reply: Reply, offset: int, end: int) -> bytes:
        """The content of a reply to a range, held to what its ``Content-Range`` says."""
        span = _span(reply)
        if (
            span is None
            or span[0] != offset
            or span[1] >= end
            or reply.headers.get("content-encoding", "identity") != "identity"
        ):
            raise InputError(f"{self.name}: {reply.host} sent another range than was asked", "download the file")
        self._learn(_total(reply), reply)
        if len(reply.content) != span[1] - span[0] + 1:
            raise InputError(
                f"{self.name}: {reply.host} sent {len(reply.content):,} bytes for a range of {span[1] - span[0] + 1:,}",
                "try again, or download the file",
            )
        return reply.content

    def _skipped(self, reply: Reply, offset: int, end: int) -> bytes:
        """The part wanted of a reply that holds the whole file; reading stopped at ``end``."""
        if end > MOST_SKIPPED_BYTES:
            raise InputError(f"{reply.host} sends whole files and no ranges of them", "download the file")
        length = reply.headers.get("content-length", "")
        encoded = reply.headers.get("content-encoding", "identity") != "identity"
        self._learn(int(length) if length.isascii() and length.isdecimal() and not encoded else None, reply)
        if reply.whole:
            self._learn(len(reply.content), reply)
        if len(reply.content) > len(self._start):
            self._start = reply.content
        return reply.content[offset:end]

    def _learn(self, total_bytes: int | None, reply: Reply) -> None:
        if total_bytes is None:
            return
        if self.size_bytes is None:
            self.size_bytes = total_bytes
        elif self.size_bytes != total_bytes:
            raise InputError(
                f"{self.name} has {total_bytes:,} bytes at {reply.host}, not the {self.size_bytes:,} of its listing",
                "try again later: it may just be changing",
            )

    def _refused(self, reply: Reply) -> InputError:
        if reply.status in (401, 403):
            return InputError(
                f"{reply.host} does not give {self.name} to everyone ({reply.status})", "download the file"
            )
        if reply.status == 404:
            return InputError(f"{reply.host} has no {self.name} (404)", "check the address")
        return InputError(f"{reply.host} answers {reply.status} for {self.name}", "check the address")


def _span(reply: Reply) -> tuple[int, int] | None:
    """First and last byte of ``Content-Range: bytes 0-99/1000``."""
    unit, _, rest = reply.headers.get("content-range", "").partition(" ")
    first, _, last = rest.partition("/")[0].partition("-")
    sound = unit.lower() == "bytes" and first.isascii() and first.isdecimal() and last.isascii() and last.isdecimal()
    return (int(first), int(last)) if sound and len(first) < 20 and len(last) < 20 else None


def _total(reply: Reply) -> int | None:
    """Bytes of the whole file in ``Content-Range``; None where the server does not know."""
    total = reply.headers.get("content-range", "").rpartition("/")[2]
    return int(total) if total.isascii() and total.isdecimal() and len(total) < 20 else None
