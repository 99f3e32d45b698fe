"""The header walks over the network: the same rows as from this disk, in few requests and few bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.importers.loopback import Repository, Sparse
from tests.importers.loopback import safetensors as sparse_safetensors
from tests.importers.write_gguf import GgufWriter
from vramfit.errors import InputError
from vramfit.importers.client import Network
from vramfit.importers.gguf_set import read_gguf_model, read_projector
from vramfit.importers.places import locate
from vramfit.importers.reference import HubRepository, OllamaTag, Url
from vramfit.importers.safetensors import find_files, read_set
from vramfit.importers.source import LocalFolder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.importers.loopback import Loopback

TENSORS = {f"model.layers.{n}.mlp.up_proj.weight": ("BF16", (512, 128), 2 * 512 * 128) for n in range(4)}


def gguf(tokens: int = 10) -> Sparse:
    """A model of 16 layers with a vocabulary."""
    writer = GgufWriter().add("llama.block_count", "uint32", 16)
    writer.add("tokenizer.ggml.tokens", "string[]", [f"<token {n}>" for n in range(tokens)])
    for layer in range(16):
        writer.tensor(f"blk.{layer}.attn_q.weight", (4096, 4096), 12)
    header = writer.header()
    start = header + b"\0" * (-len(header) % 32)
    return Sparse(start, len(start) + 16 * 4096 * 4096 // 256 * 144)


def on_disk(folder: Path, name: str, content: Sparse) -> LocalFolder:
    with (folder / name).open("wb") as file:
        file.write(content.start)
        file.truncate(content.size)
    return LocalFolder(str(folder))


@pytest.mark.parametrize(("tokens", "requests"), [(10, 3), (100_000, 6)])
def test_a_gguf_of_the_hub(tokens: int, requests: int, net: Loopback, disk: Path) -> None:
    """A listing, and for each part of the header a request with its redirect."""
    file = gguf(tokens)
    net.repositories["acme/foo"] = Repository({"m-Q4_K_M.gguf": file})
    place = locate(HubRepository("acme", "foo"), Network())
    assert place.file is not None
    local = read_gguf_model(on_disk(disk, place.file, file), place.file)
    remote = read_gguf_model(place.folder, place.file)
    assert (local.tensors, local.metadata, local.files) == (remote.tensors, remote.metadata, remote.files)
    assert 16 * 4096 * 4096 == remote.parameters
    assert len(net.asked) <= requests + 1
    assert net.sent_bytes < len(file.start) + (2 << 20)


def test_a_gguf_of_a_registry_and_of_an_address(net: Loopback) -> None:
    file = gguf()
    net.add_tag("library/foo:8b", [("model", file)])
    tag = OllamaTag(f"127.0.0.1:{net.ports['ollama']}", "library", "foo", "8b")
    net.blobs["d/m-Q4_K_M.gguf"] = file
    rows = []
    for reference in (tag, Url(f"{net.address('storage')}/d/m-Q4_K_M.gguf")):
        place = locate(reference, Network())
        assert place.file is not None
        rows.append(read_gguf_model(place.folder, place.file).tensors)
    assert rows[0] == rows[1]
    assert 16 == len(rows[0])
    assert net.sent_bytes < 4 << 20


def test_a_split_gguf_and_its_projector(net: Loopback, disk: Path) -> None:
    shards = {}
    for number in (0, 1):
        writer = GgufWriter() if number == 0 else GgufWriter(architecture=None)
        for key, value in (("no", number), ("count", 2)):
            writer.add(f"split.{key}", "uint16", value)
        writer.add("split.tensors.count", "int32", 2)
        writer.tensor(f"blk.{number}.attn_q.weight", (256, 256), 12)
        header = writer.header()
        start = header + b"\0" * (-len(header) % 32)
        shards[f"Q4_K_M/m-Q4_K_M-0000{number + 1}-of-00002.gguf"] = Sparse(start, len(start) + 256 * 144)
    eyes = GgufWriter("clip").add("general.type", "string", "mmproj").add("clip.has_vision_encoder", "bool", True)
    eyes.tensor("v.blk.0.attn_q.weight", (64, 64))
    header = eyes.header()
    start = header + b"\0" * (-len(header) % 32)
    net.repositories["acme/foo"] = Repository({**shards, "mmproj-F16.gguf": Sparse(start, len(start) + 64 * 64 * 2)})
    place = locate(HubRepository("acme", "foo", quant="q4_k_m"), Network())
    assert place.file is not None
    assert place.projector is not None
    model = read_gguf_model(place.folder, place.file)
    assert (2, 2) == (len(model.files), len(model.tensors))
    assert ["v.blk.0.attn_q.weight"] == [tensor.name for tensor in read_projector(*place.projector).tensors]


@pytest.mark.parametrize("together", [True, False])
def test_a_sharded_repository(together: bool, net: Loopback, disk: Path) -> None:
    names = [f"model-{n:05d}-of-00004.safetensors" for n in range(1, 5)]
    shards = {
        name: sparse_safetensors({tensor: form}) for name, (tensor, form) in zip(names, TENSORS.items(), strict=True)
    }
    net.repositories["acme/foo"] = Repository({**shards, "config.json": b"{}"}, offers_headers=together)
    place = locate(HubRepository("acme", "foo"), Network())
    assert (tuple(names), (), None) == find_files(place.folder)
    remote = read_set(place.folder, names)
    for name, shard in shards.items():
        on_disk(disk, name, shard)
    assert read_set(LocalFolder(str(disk)), names).entries == remote.entries
    # A listing and the headers together; else a request with its redirect for each shard.
    assert (2 if together else 2 + 2 * 4) == len(net.asked)
    assert net.sent_bytes < 500_000


@pytest.mark.parametrize("kind", ["truncated", "html", "500", "closed", "slow", "403"])
def test_a_header_that_does_not_come_is_one_line(kind: str, net: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vramfit.importers.client.RETRY_AFTER_SECONDS", 0.0)
    net.repositories["acme/foo"] = Repository({"model.safetensors": sparse_safetensors(TENSORS), "m-Q8_0.gguf": gguf()})
    network = Network(timeout_seconds=0.2 if kind == "slow" else 10.0)
    tensors = locate(HubRepository("acme", "foo"), network)
    weights = locate(HubRepository("acme", "foo", quant="Q8_0"), network)
    net.fail("storage", kind)
    failures = []
    with pytest.raises(InputError) as caught:
        read_set(tensors.folder, ("model.safetensors",))
    failures.append(caught.value)
    with pytest.raises(InputError) as caught:
        read_gguf_model(weights.folder, "m-Q8_0.gguf")
    failures.append(caught.value)
    assert [4, 4] == [error.exit_code for error in failures]
    assert [True, True] == [error.message.isprintable() for error in failures]
    assert len(net.asked) <= 1 + 2 * 2 * 2


@pytest.mark.parametrize("together", [True, False])
def test_headers_are_kept_by_commit(together: bool, net: Loopback) -> None:
    """A second reading asks nothing, whether the shards' headers came together or one by one, and gives the same."""
    names = tuple([f"model-{n:05d}-of-00004.safetensors" for n in range(1, 5)])
    shards = {
        name: sparse_safetensors({tensor: form}) for name, (tensor, form) in zip(names, TENSORS.items(), strict=True)
    }
    net.repositories["acme/foo"] = Repository({**shards, "m-Q8_0.gguf": gguf(100_000)}, offers_headers=together)
    seen, asked = [], []
    for network in (Network(), Network(), Network(offline=True)):
        whole, one = HubRepository("acme", "foo"), HubRepository("acme", "foo", quant="Q8_0")
        seen.append(
            (
                read_set(locate(whole, network).folder, names),
                read_gguf_model(locate(one, network).folder, "m-Q8_0.gguf"),
            )
        )
        asked.append(len(net.asked))
    assert [seen[0]] * 3 == seen
    assert asked == [asked[0]] * 3


