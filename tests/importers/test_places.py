"""Where references lead: local stores first, then the network, and which of the files are meant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.importers.loopback import Repository, Sparse
from tests.importers.trees import COMMIT, hub_snapshot, manifest, ollama_blob, ollama_tag, write
from vramfit.errors import InputError
from vramfit.importers.client import Network
from vramfit.importers.places import locate
from vramfit.importers.reference import (
    HubRepository,
    LmStudioModel,
    LocalDirectory,
    LocalFile,
    OllamaTag,
    Url,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.importers.loopback import Loopback
    from vramfit.importers.place import Place

OFF = Network(offline=True)
GGUFS = {"UD-Q2_K/m-UD-Q2_K.gguf": b"2", "m-Q4_K_M.gguf": b"4", "m-Q8_0.gguf": b"8", "mmproj-F16.gguf": b"p"}
FOO = HubRepository("acme", "foo")


def first(place: Place) -> bytes:
    """Content of the file that is meant."""
    assert place.file is not None
    return place.folder.open(place.file).read(0, 10)


def projector(place: Place) -> bytes | None:
    return None if place.projector is None else place.projector[0].open(place.projector[1]).read(0, 10)


def test_a_file_of_this_disk_with_its_projector(disk: Path) -> None:
    path = write(disk / "m-Q4_K_M.gguf", b"4")
    write(disk / "mmproj-F16.gguf", b"p")
    place = locate(LocalFile(str(path)), OFF)
    assert (b"4", b"p", "disk", "Q4_K_M", True) == (
        first(place), projector(place), place.store, place.quant, place.local
    )  # fmt: skip
    config = locate(LocalFile(str(write(disk / "config.json", "{}"))), OFF)
    assert (b"{}", None, None) == (first(config), config.projector, config.quant)


def test_a_directory_is_a_model_as_a_whole(disk: Path) -> None:
    write(disk / "m" / "config.json", "{}")
    place = locate(LocalDirectory(str(disk / "m")), OFF)
    assert (None, ("config.json",)) == (place.file, tuple(place.folder.names()))


@pytest.mark.parametrize(
    ("reference", "file", "content"),
    [
        (FOO, "m-Q4_K_M.gguf", b"4"),
        (HubRepository("acme", "foo", quant="q8_0"), "m-Q8_0.gguf", b"8"),
        (HubRepository("acme", "foo", quant="UD-Q2_K"), "m-UD-Q2_K.gguf", b"2"),
        (HubRepository("acme", "foo", file="m-Q8_0.gguf"), "m-Q8_0.gguf", b"8"),
        (HubRepository("acme", "foo", folder="UD-Q2_K"), "m-UD-Q2_K.gguf", b"2"),
    ],
)
@pytest.mark.parametrize("where", ["cache", "hub"])
def test_the_gguf_of_a_repository(
    where: str, reference: HubRepository, file: str, content: bytes, net: Loopback, disk: Path
) -> None:
    if where == "cache":
        hub_snapshot(disk / "cache" / "huggingface" / "hub", "acme/foo", GGUFS)
    else:
        net.repositories["acme/foo"] = Repository(dict(GGUFS))
    place = locate(reference, Network())
    assert (file, content, COMMIT, "acme/foo", where == "cache") == (
        place.file, first(place), place.commit, place.repository, place.local
    )  # fmt: skip
    assert (None if reference.folder else b"p") == projector(place)
    assert (where == "cache") == (net.asked == [])


def test_safetensors_in_a_repository_are_a_folder(net: Loopback) -> None:
    net.repositories["acme/foo"] = Repository({"config.json": b"{}", "m.gguf": b"g", "sub/model.safetensors": b"s"})
    assert (None, ("config.json", "m.gguf")) == ((place := locate(FOO, Network())).file, place.folder.names())
    below = locate(HubRepository("acme", "foo", folder="sub"), Network())
    assert (None, ("model.safetensors",)) == (below.file, below.folder.names())
    one = locate(HubRepository("acme", "foo", file="sub/model.safetensors"), Network())
    assert ("model.safetensors", b"s") == (one.file, first(one))
    assert ("m.gguf", b"g") == (
        (gguf := locate(HubRepository("acme", "foo", file="m.gguf"), Network())).file,
        first(gguf),
    )


@pytest.mark.parametrize(
    ("files", "reference", "message", "hint"),
    [
        (GGUFS, HubRepository("acme", "foo", quant="Q5_K_M"), "hf:acme/foo has no GGUF file Q5_K_M",
         "it has Q2_K, Q4_K_M, Q8_0"),
        ({"config.json": b"{}"}, HubRepository("acme", "foo", quant="Q4_0"), "hf:acme/foo has no GGUF file Q4_0",
         "it has no GGUF files"),
        (GGUFS, HubRepository("acme", "foo", file="x.json"), "hf:acme/foo has no file x.json", "check the name"),
        (GGUFS, HubRepository("acme", "foo", folder="none"), "hf:acme/foo:none/ has no files", "check the name"),
        ({"m-Q4_0-00001-of-00002.gguf": b"1"}, FOO, "hf:acme/foo lacks m-Q4_0-00002-of-00002.gguf",
         "ask for another quantization"),
    ],
)  # fmt: skip
def test_what_a_repository_does_not_have(
    files: dict[str, bytes | Sparse], reference: HubRepository, message: str, hint: str, net: Loopback
) -> None:
    net.repositories["acme/foo"] = Repository(dict(files))
    with pytest.raises(InputError) as caught:
        locate(reference, Network())
    assert (message, hint) == (caught.value.message, caught.value.hint)


def test_a_cached_config_alone_serves_where_the_network_is_off(net: Loopback, disk: Path) -> None:
    hub_snapshot(disk / "cache" / "huggingface" / "hub", "acme/foo", {"config.json": "{}"})
    place = locate(FOO, OFF)
    assert (True, ("the weights of acme/foo are not on this disk, and are not looked up: --offline",)) == (
        place.local, place.notes
    )  # fmt: skip
    with pytest.raises(InputError, match="hf:acme/foo:Q4_0 is not on this disk, and the network is off"):
        locate(HubRepository("acme", "foo", quant="Q4_0"), OFF)
    net.repositories["acme/foo"] = Repository({"config.json": b"{}", "model.safetensors": b"s"})
    assert not locate(FOO, Network()).local


def test_llamacpps_caches_are_looked_into(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = disk / "llama"
    monkeypatch.setenv("LLAMA_CACHE", str(old))
    hub_snapshot(old, "acme/new", {"n-Q8_0.gguf": b"n"})
    write(old / "acme_foo_m-Q4_K_M.gguf", b"4")
    write(old / "acme_foo_mmproj.gguf", b"p")
    files = {"ggufFile": {"rfilename": "m-Q4_K_M.gguf"}, "mmprojFile": {"rfilename": "mmproj.gguf"}}
    write(old / "manifest=acme=foo=Q4_K_M.json", json.dumps(files))
    flat = locate(HubRepository("acme", "foo", quant="Q4_K_M"), OFF)
    assert ("llama.cpp", b"4", b"p", "Q4_K_M") == (flat.store, first(flat), projector(flat), flat.quant)
    assert b"n" == first(locate(HubRepository("acme", "new"), OFF))


def test_a_tag_of_ollama(disk: Path) -> None:
    store = disk / ".ollama" / "models"
    for number, content in ((1, b"model"), (2, b"eyes"), (3, b'{"num_ctx": 4096}'), (4, b"lora")):
        ollama_blob(store, number, content)
    layers = {"model": (1, 5), "projector": (2, 4), "params": (3, 17), "adapter": (4, 4)}
    ollama_tag(store, "registry.ollama.ai/library/foo/latest", manifest(layers))
    place = locate(OllamaTag("registry.ollama.ai", "library", "foo", "latest"), OFF)
    assert (b"model", b"eyes", {"num_ctx": 4096}, ("adapter.gguf",), True, "ollama") == (
        first(place), projector(place), place.parameters, place.adapters, place.local, place.store
    )  # fmt: skip


def test_a_tag_of_the_hub_is_read_from_the_hub(net: Loopback, disk: Path) -> None:
    net.repositories["acme/foo"] = Repository(dict(GGUFS))
    tag = OllamaTag("hf.co", "acme", "foo", "Q8_0")
    place = locate(tag, Network())
    assert (tag, b"8", "huggingface", "acme/foo") == (place.reference, first(place), place.store, place.repository)
    assert b"4" == first(locate(OllamaTag("hf.co", "acme", "foo", "latest"), Network()))
    store = disk / ".ollama" / "models"
    ollama_blob(store, 1, b"model")
    ollama_tag(store, "hf.co/acme/foo/Q8_0", manifest({"model": (1, 5)}))
    assert b"model" == first(locate(tag, OFF))


def test_a_model_of_lm_studio(disk: Path) -> None:
    for name, content in GGUFS.items():
        write(disk / ".lmstudio" / "models" / "acme" / "foo" / name, content)
    place = locate(LmStudioModel("acme", "foo", "Q8_0"), OFF)
    assert ("lmstudio", b"8", b"p", True) == (place.store, first(place), projector(place), place.local)
    with pytest.raises(InputError, match="lmstudio:acme/foo has no GGUF file Q5_0"):
        locate(LmStudioModel("acme", "foo", "Q5_0"), OFF)


def test_an_address_and_the_shards_beside_it(net: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    net.blobs["d/m-Q4_0-00001-of-00002.gguf"] = b"one"
    net.blobs["d/m-Q4_0-00002-of-00002.gguf"] = b"two"
    place = locate(Url(f"{net.address('storage')}/d/m-Q4_0-00001-of-00002.gguf?sig=secret"), Network())
    names = ("m-Q4_0-00001-of-00002.gguf", "m-Q4_0-00002-of-00002.gguf")
    assert (names, names[0], "Q4_0", "url") == (place.folder.names(), place.file, place.quant, place.store)
    assert [b"one", b"two"] == [place.folder.open(name).read(0, 9) for name in names]
    assert [None, None] == [one.token for one in net.asked]
    assert [f"/d/{name}?sig=secret" for name in names] == [one.path for one in net.asked]
    assert "secret" not in place.folder.name + str(place.reference) + repr(place.reference)
    with pytest.raises(InputError, match=r"has no file other\.gguf beside it"):
        place.folder.open("other.gguf")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("401", r"127\.0\.0\.1 does not give x\.gguf to everyone \(401\)"), ("404", r"127\.0\.0\.1 has no x\.gguf \(404\)"),
        ("418", r"127\.0\.0\.1 answers 418 for x\.gguf"),
    ],
)  # fmt: skip
def test_an_address_that_refuses(kind: str, message: str, net: Loopback) -> None:
    net.fail("storage", kind)
    place = locate(Url(f"{net.address('storage')}/x.gguf"), Network())
    assert ("x.gguf",) == place.folder.names()
    with pytest.raises(InputError, match=message):
        first(place)


def test_an_address_is_not_asked_when_the_network_is_off(net: Loopback) -> None:
    place = locate(Url(f"{net.address('storage')}/x.gguf?sig=secret"), OFF)
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:\d+/x\.gguf is not asked: --offline"):
        first(place)
    assert [] == net.asked


def test_the_size_of_a_file_is_learnt_from_its_server(net: Loopback) -> None:
    net.blobs["x.gguf"] = Sparse(b"GGUF", 1 << 30)
    source = locate(Url(f"{net.address('storage')}/x.gguf"), Network()).folder.open("x.gguf")
    assert (None, b"GGUF", 1 << 30) == (source.size_bytes, source.read(0, 4), source.size_bytes)
    assert (b"", b"\0\0") == (source.read(1 << 30, 5), source.read((1 << 30) - 2, 5))
