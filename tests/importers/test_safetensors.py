"""Headers of safetensors files and of their sets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.importers.write_safetensors import Memory, MemoryFolder, safetensors
from vramfit.errors import InputError
from vramfit.importers.header import HeaderFile, Raw
from vramfit.importers.safetensors import BITS, find_files, parse, read_safetensors, read_set


def by_hand(text: str | bytes, size: int = 0) -> Memory:
    """A file of a header as written, and ``size`` bytes of data."""
    raw = text.encode() if isinstance(text, str) else text
    return Memory(len(raw).to_bytes(8, "little") + raw, 8 + len(raw) + size)


def row(start: Any, end: Any, dtype: Any = "F32", shape: Any = None) -> dict[str, Any]:
    """One entry, as long as its place unless a shape is given."""
    return {"dtype": dtype, "shape": [(end - start) // 4] if shape is None else shape, "data_offsets": [start, end]}


def test_header() -> None:
    """Entries in the order of the header, each with its place in the file."""
    file = safetensors({"b": ("BF16", (2, 3)), "a": ("F8_E4M3", (5,)), "s": ("I64", ())}, __metadata__={"format": "pt"})
    entries, metadata = read_safetensors(file, 7)
    start = file.size_bytes - 25  # type: ignore[operator]
    assert metadata == {"format": "pt"}
    assert entries == {
        "b": Raw("BF16", (2, 3), 12, 7, start),
        "a": Raw("F8_E4M3", (5,), 5, 7, start + 12),
        "s": Raw("I64", (), 8, 7, start + 17),
    }


@pytest.mark.parametrize("dtype", BITS)
def test_every_type_has_its_width(dtype: str) -> None:
    """Eight elements take as many bytes as the type has bits; a byte more contradicts it."""
    size = BITS[dtype]
    assert read_safetensors(by_hand(json.dumps({"a": row(0, size, dtype, [8])}), size))[0]["a"].stored_bytes == size
    with pytest.raises(InputError, match=f"gives a {size + 1} bytes for 8 elements of {dtype}"):
        read_safetensors(by_hand(json.dumps({"a": row(0, size + 1, dtype, [8])}), size + 1))


def test_a_type_of_tomorrow() -> None:
    """An unknown word is a label; its bytes are its place."""
    entries, _ = read_safetensors(by_hand(json.dumps({"a": row(0, 3, "F2_E1M0", [12])}), 3))
    assert entries["a"].dtype == "F2_E1M0"
    assert entries["a"].stored_bytes == 3


def test_empty_tensors_and_empty_files() -> None:
    """Both are valid."""
    assert read_safetensors(by_hand("{}"))[0] == {}
    entries, _ = read_safetensors(by_hand(json.dumps({"a": row(0, 0, "F32", [0, 4]), "b": row(0, 4)}), 4))
    assert [entry.stored_bytes for entry in entries.values()] == [0, 4]


def test_long_headers_are_read_in_two_steps() -> None:
    """The rest behind the first megabyte, no byte twice."""
    file = safetensors({f"model.layers.{i}.weight": ("F16", (4,)) for i in range(20_000)})
    entries, _ = read_safetensors(file)
    assert len(entries) == 20_000
    (first, then) = file.reads
    assert first == (0, 1 << 20)
    assert then[0] == 1 << 20


HOSTILE: dict[str, tuple[Memory, str]] = {
    "empty": (Memory(b""), "is empty"),
    "seven bytes": (Memory(b"\2\0\0\0\0\0\0"), "is not a safetensors file"),
    "a header of no length": (Memory(bytes(8)), "is not a safetensors file"),
    "a header of 2^63 bytes": (Memory((1 << 63).to_bytes(8, "little") + b"{}"), "is not a safetensors file"),
    "a header of 99 MB": (Memory((99 << 20).to_bytes(8, "little") + b"{}", 1 << 40), "is not a safetensors file"),
    "a header of 50 MB": (Memory((50 << 20).to_bytes(8, "little") + b"{", 1 << 40), "too long to read"),
    "a header longer than the file": (Memory((500).to_bytes(8, "little") + b'{"a":'), "its header promises"),
    "not JSON": (by_hand("{hello}"), "is not valid JSON"),
    "not UTF-8": (by_hand(b'{"\xff": 1}'), "is not UTF-8 text"),
    "nested deeply": (by_hand('{"a":' + "[" * 100_000 + "]" * 100_000 + "}"), "is nested too deeply"),
    "a million lists": (by_hand('{"a":[' + "[]," * 1_000_000 + "[]]}"), "more values than can be read"),
    "a number without end": (by_hand('{"a":' + "9" * 100_000 + "}"), "is not valid JSON"),
    "not a number": (by_hand('{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', 4), "NaN is no number"),
    "a name twice": (by_hand('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":1}', 4), "'a' stands in it twice"),
    "metadata in words": (by_hand('{"__metadata__":"pt"}'), "__metadata__ is not a table"),
    "a word for an entry": (by_hand('{"a":"F32"}'), "describes a in no known form"),
    "a word for a shape": (by_hand(json.dumps({"a": row(0, 4, "F32", "[1]")}), 4), "describes a in no known form"),
    "words for numbers": (by_hand(json.dumps({"a": row(0, 4, "F32", ["1"])}), 4), "describes a in no known form"),
    "truth for numbers": (by_hand(json.dumps({"a": row(0, 4, "F32", [True])}), 4), "describes a in no known form"),
    "fractions": (by_hand(json.dumps({"a": row(0, 4, "F32", [1.0])}), 4), "describes a in no known form"),
    "a negative extent": (by_hand(json.dumps({"a": row(0, 4, "F32", [-1])}), 4), "gives a an impossible shape of F32"),
    "an extent of 2^64": (by_hand(json.dumps({"a": row(0, 4, "F32", [1 << 64])}), 4), "gives a an impossible shape of F32"),
    "a product of 2^80": (by_hand(json.dumps({"a": row(0, 4, "X", [1 << 40, 1 << 40])}), 4), "gives a an impossible shape of X"),
    "one offset": (by_hand('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}', 4), "describes a in no known form"),
    "offsets turned round": (by_hand(json.dumps({"a": row(4, 0, "F32", [1])}), 4), "describes a in no known form"),
    "no type": (by_hand('{"a":{"shape":[1],"data_offsets":[0,4]}}', 4), "describes a in no known form"),
    "escapes in a type": (by_hand(json.dumps({"a": row(0, 4, "\x1b[2J", [1])}), 4), "describes a in no known form"),
    "escapes in a name": (by_hand(json.dumps({"a\x1b[2J": row(0, 4)}), 4), 'a tensor named "a\\x1b[2J"'),
    "an endless name": (by_hand(json.dumps({"a" * 600: row(0, 4)}), 4), "has a tensor named"),
    "fewer bytes than elements": (by_hand(json.dumps({"a": row(0, 4, "F32", [2])}), 4), "4 bytes for 2 elements of F32"),
    "an overlap": (by_hand(json.dumps({"a": row(0, 8), "b": row(4, 12)}), 12), "tensors that overlap at byte"),
    "a gap": (by_hand(json.dumps({"a": row(0, 8), "b": row(12, 16)}), 16), "a gap at byte"),
    "too little data": (by_hand(json.dumps({"a": row(0, 8)}), 7), "its header promises"),
    "more data": (by_hand(json.dumps({"a": row(0, 8)}), 9), "goes on for 1 bytes behind its last tensor"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    """One printable line, exit code 4."""
    file, message = HOSTILE[name]
    with pytest.raises(InputError) as caught:
        read_safetensors(file)
    assert message in caught.value.message
    assert caught.value.message.isprintable()


def test_the_longest_header_of_the_format() -> None:
    """Above the format's own limit it is another kind of file."""
    file = Memory((200 << 20).to_bytes(8, "little") + b"{", 1 << 40)
    with pytest.raises(InputError, match="is not a safetensors file"):
        read_safetensors(file)


