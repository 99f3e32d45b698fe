"""Ollama's registry and store: manifests, blobs by ranges, what a tag sets, and that no token goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.importers.loopback import Sparse
from tests.importers.trees import digest, manifest, ollama_blob, ollama_tag
from vramfit.errors import CannotTell, InputError
from vramfit.importers.client import Network
from vramfit.importers.ollama import ACCEPT, file_name, open_tag
from vramfit.importers.ollama_store import Layer
from vramfit.importers.reference import OllamaTag

if TYPE_CHECKING:
    from pathlib import Path

    from tests.importers.loopback import Loopback

CONFIG = b'{"model_family": "llama", "model_type": "8.0B", "file_type": "Q4_K_M"}'
GGUF = Sparse(b"GGUF" + b"x" * 2_000, 5 << 30)
PARAMS = b'{"num_ctx": 8192, "stop": ["<eot>"]}'


def tag(net: Loopback, name: str = "foo", tag: str = "8b", plain: bool = False) -> OllamaTag:
    return OllamaTag(f"127.0.0.1:{net.ports['ollama']}", "library", name, tag, plain)


@pytest.fixture
def foo(net: Loopback) -> Loopback:
    """A registry with one model that sees, on which an adapter lies."""
    layers: list[tuple[str, bytes | Sparse]] = [
        ("model", GGUF), ("projector", b"GGUFp"), ("adapter", b"GGUFa"), ("params", PARAMS), ("template", b"{{ .Prompt }}"),
    ]  # fmt: skip
    net.add_tag("library/foo:8b", layers, CONFIG)
    return net


def test_a_tag_of_the_registry(foo: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    found = open_tag(tag(foo), Network())
    assert ("Q4_K_M", {"num_ctx": 8192, "stop": ["<eot>"]}, "8.0B") == (
        found.quant, found.parameters, found.config["model_type"]
    )  # fmt: skip
    assert ("adapter.gguf", "mmproj.gguf", "model.gguf") == found.folder.names()
    source = found.folder.open("model.gguf")
    assert (b"GGUF", 5 << 30, f"{tag(foo)} (model.gguf)") == (source.read(0, 4), source.size_bytes, source.name)
    assert b"GGUFp" == found.folder.open("mmproj.gguf").read(0, 100)
    # The manifest, the config, the parameters, two ranges of which the long blob's redirects to the storage.
    assert ["ollama"] * 4 + ["storage", "ollama"] == [one.server for one in foo.asked]
    assert ("/v2/library/foo/manifests/8b", ACCEPT) == (foo.asked[0].path, foo.asked[0].accept)
    assert {None} == {one.token for one in foo.asked}
    assert foo.sent_bytes < 1_000
    with pytest.raises(InputError, match="has no file none"):
        found.folder.open("none")


@pytest.mark.parametrize(
    ("kind", "message", "hint", "requests"),
    [
        ("404", "127.0.0.1 has no HOST/library/foo:8b (404)", "see https://ollama.com/search?q=foo", 1),
        ("401", "127.0.0.1 does not give HOST/library/foo:8b to everyone (401)", "pull it with Ollama first", 1),
        ("403", "127.0.0.1 does not give HOST/library/foo:8b to everyone (403)", "pull it with Ollama first", 1),
        ("418", "127.0.0.1 answers 418 for HOST/library/foo:8b", "try again later", 1),
        ("429", "127.0.0.1 has had too many requests from here (429)", "try again later; HF_TOKEN raises the Hub's limit", 1),
        ("500", "127.0.0.1 is out of order (500)", "try again later", 2),
        ("html", "the manifest of ollama:HOST/library/foo:8b from 127.0.0.1 is not JSON",
         "check the address, and whether a login page answers", 1),
        ("closed", "127.0.0.1 broke the reply off before its end", "try again", 2),
        ("loop", "127.0.0.1 redirects more than 5 times", "check the address", 6),
    ],
)  # fmt: skip
def test_refusals_of_the_registry(
    kind: str, message: str, hint: str, requests: int, foo: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vramfit.importers.client.RETRY_AFTER_SECONDS", 0.0)
    foo.fail("/manifests/", kind)
    with pytest.raises(InputError) as caught:
        open_tag(tag(foo), Network())
    assert (message.replace("HOST", tag(foo).host), hint, 4) == (
        caught.value.message, caught.value.hint, caught.value.exit_code
    )  # fmt: skip
    assert requests == len(foo.asked)


def test_a_blob_that_is_not_its_digests_is_refused(foo: Loopback) -> None:
    foo.blobs[next(key for key, content in foo.blobs.items() if content == PARAMS)] = b'{"num_ctx": 1}'
    with pytest.raises(InputError, match="is not what its digest says"):
        open_tag(tag(foo), Network())


def test_a_model_that_runs_elsewhere_has_no_weights(net: Loopback) -> None:
    net.add_tag("library/big:cloud", [], b'{"remote_host": "https://ollama.com"}')
    with pytest.raises(CannotTell, match=r"big:cloud runs on https://ollama\.com: it has no weights"):
        open_tag(tag(net, "big", "cloud"), Network())


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([("template", b"x")], "has no weights among its layers"),
        ([(f"tensor/t{n}", b"%d" % n) for n in range(65)], "is 65 files in the registry"),
    ],
)
def test_tags_that_cannot_be_read(layers: list[tuple[str, bytes | Sparse]], message: str, net: Loopback) -> None:
    net.add_tag("library/odd:latest", layers)
    with pytest.raises(InputError, match=message):
        open_tag(tag(net, "odd", "latest"), Network())


def test_a_tensor_model_is_a_folder_of_safetensors(net: Loopback) -> None:
    net.add_tag(
        "library/mlx:q4", [("json/config.json", b"{}"), ("tensor/model/a", b"1"), ("tensor/model/b", b"2")], b"["
    )
    found = open_tag(tag(net, "mlx", "q4"), Network())
    assert (("config.json", "model.a.safetensors", "model.b.safetensors"), None) == (found.folder.names(), found.quant)


def test_the_local_store_comes_first_and_needs_no_network(disk: Path) -> None:
    store = disk / ".ollama" / "models"
    ollama_blob(store, 1, b"GGUFlocal")
    ollama_blob(store, 3, PARAMS)
    ollama_blob(store, 9, CONFIG)
    ollama_tag(
        store, "registry.ollama.ai/library/foo/8b", manifest({"model": (1, 9), "params": (3, 30), "license": (4, 1)})
    )
    local = OllamaTag("registry.ollama.ai", "library", "foo", "8b", plain=True)
    found = open_tag(local, Network(offline=True))
    source = found.folder.open("model.gguf")
    assert (b"GGUFlocal", "ollama:foo:8b (model.gguf)", str(store)) == (
        source.read(0, 99),
        source.name,
        found.folder.store,
    )
    assert ("Q4_K_M", 8192, ("model.gguf",)) == (found.quant, found.parameters["num_ctx"], found.folder.names())


def test_what_is_not_in_the_store_is_not_asked_for_unless_it_may_be(foo: Loopback) -> None:
    with pytest.raises(InputError, match=r"Ollama's store on this disk has no .*foo:8b") as caught:
        open_tag(tag(foo, plain=True), Network())
    assert f"to ask its registry write {tag(foo)}" == caught.value.hint
    with pytest.raises(InputError, match="is not in Ollama's store, and the network is off"):
        open_tag(tag(foo), Network(offline=True))
    assert [] == foo.asked


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Layer("model", digest(1), 1), "model.gguf"), (Layer("projector", digest(1), 1), "mmproj.gguf"),
        (Layer("draft", digest(1), 1), "draft.gguf"), (Layer("tensor", digest(1), 1, "a/b\\c"), "a.b.c.safetensors"),
        (Layer("json", digest(1), 1, "config.json"), "config.json"), (Layer("json", digest(1), 1), None),
        (Layer("license", digest(1), 1), None),
    ],
)  # fmt: skip
def test_names_of_layers(layer: Layer, expected: str | None) -> None:
    assert expected == file_name(layer)
