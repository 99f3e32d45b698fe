"""Files made to hurt: each writer fills a folder and returns what stands behind ``--model``."""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING, Any

from tests.importers import models
from tests.importers.trees import digest, manifest, ollama_blob, ollama_tag
from tests.importers.write_gguf import GgufWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Writer = Callable[[Path], str]

ESCAPES = "\x1b[31mred\x1b[0m\r\nerror: forged\u202e\x07"
"""Characters that would colour a terminal, forge a line and turn the direction of text."""
BRACKETS = 200_000
MANY = 700_000
"""Values of a JSON bomb that are more than any reader here takes."""
MILLION = 1_000_000


def gguf(change: Callable[[GgufWriter], object], name: str = "x.gguf") -> Writer:
    """A GGUF file of the small model after a change of what its header says."""

    def write(folder: Path) -> str:
        writer = models.gguf()
        change(writer)
        return str(writer.write(folder / name))

    return write


def stated(key: str, kind: str, value: Any) -> Writer:
    """A GGUF file whose metadata has another value under a key."""

    def change(writer: GgufWriter) -> None:
        writer.pairs[:] = [pair for pair in writer.pairs if pair[0] != key] + [(key, kind, value)]

    return gguf(change)


def raw(content: bytes, name: str, size: int | None = None) -> Writer:
    """A file of these bytes, with a hole behind them up to ``size``."""

    def write(folder: Path) -> str:
        path = folder / name
        path.write_bytes(content)
        if size is not None:
            os.truncate(path, size)
        return str(path)

    return write


def cut(part: float) -> Writer:
    """The beginning of a sound GGUF file, as a part of its header."""
    header = models.gguf().header()
    return raw(header[: int(len(header) * part)], "x.gguf")


def gguf_counts(tensors: int, pairs: int) -> Writer:
    """A GGUF preamble with these counts, and much room behind it."""
    return raw(b"GGUF" + struct.pack("<IQQ", 3, tensors, pairs), "x.gguf", 1 << 30)


def gguf_pair(kind: int, content: bytes) -> Writer:
    """A GGUF file whose only value has this type and these bytes."""
    start = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<I", kind)
    return raw(start + content, "x.gguf", 1 << 30)


def gguf_offsets(offset: int) -> Writer:
    """A sound GGUF file but for the place of its second tensor."""

    def write(folder: Path) -> str:
        writer = GgufWriter()
        writer.tensor("a.weight", (32,), 0).tensor("b.weight", (32,), 0)
        header = bytearray(writer.header())
        at = header.index(b"b.weight") + 8 + 4 + 8 + 4
        header[at : at + 8] = struct.pack("<Q", offset)
        path = folder / "x.gguf"
        path.write_bytes(bytes(header) + b"\0" * 256)
        return str(path)

    return write


def safetensors(header: Any, size: int | None = 0, length: int | None = None) -> Writer:
    """A safetensors file with a header of any kind: JSON of a value, or bytes; ``size`` of data behind it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    start = struct.pack("<Q", len(text) if length is None else length) + text
    return raw(start, "model.safetensors", None if size is None else len(start) + size)


def tensor(dtype: Any = "F32", shape: Any = (1,), offsets: Any = (0, 4)) -> dict[str, Any]:
    """One entry of a safetensors header."""
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def files(contents: Mapping[str, Any]) -> Writer:
    """A folder of JSON files, of values or of bytes."""

    def write(folder: Path) -> str:
        for name, value in contents.items():
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            (folder / name).write_bytes(content)
        return str(folder)

    return write


def config(**changes: Any) -> Writer:
    """A folder with the small model's configuration alone, some fields of it changed."""
    return files({"config.json": {**models.CONFIG, **changes}})


def beside(name: str, value: Any) -> Writer:
    """A folder with the small model's configuration, a shard of weights, and a hostile file beside them."""
    return files({"config.json": models.CONFIG, "model-00001-of-00002.safetensors": b"", name: value})


def tag(value: Any, blobs: Mapping[int, bytes] | None = None) -> Writer:
    """An Ollama store with one tag, ``foo``, whose manifest is any value."""

    def write(folder: Path) -> str:
        ollama_tag(folder, "registry.ollama.ai/library/foo/latest", value)
        for number, content in (blobs or {}).items():
            ollama_blob(folder, number, content)
        return "ollama:foo"

    return write


