"""A folder of one file in memory, so that no input costs a file of the disk."""

from __future__ import annotations

from dataclasses import dataclass

from vramfit.errors import InputError


@dataclass(frozen=True)
class MemoryFile:
    """A file of some bytes and as many zeros behind them as are said."""

    name: str
    data: bytes
    size_bytes: int | None

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from ``offset`` on, fewer at the end of the file."""
        end = min(offset + length, self.size_bytes or 0)
        return self.data[offset:end].ljust(max(0, end - max(offset, 0)), b"\0")


@dataclass(frozen=True)
class MemoryFolder:
    """A folder with one file."""

    file: MemoryFile
    name: str = "memory"

    def names(self) -> tuple[str, ...]:
        """Name of the file."""
        return (self.file.name,)

    def open(self, name: str) -> MemoryFile:
        """Open the file; raises ``InputError`` for another name."""
        if name != self.file.name:
            raise InputError(f"there is no {name}", "name another file")
        return self.file