def test_a_folder_of_a_repository_has_headers_of_its_own(net: Loopback) -> None:
    """Files of one name in two folders are not taken for each other."""
    for number, name in enumerate(("a", "b"), 1):
        rows = {f"{name}.weight": ("F32", (number,), 4 * number)}
        content = sparse_safetensors(rows)
        held = net.repositories.get("acme/foo", Repository({})).files
        net.repositories["acme/foo"] = Repository({**held, f"{name}/model.safetensors": content})
    for _ in range(2):
        found = {}
        for name in ("a", "b"):
            folder = locate(HubRepository("acme", "foo", folder=name), Network()).folder
            found[name] = list(read_set(folder, ("model.safetensors",)).entries)
        assert found == {"a": ["a.weight"], "b": ["b.weight"]}


@pytest.mark.parametrize("kind", ["truncated", "html", "500", "closed", "403", "wrong-range"])
def test_nothing_of_a_header_that_failed_is_kept(
    kind: str, net: Loopback, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vramfit.importers.client.RETRY_AFTER_SECONDS", 0.0)
    net.repositories["acme/foo"] = Repository({"model.safetensors": sparse_safetensors(TENSORS), "m-Q8_0.gguf": gguf()})
    folder = locate(HubRepository("acme", "foo"), Network()).folder
    net.fail("storage", kind)
    for read in (lambda: read_set(folder, ("model.safetensors",)), lambda: read_gguf_model(folder, "m-Q8_0.gguf")):
        with pytest.raises(InputError):
            read()
    assert [] == list((disk / "cache").rglob("*.headers.json"))


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", '{"form": 1, "facts": []}', '{"form": 1, "facts": {"m-Q8_0.gguf": 7, "model.safetensors": 7}}',
        '{"form": 1, "facts": {"m-Q8_0.gguf": {"tensors": [[1]]}, "model.safetensors": {"tensors": {"a": [1]}}}}',
        '{"form": 1, "facts": {"model.safetensors": {"tensors": {"a": ["F32", ["1"], 4, 0]}, "metadata": {}, "size_bytes": 9}}}',
    ],
)  # fmt: skip
def test_headers_that_are_damaged_are_read_again(content: str, net: Loopback, disk: Path) -> None:
    net.repositories["acme/foo"] = Repository({"model.safetensors": sparse_safetensors(TENSORS), "m-Q8_0.gguf": gguf()})

    def read() -> tuple[object, object]:
        folder = locate(HubRepository("acme", "foo"), Network()).folder
        return read_set(folder, ("model.safetensors",)), read_gguf_model(folder, "m-Q8_0.gguf")

    first = read()
    (kept,) = (disk / "cache").rglob("*.headers.json")
    kept.write_text(content, encoding="utf-8")
    assert first == read()