def layer(**changes: Any) -> dict[str, Any]:
    """A manifest with one layer, its fields changed."""
    one = {"mediaType": "application/vnd.ollama.image.model", "digest": digest(1), "size": 1}
    return {"schemaVersion": 2, "layers": [{**one, **changes}]}


def link_to_itself(name: str) -> Writer:
    """A link that leads to itself."""

    def write(folder: Path) -> str:
        (folder / name).symlink_to(folder / name)
        return str(folder / name)

    return write


def links_in_a_circle(folder: Path) -> str:
    """Folders that hold each other, and a configuration that is one of two links to each other."""
    (folder / "below").symlink_to(folder)
    (folder / "config.json").symlink_to(folder / "other.json")
    (folder / "other.json").symlink_to(folder / "config.json")
    return str(folder)


def pipe(folder: Path) -> str:
    """A named pipe that nobody writes to."""
    os.mkfifo(folder / "x.gguf")
    return str(folder / "x.gguf")


def of_files(name: str, content: bytes) -> Writer:
    """A folder with one file of raw bytes."""

    def write(folder: Path) -> str:
        (folder / name).write_bytes(content)
        return str(folder)

    return write


def entries(count: int) -> bytes:
    """A safetensors header of so many tensors without elements."""
    rows = [b',"layers.%d.w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % number for number in range(count)]
    return b'{"__metadata__":{}' + b"".join(rows) + b"}"


NESTED = b'{"a":' * BRACKETS
WIDE = b'{"a":[' + b"0," * MANY + b"0]}"
HUGE_NUMBER = b'{"num_hidden_layers":' + b"9" * 100_000 + b"}"

REFUSED: dict[str, Writer] = {
    "gguf: empty": raw(b"", "x.gguf"),
    "gguf: magic alone": raw(b"GGUF", "x.gguf"),
    "gguf: cut in its metadata": cut(0.1),
    "gguf: cut in its table": cut(0.95),
    "gguf: cut in its data": raw(models.gguf().header(), "x.gguf"),
    "gguf: 2^63 tensors": gguf_counts(1 << 63, 0),
    "gguf: 2^64 - 1 keys": gguf_counts(0, (1 << 64) - 1),
    "gguf: a million tensors": gguf_counts(MILLION, 0),
    "gguf: version 2^31": raw(b"GGUF" + struct.pack("<IQQ", 1 << 31, 1, 1), "x.gguf", 1 << 20),
    "gguf: a key of 2^63 bytes": raw(b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 63), "x.gguf", 1 << 30),
    "gguf: a string of 2^63 bytes": gguf_pair(8, struct.pack("<Q", 1 << 63)),
    "gguf: an array of 2^63 bytes": gguf_pair(9, struct.pack("<IQ", 0, 1 << 63)),
    "gguf: an array of 2^40 strings": gguf_pair(9, struct.pack("<IQ", 8, 1 << 40)),
    "gguf: 60 million empty strings": gguf_pair(9, struct.pack("<IQ", 8, 60_000_000)),
    "gguf: arrays of arrays": gguf_pair(9, struct.pack("<IQ", 9, 1 << 20)),
    "gguf: a value of type 99": gguf_pair(99, b""),
    "gguf: tensors that overlap": gguf_offsets(0),
    "gguf: a tensor beyond the end": gguf_offsets(1 << 40),
    "gguf: a tensor at 2^64 - 32": gguf_offsets((1 << 64) - 32),
    "gguf: a tensor at no multiple of 32": gguf_offsets(129),
    "gguf: 2^80 elements": gguf(lambda w: w.tensor("a.weight", (1 << 40, 1 << 40), 1, 32)),
    "gguf: extents of 2^63": gguf(lambda w: w.tensor("a.weight", (1 << 63,), 1, 32)),
    "gguf: five extents": gguf(lambda w: w.tensor("a.weight", (1, 1, 1, 1, 1), 1, 32)),
    "gguf: a tensor twice": gguf(lambda w: w.tensor("output_norm.weight", (256,), 0)),
    "gguf: escapes in a name": gguf(lambda w: w.tensor(ESCAPES, (256,), 0)),
    "gguf: escapes in a key twice": gguf(lambda w: w.add(ESCAPES, "uint8", 1).add(ESCAPES, "uint8", 1)),
    "gguf: an alignment of 3": stated("general.alignment", "uint32", 3),
    "gguf: an alignment of 2^31": stated("general.alignment", "uint32", 1 << 31),
    "gguf: no architecture": stated("general.architecture", "uint32", 1),
    "gguf: escapes in its architecture": stated("general.architecture", "string", ESCAPES),
    "gguf: layers as text": stated("llama.block_count", "string", "4"),
    "gguf: 2^32 - 1 layers": stated("llama.block_count", "uint32", (1 << 32) - 1),
    "gguf: minus four layers": stated("llama.block_count", "int32", -4),
    "gguf: heads as texts": stated("llama.attention.head_count", "string[]", ["8"] * 4),
    "gguf: a million heads by layer": stated("llama.attention.head_count_kv", "uint32[]", [1] * MILLION),
    "gguf: one of 99,999 parts": gguf(lambda w: None, "x-00001-of-99999.gguf"),
    "gguf: a link to itself": link_to_itself("x.gguf"),
    "gguf: a pipe": pipe,
    "safetensors: empty": raw(b"", "model.safetensors"),
    "safetensors: a header of 2^63 bytes": safetensors({}, 1 << 30, 1 << 63),
    "safetensors: a header of 2^64 - 1 bytes": safetensors({}, 1 << 30, (1 << 64) - 1),
    "safetensors: a header of 90 MB": safetensors({}, 1 << 30, 90_000_000),
    "safetensors: cut in its header": safetensors(b'{"a":', None, 4000),
    "safetensors: cut in its data": safetensors({"a": tensor(shape=[1 << 20], offsets=[0, 4 << 20])}),
    "safetensors: longer than its data": safetensors({"a": tensor()}, 1 << 20),
    "safetensors: tensors that overlap": safetensors({"a": tensor(), "b": tensor(offsets=[2, 6])}, 6),
    "safetensors: a gap": safetensors({"a": tensor(), "b": tensor(offsets=[8, 12])}, 12),
    "safetensors: 2^80 elements": safetensors({"a": tensor(shape=[1 << 40, 1 << 40])}, 4),
    "safetensors: extents below zero": safetensors({"a": tensor(shape=[-1, -1])}, 4),
    "safetensors: extents as text": safetensors({"a": tensor(shape=["1"])}, 4),
    "safetensors: true for an extent": safetensors({"a": tensor(shape=[True])}, 4),
    "safetensors: offsets as text": safetensors({"a": tensor(offsets=["0", "4"])}, 4),
    "safetensors: a type of escapes": safetensors({"a": tensor(dtype=ESCAPES)}, 4),
    "safetensors: escapes in a name": safetensors({ESCAPES: tensor()}, 4),
    "safetensors: a name of 100,000 letters": safetensors({"a" * 100_000: tensor()}, 4),
    "safetensors: a name twice": safetensors(b'{"a":{"dtype":"U8"},"a":{"dtype":"U8"}}'),
    "safetensors: escapes in a name twice": safetensors(b'{"\\u001b[31m":1,"\\u001b[31m":2}'),
    "safetensors: nested": safetensors(NESTED),
    "safetensors: wide": safetensors(WIDE),
    "safetensors: 150,000 tensors": safetensors(entries(150_000)),
    "safetensors: a number of 100,000 digits": safetensors(HUGE_NUMBER),
    "safetensors: no number": safetensors(b'{"a":NaN}'),
    "safetensors: no text": safetensors(b'{"\xff":1}'),
    "safetensors: a list": safetensors([1]),
    "safetensors: metadata as a list": safetensors({"__metadata__": [1], "a": tensor()}, 4),
    "safetensors: a link to itself": link_to_itself("model.safetensors"),
    "index: a list": beside("model.safetensors.index.json", []),
    "index: no weights": beside("model.safetensors.index.json", {"weight_map": {}}),
    "index: weights as a list": beside("model.safetensors.index.json", {"weight_map": ["a"]}),
    "index: nested": beside("model.safetensors.index.json", NESTED),
    "index: wide": beside("model.safetensors.index.json", WIDE),
    "index: files that lead out": beside("model.safetensors.index.json", {"weight_map": {"a": "../x.safetensors"}}),
    "index: a file of escapes": beside("model.safetensors.index.json", {"weight_map": {"a": ESCAPES}}),
    "index: files as numbers": beside("model.safetensors.index.json", {"weight_map": {"a": 1}}),
    "index: files as lists": beside("model.safetensors.index.json", {"weight_map": {"a": ["x"]}}),
    "config: empty": of_files("config.json", b""),
    "config: a list": files({"config.json": [1]}),
    "config: nested": of_files("config.json", NESTED),
    "config: wide": of_files("config.json", WIDE),
    "config: long": of_files("config.json", b'{"a": "' + b"x" * (1 << 25) + b'"}'),
    "config: a number of 100,000 digits": of_files("config.json", HUGE_NUMBER),
    "config: a field twice": of_files("config.json", b'{"\\u001b[31m": 1, "\\u001b[31m": 2}'),
    "config: layers as text": config(num_hidden_layers="4"),
    "config: width as text": config(hidden_size="256"),
    "config: vocabulary as text": config(vocab_size="1024"),
    "config: minus four layers": config(num_hidden_layers=-4),
    "config: a billion layers": config(num_hidden_layers=10**9),
    "config: 10^30 layers": config(num_hidden_layers=10**30),
    "config: endless layers": config(num_hidden_layers=float("inf")),
    "config: a width of 10^30": config(hidden_size=10**30),
    "config: a vocabulary of 10^30": config(vocab_size=10**30),
    "config: minus one key head": config(num_key_value_heads=-1),
    "config: a billion experts": config(model_type="mixtral", num_local_experts=10**9, num_experts_per_tok=2),
    "config: width as text in a section": config(model_type="llava", text_config={**models.CONFIG, "hidden_size": "x"}),
    "config: links in a circle": links_in_a_circle,
    "adapter: its own base": files({"adapter_config.json": {"base_model_name_or_path": "."}}),
    "adapter: a base of escapes": files({"adapter_config.json": {"base_model_name_or_path": ESCAPES}}),
    "adapter: nested": of_files("adapter_config.json", NESTED),
    "modules: nested": beside("modules.json", NESTED),
    "modules: wide": beside("modules.json", WIDE),
    "modules: a folder that leads out": beside("modules.json", [{"path": "../.."}]),
    "pipeline: nested": of_files("model_index.json", NESTED),
    "pipeline: parts that lead out": files({"model_index.json": {"../..": ["diffusers", "X"]}}),
    "quantization: nested": beside("quantize_config.json", NESTED),
    "quantization: wide": beside("hf_quant_config.json", WIDE),
    "quantization: a list": beside("quant_config.json", [1]),
    "manifest: a list": tag([]),
    "manifest: no layers": tag({"layers": "x"}),
    "manifest: a layer of escapes": tag(layer(digest=ESCAPES)),
    "manifest: a digest that leads out": tag(layer(digest="sha256:../../../../etc/passwd")),
    "manifest: a size as text": tag(layer(size="1")),
    "manifest: a blob that is not there": tag(layer()),
    "manifest: a blob that is no GGUF": tag(layer(), {1: b"x"}),
    "manifest: no weights": tag(manifest({"params": (2, 2)})),
}  # fmt: skip
"""Files that are refused: one line, exit 4."""

