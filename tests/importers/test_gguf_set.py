"""Models in GGUF form: sets of shards, what is no model, and the projector beside one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.importers.write_gguf import GgufWriter
from tests.importers.write_safetensors import Memory, MemoryFolder
from vramfit.errors import InputError
from vramfit.importers.gguf_choice import find_projector, shard_names
from vramfit.importers.gguf_set import (
    layer_number,
    read_gguf_model,
    read_projector,
    with_projector,
)
from vramfit.importers.header import FileTensor, HeaderFile
from vramfit.importers.source import LocalFolder

if TYPE_CHECKING:
    from pathlib import Path


def file(writer: GgufWriter) -> Memory:
    """The file of a writer."""
    header = writer.header()
    return Memory(header, len(header) + writer.data_bytes)


def model(architecture: str = "llama") -> GgufWriter:
    """Two layers and the tensors around them."""
    writer = (
        GgufWriter(architecture).add("general.type", "string", "model").add(f"{architecture}.block_count", "uint32", 2)
    )
    writer.tensor("token_embd.weight", (64, 100), 1)
    for layer in range(2):
        writer.tensor(f"blk.{layer}.attn_q.weight", (64, 64), 8)
    return writer.tensor("output_norm.weight", (64,), 0)


def shard(number: int, count: int, tensors: int = 4) -> GgufWriter:
    """A shard's metadata; the first has the model's besides."""
    writer = model() if number == 0 else GgufWriter(None)
    writer.tensors.clear()
    writer.add("split.no", "uint16", number).add("split.count", "uint16", count)
    return writer.add("split.tensors.count", "int32", tensors)


def test_one_file() -> None:
    """Tensors with their bytes, the file with its size."""
    found = read_gguf_model(MemoryFolder({"x.gguf": file(model())}), "x.gguf")
    assert found.format == "gguf"
    assert found.files == (HeaderFile("x.gguf", len(model().header()) + model().data_bytes),)
    assert found.total_bytes == 64 * 100 * 2 + 2 * 64 * 64 // 32 * 34 + 256
    assert found.parameters == 64 * 100 + 2 * 64 * 64 + 64
    assert found.bytes_by_type() == {"F16": 12800, "Q8_0": 8704, "F32": 256}
    assert found.notes == ()


@pytest.mark.parametrize("given", [1, 2, 3])
def test_sets(tmp_path: Path, given: int) -> None:
    """Any shard stands for its set; the first may hold metadata alone (``--no-tensor-first-split``)."""
    names = [f"m-{i:05d}-of-00003.gguf" for i in (1, 2, 3)]
    shard(0, 3).write(tmp_path / names[0])
    shard(1, 3).tensor("a", (8,), 0).tensor("blk.1.b", (8,), 0).write(tmp_path / names[1])
    shard(2, 3).tensor("c", (8,), 0).tensor("d", (16,), 0).write(tmp_path / names[2])
    found = read_gguf_model(LocalFolder(str(tmp_path)), names[given - 1])
    assert [tensor.name for tensor in found.tensors] == ["a", "blk.1.b", "c", "d"]
    assert found.total_bytes == 32 * 3 + 64
    assert found.metadata["general.architecture"] == "llama"
    assert [each.name for each in found.files] == names


def test_a_missing_shard() -> None:
    """The first that is missing is named."""
    files = {"m-00001-of-00003.gguf": file(shard(0, 3)), "m-00003-of-00003.gguf": file(shard(2, 3))}
    with pytest.raises(InputError) as caught:
        read_gguf_model(MemoryFolder(files), "m-00003-of-00003.gguf")
    assert caught.value.message == "m-00002-of-00003.gguf is missing: m-00003-of-00003.gguf is one of 3 parts"


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (shard(0, 2, 2).tensor("b", (8,), 0), "is not part 2 of 2 by its own account"),
        (shard(1, 3, 2).tensor("b", (8,), 0), "is not part 2 of 2 by its own account"),
        (shard(1, 2, 2), "hold 1 tensors, not the 2 they should"),
        (shard(1, 2, 2).tensor("a", (8,), 0), "hold 2 tensors, not the 2 they should"),
    ],
)
def test_sets_that_do_not_fit_together(second: GgufWriter, message: str) -> None:
    """Shards of another set, too few tensors, one of them twice."""
    files = {"m-00001-of-00002.gguf": file(shard(0, 2, 2).tensor("a", (8,), 0)), "m-00002-of-00002.gguf": file(second)}
    with pytest.raises(InputError, match=message):
        read_gguf_model(MemoryFolder(files), "m-00001-of-00002.gguf")


def test_a_shard_under_another_name() -> None:
    """Its siblings cannot be found."""
    with pytest.raises(InputError, match="one of 4 parts, but not named like one"):
        read_gguf_model(MemoryFolder({"x.gguf": file(shard(0, 4).tensor("a", (8,), 0))}), "x.gguf")


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("m-00002-of-00002.gguf", ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf")),
        ("m-00001-of-00001.gguf", None),
        ("m-00003-of-00002.gguf", None),
        ("m-00000-of-00002.gguf", None),
        ("m-0001-of-0002.gguf", None),
        ("m_00001-of-00002.gguf", None),
        ("m-00001-of-00002", None),
        ("m.gguf", None),
    ],
)
def test_shard_names(name: str, names: tuple[str, ...] | None) -> None:
    """llama.cpp's own spelling and no other."""
    assert shard_names(name) == names