def test_a_set() -> None:
    """Every file is numbered, sizes are those of the files, the index's total is compared."""
    folder = MemoryFolder(
        {"1": safetensors({"a": ("F16", (4,))}, __metadata__={"format": "pt"}), "2": safetensors({"b": ("F16", (2,))})}
    )
    found = read_set(folder, ("1", "2"), 13)
    assert found.files == (HeaderFile("1", folder.files["1"].size_bytes), HeaderFile("2", folder.files["2"].size_bytes))
    assert [(name, raw.file, raw.stored_bytes) for name, raw in found.entries.items()] == [("a", 0, 8), ("b", 1, 4)]
    assert found.metadata == {"format": "pt"}
    assert found.notes == ("the index states 13 bytes of tensors, the files hold 12",)
    assert read_set(folder, ("1", "2"), 12).notes == ()


def test_a_tensor_in_two_files() -> None:
    """Two copies of a model in one folder are told, not added up."""
    folder = MemoryFolder({"1": safetensors({"a": ("F16", (4,))}), "2": safetensors({"a": ("F16", (4,))})})
    with pytest.raises(InputError, match="a is in 2 and in another file of the set"):
        read_set(folder, ("1", "2"))


def index(weights: object, total: object = 12) -> Memory:
    """An index file."""
    return Memory(json.dumps({"metadata": {"total_size": total}, "weight_map": weights}).encode())


