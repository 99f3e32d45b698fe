"""The walk over GGUF headers: what is read, what is stepped over, what is refused."""

from __future__ import annotations

import itertools
import struct
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.importers.write_gguf import GgufWriter
from tests.importers.write_safetensors import Memory
from vramfit.errors import InputError
from vramfit.importers.gguf import FIRST_CHUNK_BYTES, Entry, read_gguf
from vramfit.importers.source import FileSource
from vramfit.quantization.gguf_layout import BLOCKS
from vramfit.quantization.gguf_types import FILE_TYPES, REMOVED_TYPES, TYPES

if TYPE_CHECKING:
    from pathlib import Path


def memory(writer: GgufWriter, short: int = 0) -> Memory:
    """The file of a writer, without its last ``short`` bytes."""
    header = writer.header()
    return Memory(header, len(header) + writer.data_bytes - short, "x.gguf")


def small(order: str = "<", version: int = 3) -> GgufWriter:
    """A file with every kind of value."""
    writer = GgufWriter(order=order, version=version)
    for number, kind in enumerate(("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")):
        writer.add(kind, kind, number + 1)
    writer.add("float32", "float32", 0.5).add("float64", "float64", 0.25).add("bool", "bool", True)
    writer.add("heads", "int32[]", [8, 4, 8]).add("swa", "bool[]", [True, False]).add("tags", "string[]", ["a", "b"])
    writer.add("tokens", "string[]", [f"t{i}" for i in range(3000)]).add("scores", "float32[]", [0.0] * 3000)
    return writer.tensor("token_embd.weight", (64, 10), 1).tensor("blk.0.attn_q.weight", (64, 64), 8)


VALUES = {
    "general.architecture": "llama", "uint8": 1, "int8": 2, "uint16": 3, "int16": 4, "uint32": 5, "int32": 6,
    "uint64": 7, "int64": 8, "float32": 0.5, "float64": 0.25, "bool": True, "heads": [8, 4, 8], "swa": [True, False],
    "tags": ["a", "b"],
}  # fmt: skip


@pytest.mark.parametrize(("order", "version"), [("<", 3), ("<", 2), (">", 3), (">", 2)])
def test_header(order: str, version: int) -> None:
    """Both byte orders and versions: every value, lengths of every array, tensors with their bytes."""
    writer = small(order, version)
    file = read_gguf(memory(writer))
    assert (file.version, file.big_endian) == (version, order == ">")
    assert file.metadata == VALUES
    assert file.array_lengths == {"heads": 3, "swa": 2, "tags": 2, "tokens": 3000, "scores": 3000}
    assert file.tensors == (
        Entry("token_embd.weight", "F16", (64, 10), 0, 1280),
        Entry("blk.0.attn_q.weight", "Q8_0", (64, 64), 1280, 4352),
    )
    assert file.data_offset == len(writer.header())


def test_alignment(tmp_path: Path) -> None:
    """A file's own alignment moves the data and the tensors in it."""
    writer = GgufWriter(alignment=64).tensor("a", (5,), 0).tensor("b", (5,), 0)
    file = read_gguf(FileSource(str(writer.write(tmp_path / "x.gguf"))))
    assert file.data_offset % 64 == 0
    assert [entry.offset for entry in file.tensors] == [0, 64]
    assert [entry.stored_bytes for entry in file.tensors] == [20, 20]


@pytest.mark.parametrize("kind", [250, 137])
def test_unknown_types_by_their_distance(kind: int) -> None:
    """In the middle to the next tensor, at the end to the end of the file."""
    writer = GgufWriter().tensor("a", (32,), kind, 96).tensor("b", (32,), 0).tensor("c", (32,), kind, 64)
    tensors = read_gguf(memory(writer)).tensors
    assert [(entry.type, entry.stored_bytes) for entry in tensors] == [
        (f"type {kind}", 96),
        ("F32", 128),
        (f"type {kind}", 64),
    ]


def test_unknown_type_and_unknown_size() -> None:
    """Without the size of the file the last tensor's bytes are not known, and are not guessed."""
    source = memory(GgufWriter().tensor("a", (32,), 250, 96))
    source.size_bytes = 1 << 20
    assert read_gguf(source).tensors[0].stored_bytes == (1 << 20) - read_gguf(source).data_offset

    class Unsized(Memory):
        def read(self, offset: int, length: int) -> bytes:
            return self.data[offset : offset + length]

    unsized = Unsized(source.data, name="x.gguf")
    unsized.size_bytes = None
    with pytest.raises(InputError, match="its size is not known"):
        read_gguf(unsized)


