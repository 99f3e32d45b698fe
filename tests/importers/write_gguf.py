"""A writer of GGUF headers for tests: only what a reader looks at, the tensors' data a hole in the file."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SCALARS = {
    "uint8": (0, "B"), "int8": (1, "b"), "uint16": (2, "H"), "int16": (3, "h"), "uint32": (4, "I"), "int32": (5, "i"),
    "float32": (6, "f"), "bool": (7, "?"), "uint64": (10, "Q"), "int64": (11, "q"), "float64": (12, "d"),
}  # fmt: skip
SIZES = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34), 12: (256, 144), 14: (256, 210), 24: (1, 1), 30: (1, 2), 39: (32, 17),
    40: (64, 36),
}  # fmt: skip
"""Block and bytes of the types that tests write; others must say their bytes."""


@dataclass
class GgufWriter:
    """Collects metadata and tensors; ``header`` and ``write`` lay them out as llama.cpp does."""

    architecture: str | None = "llama"
    version: int = 3
    order: str = "<"
    alignment: int = 32
    pairs: list[tuple[str, str, Any]] = field(default_factory=list)
    tensors: list[tuple[str, tuple[int, ...], int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.architecture is not None:
            self.add("general.architecture", "string", self.architecture)
        if self.alignment != 32:
            self.add("general.alignment", "uint32", self.alignment)

    def add(self, key: str, kind: str, value: Any) -> GgufWriter:
        """A key-value pair; arrays have a kind like ``int32[]``."""
        self.pairs.append((key, kind, value))
        return self

    def tensor(self, name: str, shape: tuple[int, ...], kind: int = 1, stored: int | None = None) -> GgufWriter:
        """A tensor of a type's number, row length first."""
        if stored is None:
            block, size = SIZES[kind]
            elements = 1
            for extent in shape:
                elements *= extent
            stored = elements // block * size
        self.tensors.append((name, shape, kind, stored))
        return self

    def _string(self, text: str | bytes) -> bytes:
        raw = text if isinstance(text, bytes) else text.encode("utf-8")
        return struct.pack(self.order + "Q", len(raw)) + raw

    def _pair(self, key: str, kind: str, value: Any) -> bytes:
        out = self._string(key)
        if kind == "string":
            return out + struct.pack(self.order + "I", 8) + self._string(value)
        if kind == "string[]":
            head = struct.pack(self.order + "IIQ", 9, 8, len(value))
            return out + head + b"".join([self._string(text) for text in value])
        if kind.endswith("[]"):
            number, code = SCALARS[kind[:-2]]
            head = struct.pack(self.order + "IIQ", 9, number, len(value))
            return out + head + struct.pack(f"{self.order}{len(value)}{code}", *value)
        number, code = SCALARS[kind]
        return out + struct.pack(self.order + "I" + code, number, value)

    def header(self) -> bytes:
        """Everything before the data, padding included."""
        out = [b"GGUF", struct.pack(self.order + "IQQ", self.version, len(self.tensors), len(self.pairs))]
        out += [self._pair(*pair) for pair in self.pairs]
        at = 0
        for name, shape, kind, stored in self.tensors:
            out.append(self._string(name))
            out.append(struct.pack(f"{self.order}I{len(shape)}QIQ", len(shape), *shape, kind, at))
            at += -(-stored // self.alignment) * self.alignment
        raw = b"".join(out)
        return raw + b"\0" * (-len(raw) % self.alignment)

    @property
    def data_bytes(self) -> int:
        """Bytes of the data section."""
        return sum([-(-stored // self.alignment) * self.alignment for *_, stored in self.tensors])

    def write(self, path: Path) -> Path:
        """The file, sparse behind its header."""
        with path.open("wb") as file:
            file.write(self.header())
            file.truncate(file.tell() + self.data_bytes)
        return path