def lora() -> GgufWriter:
    """An adapter, which has the architecture of its base."""
    writer = GgufWriter().add("general.type", "string", "adapter").add("adapter.type", "string", "lora")
    return writer.tensor("blk.0.attn_q.weight.lora_a", (64, 16), 0)


def projector() -> GgufWriter:
    """A vision tower of one layer and the step behind it."""
    writer = GgufWriter("clip").add("general.type", "string", "mmproj").tensor("v.blk.0.attn_q.weight", (32, 32), 1)
    return writer.tensor("mm.0.weight", (32, 64), 1).tensor("a.blk.0.attn_q.weight", (16, 16), 1)


@pytest.mark.parametrize(
    ("writer", "message"),
    [
        (lora(), "is a LoRA adapter, not a model"),
        (GgufWriter().add("adapter.type", "string", "lora").tensor("x", (8,), 0), "is a LoRA adapter, not a model"),
        (projector(), "is a projector"),
        (GgufWriter("clip").tensor("v.x", (8,), 0), "is a projector"),
        (GgufWriter("controlvector").tensor("direction.1", (64,), 0), "is a control vector, not a model"),
        (GgufWriter(None).add("general.type", "string", "imatrix").tensor("x", (8,), 0), "is an importance matrix"),
        (GgufWriter(None).add("imatrix.chunk_count", "uint32", 9).tensor("x", (8,), 0), "is an importance matrix"),
        (GgufWriter().add("tokenizer.ggml.tokens", "string[]", ["a"] * 70), "is a vocabulary without a model"),
        (GgufWriter("eagle3").tensor("fc.weight", (8,), 0), "is a draft for another model"),
        (GgufWriter("gemma4-assistant").tensor("token_embd.weight", (8,), 0), "is a draft for another model"),
        (GgufWriter().add("general.type", "string", "voice"), "is of the type voice, not a model"),
        (GgufWriter(None).tensor("a", (8,), 0), "names no architecture"),
    ],
)
def test_what_is_no_model(writer: GgufWriter, message: str) -> None:
    """Each is called by its name, and the hint says how to go on."""
    with pytest.raises(InputError) as caught:
        read_gguf_model(MemoryFolder({"x.gguf": file(writer)}), "x.gguf")
    assert message in caught.value.message
    assert caught.value.hint