def test_types_are_those_of_ggml() -> None:
    """Every number has a block size; numbers that were taken back are not given."""
    assert {kind for kind in TYPES.values() if kind not in BLOCKS} == set()
    assert TYPES.keys() & REMOVED_TYPES.keys() == set()
    assert set(range(43)) - TYPES.keys() == REMOVED_TYPES.keys()
    assert BLOCKS["Q1_0"] == (128, 18)
    assert BLOCKS["Q2_0"] == (64, 18)
    assert BLOCKS["Q8_1"] == (32, 36)
    assert BLOCKS["Q8_K"] == (256, 292)
    assert FILE_TYPES[15] == "Q4_K_M"


def test_a_large_vocabulary_is_neither_read_twice_nor_kept(tmp_path: Path) -> None:
    """Each byte of the header is read once, and memory does not grow with it."""
    writer = GgufWriter().add("tokenizer.ggml.tokens", "string[]", [f"token {i}" for i in range(250_000)])
    writer.add("tokenizer.ggml.scores", "float32[]", [0.0] * 250_000)
    writer.tensor("token_embd.weight", (256, 250_000), 14)
    source = memory(writer)
    tracemalloc.start()
    file = read_gguf(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert file.array_lengths["tokenizer.ggml.tokens"] == 250_000
    assert "tokenizer.ggml.tokens" not in file.metadata
    assert file.tensors[0].stored_bytes == 250_000 * 210
    assert peak < 20 << 20
    places = sorted(source.reads)
    assert places[0] == (0, FIRST_CHUNK_BYTES)
    assert all(first[0] + first[1] <= then[0] for first, then in itertools.pairwise(places))
    assert len(places) < 8


def raw(*parts: bytes, tensors: int = 0, pairs: int = 0, version: int = 3) -> bytes:
    """A header put together by hand."""
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs) + b"".join(parts)


def text(value: bytes) -> bytes:
    """A string with its length."""
    return struct.pack("<Q", len(value)) + value


