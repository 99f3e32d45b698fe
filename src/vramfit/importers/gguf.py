"""GGUF headers, walked by hand: metadata and the table of tensors, from a file or from ranges of one.

Layout: ggml-org/ggml ``docs/gguf.md`` and llama.cpp ``ggml/src/gguf.cpp`` (``gguf_init_from_reader``) at b11434. Magic,
version, two counts, key-value pairs, tensor entries, padding, data. A vocabulary's arrays stand before the tensors, half
a million strings that nobody here needs: they are stepped over by their lengths, in chunks, and only counted.
"""

from __future__ import annotations

from itertools import pairwise
from struct import Struct

from vramfit._record import Record
from vramfit.errors import InputError
from vramfit.importers.source import foreign, printable, truncated
from vramfit.quantization.gguf_layout import BLOCKS
from vramfit.quantization.gguf_types import REMOVED_TYPES, TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.source import ByteSource

    Row = tuple[str, tuple[int, ...], int, int]

AGAIN = "the file is damaged: download it again"

FIRST_CHUNK_BYTES = 1 << 19
LARGEST_CHUNK_BYTES = 1 << 22
"""Bytes of the first read, doubled from read to read up to the second: half a megabyte holds a header with a small
vocabulary, and the largest known (15 MB) takes six reads."""

LONGEST_HEADER_BYTES = 1 << 26
MOST_TENSORS = 1 << 15
MOST_PAIRS = 1 << 14
"""Limits of what is believed. The largest headers known end at 15 MB; llama.cpp's 512 layers of 40 tensors are 20,480."""

MOST_STRINGS = 3_000_000
"""Strings of all arrays together. The largest vocabularies and their merges come to 800,000."""

KEPT_ELEMENTS = 1024
"""Arrays up to this length are kept: the longest that tells about an architecture has one value for each layer."""

KEPT_STRINGS = 64
KEPT_STRING_BYTES = 1 << 20
"""Limits on strings of an array that are kept (labels, tags), and on bytes of a string; chat templates take 20 KB."""

LONGEST_NAME_BYTES = 256
"""Bytes of a tensor's name or a key; ggml's own limit for tensors is 63."""

LARGEST = 1 << 63
"""Elements and offsets from here on do not fit ggml's signed numbers."""

WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
"""Types of metadata values by number: bytes and ``struct`` codes of the fixed-width ones, and the other two."""


class Entry(Record):
    """A tensor as the table of its file states it."""

    name: str
    type: str
    shape: tuple[int, ...]
    """Row length first."""
    offset: int
    """Bytes from the start of the data section."""
    stored_bytes: int


class GgufFile(Record):
    """The header of one GGUF file."""

    name: str
    size_bytes: int | None
    version: int
    big_endian: bool
    metadata: dict[str, object]
    """Values by key; of arrays only those of up to ``KEPT_ELEMENTS`` elements."""
    array_lengths: dict[str, int]
    """Elements of every array."""
    tensors: tuple[Entry, ...]
    data_offset: int
    """Byte at which the header ends and tensor data begins."""