def test_prediction_heads() -> None:
    """The last layers of ``block_count`` only predict ahead; alone in a file they are a draft."""
    writer = model("glm4moe").add("glm4moe.nextn_predict_layers", "uint32", 1)
    found = read_gguf_model(MemoryFolder({"x.gguf": file(writer)}), "x.gguf")
    assert [(tensor.name, tensor.part) for tensor in found.tensors] == [
        ("token_embd.weight", "text"),
        ("blk.0.attn_q.weight", "text"),
        ("blk.1.attn_q.weight", "mtp"),
        ("output_norm.weight", "text"),
    ]
    del writer.tensors[1]
    with pytest.raises(InputError, match="is a draft for another model"):
        read_gguf_model(MemoryFolder({"x.gguf": file(writer)}), "x.gguf")


def test_buffers() -> None:
    """Rotary tables and selection biases weigh and are no parameters."""
    writer = model().tensor("rope_freqs.weight", (32,), 0).tensor("blk.0.exp_probs_b.bias", (8,), 0)
    found = read_gguf_model(MemoryFolder({"x.gguf": file(writer)}), "x.gguf")
    assert [tensor.name for tensor in found.tensors if tensor.buffer] == ["rope_freqs.weight", "blk.0.exp_probs_b.bias"]
    assert found.parameters == 64 * 100 + 2 * 64 * 64 + 64


def test_notes() -> None:
    """Unknown types, and rows that llama.cpp will not load."""
    writer = model().tensor("blk.0.x.weight", (32,), 250, 64).tensor("blk.0.ffn_down.weight", (192, 64), 14)
    found = read_gguf_model(MemoryFolder({"x.gguf": file(writer)}), "x.gguf")
    assert found.notes == (
        "1 tensors of type 250, which is not known: their bytes are the distances in the file",
        "rows of blk.0.ffn_down.weight are no whole blocks of Q6_K: llama.cpp will refuse to load the file",
    )


def test_projector_beside_a_model() -> None:
    """Nearest in bits to the model, as ``llama-server -hf`` takes it; its tensors and file join the model's."""
    files = {
        "m-Q8_0.gguf": file(model()),
        "m-F16.gguf": file(model()),
        "mmproj-m-Q8_0.gguf": file(projector()),
        "mmproj-m-F16.gguf": file(projector()),
        "notes.txt": Memory(b""),
    }
    folder = MemoryFolder(files)
    assert find_projector(folder.names(), "m-Q8_0.gguf") == "mmproj-m-Q8_0.gguf"
    assert find_projector(folder.names(), "m-F16.gguf") == "mmproj-m-F16.gguf"
    whole = with_projector(read_gguf_model(folder, "m-F16.gguf"), read_projector(folder, "mmproj-m-F16.gguf"))
    assert [each.name for each in whole.files] == ["m-F16.gguf", "mmproj-m-F16.gguf"]
    assert whole.tensors[-3:] == (
        FileTensor("v.blk.0.attn_q.weight", "F16", (32, 32), 2048, "vision"),
        FileTensor("mm.0.weight", "F16", (32, 64), 4096, "projector"),
        FileTensor("a.blk.0.attn_q.weight", "F16", (16, 16), 512, "audio"),
    )
    with pytest.raises(InputError, match="is not a projector"):
        read_projector(folder, "m-F16.gguf")


def test_pieces_of_a_cut_file() -> None:
    """Parts that only joined are a file."""
    with pytest.raises(InputError, match="a piece of a file that was cut in parts"):
        read_gguf_model(MemoryFolder({"m.gguf-split-a": Memory(b"GGUF")}), "m.gguf-split-a")


@pytest.mark.parametrize(
    ("name", "layer"), [("blk.12.attn_q.weight", 12), ("output.weight", -1), ("blk.x.y", -1), ("blk.9999999.y", -1)]
)
def test_layer_number(name: str, layer: int) -> None:
    """The number behind ``blk``."""
    assert layer_number(name) == layer