def test_files_by_index() -> None:
    """What the index lists and nothing else, what is missing apart."""
    here = MemoryFolder({
        "model.safetensors.index.json": index({"a": "m-2.safetensors", "b": "m-1.safetensors", "c": "m-3.safetensors"}),
        "m-1.safetensors": Memory(b""), "m-2.safetensors": Memory(b""), "consolidated.safetensors": Memory(b""),
    })  # fmt: skip
    assert find_files(here) == (("m-1.safetensors", "m-2.safetensors"), ("m-3.safetensors",), 12)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("model.safetensors", "other.safetensors"), ("model.safetensors",)),
        (("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "x.json"),
         ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")),
        (("consolidated.safetensors",), ("consolidated.safetensors",)),
        (("consolidated.safetensors", "m.safetensors"), ("m.safetensors",)),
        (("adapter_model.safetensors",), ("adapter_model.safetensors",)),
    ],
)  # fmt: skip
def test_files_without_index(names: tuple[str, ...], found: tuple[str, ...]) -> None:
    """One model file, or all shards; second copies and adapters only where nothing else is."""
    assert find_files(MemoryFolder({name: Memory(b"") for name in names})) == (found, (), None)


def test_no_files() -> None:
    """A folder without weights."""
    with pytest.raises(InputError, match="folder holds no safetensors file"):
        find_files(MemoryFolder({"config.json": Memory(b"{}")}))


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (index({"a": "../x.safetensors"}), "names the file '../x.safetensors'"),
        (index({"a": "/etc/passwd"}), "names the file '/etc/passwd'"),
        (index({"a": "..\\x"}), "names the file"),
        (index({"a": 3}), "names the file 3"),
        (index({"a": "a\nb"}), "names the file"),
        (index({}), "lists no weights"),
        (index(["a"]), "lists no weights"),
        (Memory(b"[]"), "is not a JSON object"),
        (Memory(b"{"), "is not valid JSON"),
    ],
)
def test_hostile_indices(file: Memory, message: str) -> None:
    """A name never leads out of the folder."""
    with pytest.raises(InputError) as caught:
        find_files(MemoryFolder({"model.safetensors.index.json": file}))
    assert message in caught.value.message


@pytest.mark.parametrize("total", ["12", 12.5, True, None, {}])
def test_a_total_that_is_no_number(total: object) -> None:
    """It is a check only, and left out."""
    files = {"model.safetensors.index.json": index({"a": "m"}, total), "m": Memory(b"")}
    assert find_files(MemoryFolder(files))[2] is None


def test_parse() -> None:
    """Any JSON object; the file is named in errors."""
    assert parse(b'{"a": [1, {"b": null}]}', "config.json") == {"a": [1, {"b": None}]}
    with pytest.raises(InputError, match="is not a JSON object"):
        parse(b"3", "config.json")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_headers_never_surprise(data: st.DataObject) -> None:
    """Bytes changed, cut out or put in: entries that fill the file, or an ``InputError``."""
    file = safetensors(
        {"a.weight": ("BF16", (2, 3)), "b.weight": ("F8_E4M3", (5,)), "c": ("I64", ())}, __metadata__={"x": "y"}
    )
    broken = bytearray(file.data)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(broken) - 1))
        how = data.draw(st.sampled_from(("set", "cut", "put")))
        if how == "set":
            broken[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del broken[at : at + data.draw(st.integers(1, 20))]
        else:
            broken[at:at] = data.draw(st.binary(max_size=8))
        if not broken:
            return
    try:
        entries, _ = read_safetensors(Memory(bytes(broken), len(broken) + 25))
    except InputError as error:
        assert error.message.isprintable()
    else:
        assert sum([raw.stored_bytes for raw in entries.values()]) <= len(broken) + 25