ANSWERED: dict[str, tuple[int, Writer]] = {
    "gguf: escapes in its name": (0, stated("general.name", "string", ESCAPES)),
    "gguf: no width but its tensors'": (0, stated("llama.embedding_length", "uint32", 0)),
    "gguf: an endless context": (0, stated("llama.context_length", "uint32", (1 << 31) - 1)),
    "config: escapes in its name": (0, config(_name_or_path=f"acme/{ESCAPES}")),
    "config: escapes in its type": (3, config(model_type=ESCAPES, architectures=[ESCAPES])),
    "config: a type that leads out": (3, config(model_type="../../../etc/passwd", architectures=None)),
    "config: many layer types": (0, config(layer_types=["full_attention"] * 600_000)),
    "config: an endless context": (0, config(max_position_embeddings=10**18)),
    "quantization: bits as text": (3, config(quantization_config={"quant_method": "gptq", "bits": "4"})),
    "quantization: no bits": (3, config(quantization_config={"quant_method": "gptq", "bits": 0})),
    "quantization: bits as a list": (3, config(quantization_config={"quant_method": "gptq", "bits": [4]})),
    "quantization: groups of none": (3, config(quantization_config={"quant_method": "awq", "group_size": 0})),
    "quantization: a method of escapes": (3, config(quantization_config={"quant_method": ESCAPES})),
    "quantization: endless bits": (3, config(quantization_config={"quant_method": "exl3", "bits": float("inf")})),
}
"""Files that say something a report can show, with the exit code: no escape of theirs reaches the terminal."""