def read_gguf(source: ByteSource) -> GgufFile:
    """The header of one file, its tensors in the order of the table.

    Raises:
        InputError: not a GGUF file, version 1, cut short, or a table that contradicts itself.
    """
    cursor = _Cursor(source)
    version, tensor_count, pair_count = _preamble(cursor)
    metadata: dict[str, object] = {}
    lengths: dict[str, int] = {}
    for _ in range(pair_count):
        key = cursor.string(LONGEST_NAME_BYTES)
        if key in metadata or key in lengths or not key:
            raise cursor.fault(f'has the key "{printable(key)}" twice' if key else "has a key without a name")
        _value(cursor, key, metadata, lengths)
    rows: list[Row] = [_row(cursor) for _ in range(tensor_count)]
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
        raise cursor.fault("has an alignment that is no power of two")
    end = -(-cursor.at // alignment) * alignment
    tensors = _sized(source, rows, end, alignment)
    return GgufFile(source.name, source.size_bytes, version, cursor.order == ">", metadata, lengths, tensors, end)


def _preamble(cursor: _Cursor) -> tuple[int, int, int]:
    """Version, tensors and key-value pairs; sets the byte order of the cursor."""
    first = cursor.peek(24)
    if first[:4] != b"GGUF":
        raise foreign(cursor.source, first, "GGUF")
    cursor.at = 4
    # A version that is a multiple of 65,536 is a small one written in the other byte order.
    if first[4:6] == b"\0\0":
        cursor.order = ">"
    version = cursor.number("I")
    if version == 1:
        raise InputError(
            f"{cursor.source.name} is GGUF version 1, which llama.cpp no longer reads",
            "convert the model again, or download a current file",
        )
    if version not in (2, 3):
        raise cursor.fault(f"is GGUF version {version}; 2 and 3 are known")
    tensors, pairs = cursor.number("Q"), cursor.number("Q")
    if tensors > MOST_TENSORS or pairs > MOST_PAIRS:
        raise cursor.fault(f"claims {tensors:,} tensors and {pairs:,} keys: no model has as many")
    return version, tensors, pairs


def _value(cursor: _Cursor, key: str, metadata: dict[str, object], lengths: dict[str, int]) -> None:
    """Read one value into ``metadata``, or step over it."""
    kind = cursor.number("I")
    if kind == STRING:
        length = cursor.number("Q")
        if length <= KEPT_STRING_BYTES:
            metadata[key] = cursor.text(length)
        else:
            cursor.skip(length)
    elif kind == ARRAY:
        inner, count = cursor.number("I"), cursor.number("Q")
        if count > LONGEST_HEADER_BYTES:
            raise cursor.fault(f"claims {count:,} elements in {printable(key)}")
        lengths[key] = count
        if inner == STRING:
            if count <= KEPT_STRINGS:
                metadata[key] = [cursor.string(KEPT_STRING_BYTES) for _ in range(count)]
            else:
                cursor.skip_strings(count)
        elif inner in WIDTHS:
            width = count * WIDTHS[inner]
            if count <= KEPT_ELEMENTS:
                metadata[key] = list(Struct(f"{cursor.order}{count}{CODES[inner]}").unpack(cursor.take(width)))
            else:
                cursor.skip(width)
        else:
            raise cursor.fault(f"has an array of type {inner} in {printable(key)}")
    elif kind in WIDTHS:
        metadata[key] = cursor.scalar(CODES[kind])
    else:
        raise cursor.fault(f"has a value of type {kind} in {printable(key)}")


def _row(cursor: _Cursor) -> Row:
    """Name, shape, type number and offset of the next tensor."""
    name = cursor.string(LONGEST_NAME_BYTES)
    if not name or not name.isprintable():
        raise cursor.fault(f'has a tensor named "{printable(name)}"')
    dimensions = cursor.number("I")
    if dimensions > 4:
        raise cursor.fault(f"gives {printable(name)} {dimensions:,} dimensions")
    shape = Struct(f"{cursor.order}{dimensions}Q").unpack(cursor.take(8 * dimensions))
    kind, offset = Struct(cursor.order + "IQ").unpack(cursor.take(12))
    return name, shape, kind, offset


def _sized(source: ByteSource, rows: list[Row], data: int, alignment: int) -> tuple[Entry, ...]:
    """The entries with their bytes: by type and shape, or by the distance to the next where the type is unknown."""
    if len({row[0] for row in rows}) < len(rows):
        raise InputError(f"{source.name} lists a tensor twice", AGAIN)
    room = None if source.size_bytes is None else source.size_bytes - data
    starts = sorted({row[3] for row in rows})
    following = dict(pairwise(starts))
    entries, taken = [], set()
    for name, shape, kind, offset in rows:
        if offset >= LARGEST or offset % alignment:
            raise InputError(f"{source.name} places {printable(name)} at byte {offset:,} of its data", AGAIN)
        stored = _bytes(source, name, shape, kind)
        after = following.get(offset, room)
        if stored is None:
            if after is None:
                raise InputError(
                    f"{source.name} ends in a tensor of type {kind}, which is unknown, and its size is not known",
                    "download the file and name it",
                )
            stored = max(after - offset, 1)
        if room is not None and offset + stored > room:
            raise truncated(source, data + offset + stored)
        if stored and (offset in taken or (after is not None and offset + stored > after)):
            raise InputError(f"{source.name}: {printable(name)} overlaps another tensor", AGAIN)
        if stored:
            taken.add(offset)
        entries.append(Entry(name, TYPES.get(kind, f"type {kind}"), shape, offset, stored))
    return tuple(entries)


def _bytes(source: ByteSource, name: str, shape: tuple[int, ...], kind: int) -> int | None:
    """Bytes of a tensor of a known type, None for an unknown one."""
    elements = 1
    for extent in shape:
        elements *= extent
    if elements >= LARGEST or (shape and max(shape) >= LARGEST):
        raise InputError(f"{source.name} gives {printable(name)} {elements:,} elements", AGAIN)
    if kind in REMOVED_TYPES:
        raise InputError(
            f"{source.name}: {printable(name)} is {REMOVED_TYPES[kind]}, a type that llama.cpp no longer reads",
            "quantize the model again, or download a current file",
        )
    if kind not in TYPES:
        return None
    block, size = BLOCKS[TYPES[kind]]
    if elements % block:
        raise InputError(f"{source.name}: {printable(name)} is no whole number of {TYPES[kind]} blocks", AGAIN)
    return elements // block * size


class _Cursor:
    """A place in a file that moves forward, over a buffer of one chunk."""

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self.order = "<"
        self.at = 0
        self._buffer = b""
        self._base = 0
        self._chunk = FIRST_CHUNK_BYTES
        self._strings = 0

    def fault(self, what: str) -> InputError:
        """The error for a header that says what cannot be."""
        return InputError(f"{self.source.name} {what}", AGAIN)

    def peek(self, length: int) -> bytes:
        """Up to ``length`` bytes from here on, without moving."""
        start = self.at - self._base
        if start < 0 or start + length > len(self._buffer):
            self._fill(length)
            start = 0
        return self._buffer[start : start + length]

    def take(self, length: int) -> bytes:
        """Exactly ``length`` bytes, moving behind them."""
        found = self.peek(length)
        if len(found) < length:
            raise truncated(self.source, self.at + length)
        self.at += length
        return found

    def skip(self, length: int) -> None:
        """Move over ``length`` bytes unread."""
        self.at += length
        self._check()

    def scalar(self, code: str) -> object:
        """One value of a ``struct`` code."""
        form = Struct(self.order + code)
        return form.unpack(self.take(form.size))[0]

    def number(self, code: str) -> int:
        """One integer of a ``struct`` code."""
        value = self.scalar(code)
        assert isinstance(value, int)
        return value

    def string(self, longest: int) -> str:
        """A string with its length before it; not UTF-8, it has replacement characters."""
        length = self.number("Q")
        if length > longest:
            raise self.fault(f"has a string of {length:,} bytes at byte {self.at:,}")
        return self.text(length)

    def text(self, length: int) -> str:
        """``length`` bytes as text."""
        return self.take(length).decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        """Move over ``count`` strings by their lengths: the inner loop of every large vocabulary."""
        self._strings += count
        if self._strings > MOST_STRINGS:
            raise self.fault(f"has arrays of {self._strings:,} strings")
        length_at = Struct(self.order + "Q").unpack_from
        while count:
            if len(self.peek(8)) < 8:
                raise truncated(self.source, self.at + 8)
            buffer, base = self._buffer, self._base
            here, last = self.at - base, len(buffer) - 8
            while count and here <= last:
                here += 8 + length_at(buffer, here)[0]
                count -= 1
            self.at = base + here
            self._check()

    def _check(self) -> None:
        """Refuse a place that no header reaches."""
        if self.source.size_bytes is not None and self.at > self.source.size_bytes:
            raise truncated(self.source, self.at)
        if self.at > LONGEST_HEADER_BYTES:
            raise self.fault(f"has a header of more than {LONGEST_HEADER_BYTES:,} bytes")

    def _fill(self, length: int) -> None:
        """Read the next chunk, keeping what is left of the last: no byte is fetched twice."""
        self._check()
        start = self.at - self._base
        left = self._buffer[start:] if 0 <= start < len(self._buffer) else b""
        behind = self.at + len(left)
        size = self.source.size_bytes
        wanted = max(length - len(left), self._chunk)
        if size is not None:
            wanted = min(wanted, size - behind)
        self._buffer = b""
        self._buffer = left + (self.source.read(behind, wanted) if wanted > 0 else b"")
        self._base = self.at
        self._chunk = min(2 * self._chunk, LARGEST_CHUNK_BYTES)
