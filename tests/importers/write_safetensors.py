"""Safetensors headers for tests, and files and folders that exist in memory only."""

from __future__ import annotations

import json
import math
from typing import Any

from vramfit.errors import InputError
from vramfit.importers.safetensors import BITS


class Memory:
    """A file in memory, longer than its bytes where its tensors are not worth writing."""

    def __init__(self, data: bytes, size: int | None = None, name: str = "model.safetensors") -> None:
        self.data = data
        self.size_bytes: int | None = len(data) if size is None else size
        self.name = name
        self.reads: list[tuple[int, int]] = []

    def read(self, offset: int, length: int) -> bytes:
        """Zeros behind the bytes that are there."""
        self.reads.append((offset, length))
        assert self.size_bytes is not None
        wanted = max(min(length, self.size_bytes - offset), 0)
        return self.data[offset : offset + wanted].ljust(wanted, b"\0") if wanted < 1 << 24 else b""


class MemoryFolder:
    """A folder of files in memory."""

    name = "folder"

    def __init__(self, files: dict[str, Memory]) -> None:
        self.files = files

    def names(self) -> tuple[str, ...]:
        """See ``Folder``."""
        return tuple(sorted(self.files))

    def open(self, name: str) -> Memory:
        """See ``Folder``."""
        if name not in self.files:
            raise InputError(f"{name}: no such file", None)
        self.files[name].name = name
        return self.files[name]


def safetensors(
    tensors: dict[str, tuple[str, tuple[int, ...]]], data: dict[str, bytes] | None = None, **more: Any
) -> Memory:
    """A file of tensors by name, type and shape; ``data`` gives the bytes of some, ``more`` further header keys."""
    header: dict[str, Any] = dict(more)
    at = 0
    contents: list[tuple[int, bytes]] = []
    for name, (dtype, shape) in tensors.items():
        size = math.prod(shape) * BITS.get(dtype, 8) // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        if data and name in data:
            contents.append((at, data[name]))
        at += size
    text = json.dumps(header).encode()
    raw = bytearray(len(text).to_bytes(8, "little") + text)
    start = len(raw)
    for offset, content in contents:
        raw.extend(b"\0" * (start + offset - len(raw)))
        raw.extend(content)
    return Memory(bytes(raw), start + at)
