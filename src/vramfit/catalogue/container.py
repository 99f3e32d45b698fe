"""The compiled catalogue's file format: a header, then sections that can be read one by one.

    magic (16 bytes) · file length (8) · header length (4) · header checksum (4) · header · sections

The header and each section are ``marshal`` of version 2, which every Python 3 reads and which holds plain data only.
Each carries a checksum that is compared before unmarshalling, because ``marshal`` may crash on damaged input. Such a
file is only ever one that this program wrote.
"""

from __future__ import annotations

import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

MAGIC = b"vramfit-cat\x00\x00\x00\x00\x01"
"""File type and, in the last byte, the version of this layout."""

_MARSHAL_VERSION = 2
_PREFIX = len(MAGIC) + 16


class BadContainerError(ValueError):
    """Not a compiled catalogue, or a damaged one: treated as absent."""


def pack(key: object, sections: Mapping[str, object]) -> bytes:
    """The bytes of a compiled file; ``key`` says what it was compiled from (see ``compiled``)."""
    blobs = {name: marshal.dumps(value, _MARSHAL_VERSION) for name, value in sections.items()}
    places: dict[str, tuple[int, int, int]] = {}
    offset = 0
    for name, blob in blobs.items():
        places[name] = (offset, len(blob), checksum(blob))
        offset += len(blob)
    header = marshal.dumps((key, places), _MARSHAL_VERSION)
    total = _PREFIX + len(header) + offset
    prefix = total.to_bytes(8, "little") + len(header).to_bytes(4, "little") + checksum(header).to_bytes(4, "little")
    return b"".join([MAGIC, prefix, header, *blobs.values()])


class Container:
    """A compiled file in memory; sections are decoded when asked for, and not kept."""

    def __init__(self, data: bytes) -> None:
        """Raises ``BadContainerError`` when ``data`` is not a whole compiled file."""
        self._data = memoryview(data)
        if data[: len(MAGIC)] != MAGIC or int.from_bytes(data[16:24], "little") != len(data):
            raise BadContainerError("not a compiled catalogue, or cut short")
        self._start = _PREFIX + int.from_bytes(data[24:28], "little")
        self.key, self._places = self._decode(_PREFIX, self._start, int.from_bytes(data[28:32], "little"))

    def section(self, name: str) -> Any:
        """One section's data; ``KeyError`` when there is none of that name, ``BadContainerError`` when damaged."""
        offset, length, check = self._places[name]
        start = self._start + offset
        return self._decode(start, start + length, check)

    def _decode(self, start: int, end: int, check: int) -> Any:
        blob = self._data[start:end]
        if len(blob) != end - start or checksum(blob) != check:
            raise BadContainerError("damaged")
        try:
            return marshal.loads(blob)
        except (ValueError, EOFError, TypeError) as error:
            raise BadContainerError(str(error)) from None


def checksum(blob: bytes | memoryview) -> int:
    """CRC-32 of a blob."""
    from binascii import crc32

    return crc32(blob)
