"""File format of the compiled catalogue: a header, then parts that are decoded one by one.

magic (16 bytes) · file length (8) · header length (4) · header checksum (4) · header · parts

A part is a section (any data), or the records of a kind, or their index: offset, length and checksum of each. A look-up
table is a kind whose records are its shards, of which one is decoded for a key. Header, sections and records are
``marshal`` of version 4, which Python reads from 3.4 on and which holds plain data only. Each carries a checksum that is
compared before unmarshalling, because ``marshal`` may crash on damaged input. Such a file is only ever one that
``curation.packing`` wrote.
"""

from __future__ import annotations

import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAGIC = b"vramfit-cat\x00\x00\x00\x00\x04"
"""File type and, in the last byte, the version of this layout."""

SHARDS = 251
"""Number of parts of a look-up table, so that looking up one key decodes some ten of its thousands; a prime."""

MODULUS = 2**30 - 35
"""Prime of one digit of Python's integers, by which dividing a long number is quick."""

_PREFIX = len(MAGIC) + 16
_PLACE = 12
"""Bytes per record in a kind's index: offset, length, checksum."""


class BadContainerError(ValueError):
    """A file that is no compiled catalogue, or a damaged one: treated as absent."""


class Container:
    """Compiled file, whose parts are read and decoded when asked for, and not kept, but for whole tables."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        """``read(start, length)`` gives bytes of a file of ``size`` bytes.

        Raises ``BadContainerError`` when it is not a whole compiled file.
        """
        self._read = read
        self._tables: dict[str, dict[str, Any]] = {}
        """Whole look-up tables, which are sought through for each name that nothing has."""
        self.repair: Callable[[], Container] | None = None
        """Function that makes a sound one where a part turns out to be damaged; None where nothing can."""
        prefix = read(0, _PREFIX)
        if prefix[: len(MAGIC)] != MAGIC or int.from_bytes(prefix[16:24], "little") != size:
            raise BadContainerError("not a compiled catalogue, or cut short")
        self._start = _PREFIX + int.from_bytes(prefix[24:28], "little")
        check = int.from_bytes(prefix[28:32], "little")
        self.key, self._places = self._decode(_PREFIX, self._start - _PREFIX, check)

    def has(self, name: str) -> bool:
        """True if there is such a section."""
        return name in self._places

    def section(self, name: str) -> Any:
        """Data of one section."""
        try:
            return self._section(name)
        except BadContainerError:
            return self._repaired()._section(name)

    def _section(self, name: str) -> Any:
        offset, length, check = self._places[name]
        return self._decode(self._start + offset, length, check)

    def look_up(self, table: str, key: str) -> Any:
        """Value of ``key`` in ``table``; None where it has none."""
        return self.record(table, shard_of(key)).get(key)

    def table(self, name: str) -> dict[str, Any]:
        """Whole look-up table."""
        if name not in self._tables:
            whole: dict[str, Any] = {}
            for shard in range(SHARDS):
                whole |= self.record(name, shard)
            self._tables[name] = whole
        return self._tables[name]

    def record(self, kind: str, number: int) -> Any:
        """Record ``number`` of a kind, from 0."""
        try:
            return self._record(kind, number)
        except BadContainerError:
            return self._repaired()._record(kind, number)

    def _record(self, kind: str, number: int) -> Any:
        start = self._start + self._places[f"{kind}/index"][0] + number * _PLACE
        place = self._read(start, _PLACE)
        offset, length, check = (int.from_bytes(place[at : at + 4], "little") for at in (0, 4, 8))
        return self._decode(self._start + self._places[f"{kind}/records"][0] + offset, length, check)

    def _repaired(self) -> Container:
        """Container with the parts of a sound one put into it; raises the error at hand where there is none."""
        if self.repair is None:
            raise  # noqa: PLE0704  (called where one is handled)
        self.__dict__.update(vars(self.repair()))
        return self

    def _decode(self, start: int, length: int, check: int) -> Any:
        blob = self._read(start, length)
        if len(blob) != length or checksum(blob) != check:
            raise BadContainerError("damaged")
        try:
            return marshal.loads(blob)  # noqa: S302  (checked above, and only ever written by pack)
        except (ValueError, EOFError, TypeError) as error:
            raise BadContainerError(str(error)) from None


def in_memory(content: bytes) -> Container:
    """Container of a compiled file's bytes."""
    return Container(lambda start, length: content[start : start + length], len(content))


def shard_of(key: str) -> int:
    """Number of the shard that holds a key of a look-up table."""
    return int.from_bytes(key.encode(), "little") % SHARDS


def checksum(content: bytes) -> int:
    """Remainder of the bytes as one number, which a change of any one of them changes; no length is in it.

    ``zlib`` and ``binascii`` have better ones, and map two shared libraries into the process when they are loaded, which
    takes as long as all else that is done with the catalogue.
    """
    return int.from_bytes(content, "little") % MODULUS