def entry(name: bytes, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    """A row of the tensor table."""
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


HOSTILE = {
    "a magic alone": (b"GGUF", "ends at 4 bytes"),
    "version 1": (raw(version=1), "GGUF version 1, which llama.cpp no longer reads"),
    "version 0": (raw(version=0), "is GGUF version 0"),
    "version 9": (raw(version=9), "is GGUF version 9"),
    "2^63 tensors": (raw(tensors=1 << 63), "claims 9,223,372,036,854,775,808 tensors"),
    "a million tensors": (raw(tensors=1_000_000), "claims 1,000,000 tensors"),
    "2^60 keys": (raw(pairs=1 << 60), "and 1,152,921,504,606,846,976 keys"),
    "a key longer than the file": (raw(struct.pack("<Q", 200), pairs=1), "ends at"),
    "a key of 2^62 bytes": (raw(struct.pack("<Q", 1 << 62), pairs=1), "a string of 4,611,686,018,427,387,904 bytes"),
    "a value longer than the file": (raw(text(b"k"), struct.pack("<IQ", 8, 1 << 40), pairs=1), "ends at"),
    "an array longer than any header": (raw(text(b"k"), struct.pack("<IIQ", 9, 8, 1 << 62), pairs=1), "elements in k"),
    "strings that go on": (raw(text(b"k"), struct.pack("<IIQ", 9, 8, 5000), b"\xff" * 64, pairs=1), "ends at"),
    "an array of arrays": (raw(text(b"k"), struct.pack("<IIQ", 9, 9, 1), pairs=1), "an array of type 9"),
    "a value of an unknown type": (raw(text(b"k"), struct.pack("<I", 77), pairs=1), "a value of type 77 in k"),
    "a key twice": (raw(text(b"k") + struct.pack("<IB", 0, 1), text(b"k") + struct.pack("<IB", 0, 1), pairs=2), "twice"),
    "a key without a name": (raw(text(b""), pairs=1), "a key without a name"),
    "an alignment of 0": (
        raw(text(b"general.alignment"), struct.pack("<II", 4, 0), pairs=1),
        "an alignment that is no power of two",
    ),
    "an alignment in words": (raw(text(b"general.alignment"), struct.pack("<I", 8), text(b"32"), pairs=1), "no power of two"),
    "a tensor without a name": (raw(entry(b"", (1,)), tensors=1), 'a tensor named ""'),
    "escapes in a name": (raw(entry(b"a\x1b[2J\n", (1,)), tensors=1), 'a tensor named "a\\x1b[2J\\n"'),
    "five dimensions": (raw(entry(b"a", (1,) * 5), tensors=1), "gives a 5 dimensions"),
    "2^32 - 1 dimensions": (raw(text(b"a"), struct.pack("<I", (1 << 32) - 1), tensors=1), "gives a 4,294,967,295 dimensions"),
    "a negative extent": (raw(entry(b"a", ((1 << 64) - 1,)), tensors=1), "elements"),
    "extents whose product overflows": (raw(entry(b"a", (1 << 40, 1 << 40)), tensors=1), "elements"),
    "half a block": (raw(entry(b"a", (48,), 8), tensors=1), "no whole number of Q8_0 blocks"),
    "a removed type": (raw(entry(b"a", (32,), 31), tensors=1), "Q4_0_4_4, a type that llama.cpp no longer reads"),
    "a name twice": (raw(entry(b"a", (8,)), entry(b"a", (8,), 0, 32), b"\0" * 99, tensors=2), "lists a tensor twice"),
    "one place twice": (raw(entry(b"a", (8,)), entry(b"b", (8,)), b"\0" * 99, tensors=2), "overlaps another tensor"),
    "an overlap": (raw(entry(b"a", (16,)), entry(b"b", (8,), 0, 32), b"\0" * 199, tensors=2), "overlaps another tensor"),
    "an odd place": (raw(entry(b"a", (8,), 0, 7), b"\0" * 99, tensors=1), "places a at byte 7"),
    "a place behind the file": (raw(entry(b"a", (8,), 0, 1 << 40), tensors=1), "its header promises"),
    "a place of 2^63": (raw(entry(b"a", (8,), 0, 1 << 63), tensors=1), "places a at byte"),
    "an unknown type behind the file": (raw(entry(b"a", (8,), 99, 1 << 40), tensors=1), "its header promises"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    """One line, printable, with the exit code of a bad file."""
    data, message = HOSTILE[name]
    with pytest.raises(InputError) as caught:
        read_gguf(Memory(data, name="x.gguf"))
    assert message in caught.value.message
    assert caught.value.message.isprintable()
    assert caught.value.exit_code == 4


def test_truncated_data() -> None:
    """One byte short of its last tensor is a failed download; padding behind it may be missing."""
    writer = GgufWriter().tensor("a", (32,), 0).tensor("b", (3,), 0)
    assert len(read_gguf(memory(writer, short=20)).tensors) == 2
    with pytest.raises(InputError, match="its header promises"):
        read_gguf(memory(writer, short=21))


@pytest.mark.parametrize(
    ("inner", "count", "message"),
    [
        (8, 1 << 26, "has arrays of 67,108,864 strings"),
        (0, 1 << 26, "a header of more than 67,108,864 bytes"),
        (8, 3_000_000, "a header of more than 67,108,864 bytes"),
    ],
)
def test_a_header_without_end(inner: int, count: int, message: str) -> None:
    """A gigabyte of empty strings or of numbers is given up where no header goes."""
    head = raw(text(b"k"), struct.pack("<IIQ", 9, inner, count), pairs=1)
    source = Memory(head, 1 << 30, "x.gguf")
    if message.startswith("a header") and inner == 8:
        source.data += struct.pack("<Q", 1 << 27)
    with pytest.raises(InputError, match=message):
        read_gguf(source)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_headers_never_surprise(data: st.DataObject) -> None:
    """Bytes changed, cut out or put in anywhere: a header or an ``InputError``, nothing else."""
    base = small().header()
    broken = bytearray(base)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(broken) - 1, 700)))
        how = data.draw(st.sampled_from(("set", "cut", "put")))
        if how == "set":
            broken[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del broken[at : at + data.draw(st.integers(1, 40))]
        else:
            broken[at:at] = data.draw(st.binary(max_size=16))
    source = Memory(bytes(broken), len(broken) + 5632, "x.gguf")
    try:
        file = read_gguf(source)
    except InputError as error:
        assert error.message.isprintable()
    else:
        assert sum([tensor.stored_bytes for tensor in file.tensors]) <= source.size_bytes  # type: ignore[operator]
