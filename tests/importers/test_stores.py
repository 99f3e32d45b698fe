"""The stores of this disk: what each layout yields, and that nothing in them is a failure."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.importers.trees import COMMIT, OLDER, digest, hub_snapshot, manifest, ollama_blob, ollama_tag, write
from vramfit.errors import InputError
from vramfit.importers import hub_cache, llamacpp_cache, lm_studio, ollama_store
from vramfit.importers.here import models_here
from vramfit.importers.reference import HubRepository, LmStudioModel, OllamaTag
from vramfit.importers.stores import StoredFile, files_below, models_among, names_in, read_json, read_text

if TYPE_CHECKING:
    from pathlib import Path

    from vramfit.importers.stores import Found

VARIABLES = (
    "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "TRANSFORMERS_CACHE", "LLAMA_CACHE",
    "LOCALAPPDATA", "OLLAMA_MODELS",
)  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory, and no variable that points elsewhere."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setattr(ollama_store, "SYSTEM_FOLDERS", (str(tmp_path / "system"),))
    return tmp_path


def short(found: Found) -> tuple[str, str, int, str | None, str | None]:
    return found.reference, found.what, found.size_bytes, found.quant, found.broken


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, [".cache/huggingface/hub"]),
        ({"XDG_CACHE_HOME": "x"}, ["x/huggingface/hub"]),
        ({"HF_HOME": "~/hf", "XDG_CACHE_HOME": "x"}, ["hf/hub"]),
        ({"HUGGINGFACE_HUB_CACHE": "old", "HF_HOME": "hf"}, ["old"]),
        ({"HF_HUB_CACHE": "$HOME/new", "HUGGINGFACE_HUB_CACHE": "old"}, ["new"]),
        ({"HF_HUB_CACHE": ""}, [".cache/huggingface/hub"]),
        ({"TRANSFORMERS_CACHE": "t"}, [".cache/huggingface/hub", "t"]),
        ({"TRANSFORMERS_CACHE": "new", "HF_HUB_CACHE": "new"}, ["new"]),
    ],
)
def test_where_the_hub_caches(
    variables: dict[str, str], expected: list[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert tuple(str(home / path) for path in expected) == hub_cache.directories()


def test_a_hub_cache_lists_a_model_of_each_kind(home: Path) -> None:
    cache = home / "hub"
    hub_snapshot(cache, "acme/dense", {
        "config.json": "{}", "model-00001-of-00002.safetensors": b"1" * 10, "model-00002-of-00002.safetensors": b"2" * 5,
        "original/consolidated.safetensors": b"3" * 15, "README.md": "x",
    })  # fmt: skip
    hub_snapshot(cache, "acme/dense-GGUF", {
        "m-Q4_K_M.gguf": b"1" * 4, "m-Q8_0.gguf": None, "mmproj-F16.gguf": b"3",
        "BF16/m-BF16-00001-of-00003.gguf": b"1" * 7, "BF16/m-BF16-00003-of-00003.gguf": b"1" * 3,
        "ud/m-UD-Q4_K_M.gguf": b"22",
    })  # fmt: skip
    hub_snapshot(cache, "acme/lora", {"adapter_config.json": "{}", "adapter_model.safetensors": b"1" * 3})
    hub_snapshot(cache, "acme/old", {"config.json": "{}", "pytorch_model.bin": b"1" * 8, "training_args.bin": b"1"})
    hub_snapshot(cache, "acme/partial", {"config.json": "{}", "model-00002-of-00003.safetensors": b"1" * 6})
    hub_snapshot(cache, "acme/tokenizer", {"tokenizer.json": "{}", "config.json": "{}"})
    hub_snapshot(cache, "gpt2", {"model.safetensors": b"1" * 9})
    (cache / "datasets--acme--data").mkdir()
    (cache / ".locks").mkdir()
    found = list(hub_cache.models_in(str(cache)))
    assert [
        ("hf:acme/dense", "safetensors", 15, None, None),
        ("hf:acme/dense-GGUF:BF16", "gguf", 10, "BF16", "1 of 3 files is not there"),
        ("hf:acme/dense-GGUF:Q4_K_M", "gguf", 4, "Q4_K_M", None),
        ("hf:acme/dense-GGUF:Q8_0", "gguf", 0, "Q8_0", "1 of 1 file is not there"),
        ("hf:acme/dense-GGUF:ud/m-UD-Q4_K_M.gguf", "gguf", 2, "Q4_K_M", None),
        ("hf:acme/lora", "adapter", 3, None, None),
        ("hf:acme/old", "pickle", 8, None, None),
        ("hf:acme/partial", "safetensors", 6, None, "2 of 3 files are not there"),
        ("hf:gpt2", "safetensors", 9, None, None),
    ] == [short(one) for one in found]
    assert {COMMIT} == {one.commit for one in found}
    snapshot = cache / "models--acme--dense-GGUF" / "snapshots" / COMMIT
    assert (str(snapshot / "mmproj-F16.gguf"), (str(snapshot / "m-Q4_K_M.gguf"),)) == (
        found[2].projector,
        found[2].paths,
    )


def test_the_first_of_two_files_with_one_tag_has_the_tag(home: Path) -> None:
    hub_snapshot(home, "acme/two", {"a-Q4_0.gguf": b"1", "b-Q4_0.gguf": b"2", "c.gguf": b"3"})
    references = [one.reference for one in hub_cache.models_in(str(home))]
    assert ["hf:acme/two:Q4_0", "hf:acme/two:b-Q4_0.gguf", "hf:acme/two:c.gguf"] == references


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        (None, COMMIT), ("main", COMMIT), ("v1", OLDER), ("refs/pr/3", OLDER), (COMMIT, COMMIT), (OLDER[:7], OLDER),
        (OLDER[:6], None), ("v2", None), ("9BB3D7A0", COMMIT),
    ],
)  # fmt: skip
def test_the_commit_of_a_revision(revision: str | None, expected: str | None, home: Path) -> None:
    hub_snapshot(home, "acme/foo", {"config.json": "{}"})
    hub_snapshot(home, "acme/foo", {"config.json": "{}"}, commit=OLDER, ref="v1")
    write(home / "models--acme--foo" / "refs" / "refs" / "pr" / "3", OLDER + "\n")
    found = hub_cache.find_snapshot(HubRepository("Acme", "FOO", revision), (str(home / "none"), str(home)))
    assert expected == (None if found is None else found.commit)


def test_without_a_main_branch_the_newest_snapshot_counts(home: Path) -> None:
    hub_snapshot(home, "acme/foo", {"config.json": "{}"}, ref=None)
    old = hub_snapshot(home, "acme/foo", {"config.json": "{}"}, commit=OLDER, ref=None)
    os.utime(old, (1, 1))
    found = hub_cache.find_snapshot(HubRepository("acme", "foo"), (str(home),))
    assert found is not None
    assert (COMMIT, ("config.json",)) == (found.commit, found.names)
    assert hub_cache.find_snapshot(HubRepository("acme", "bar"), (str(home),)) is None


WHOLE = {"config.json": "{}", "model.safetensors": "x"}
SHARDS = {"q/m-Q4_0-00001-of-00002.gguf": "x", "m-Q8_0.gguf": "x"}


@pytest.mark.parametrize(
    ("files", "repository", "expected"),
    [
        (WHOLE, HubRepository("a", "b"), (True, True)),
        ({"config.json": "{}"}, HubRepository("a", "b"), (False, True)),
        ({"model.safetensors": "x"}, HubRepository("a", "b"), (True, False)),
        ({"config.json": "{}", "model.safetensors": None}, HubRepository("a", "b"), (False, True)),
        ({"model-00001-of-00002.safetensors": "x"}, HubRepository("a", "b"), (False, False)),
        (WHOLE, HubRepository("a", "b", quant="Q4_0"), (False, True)),
        (WHOLE, HubRepository("a", "b", file="config.json"), (True, True)),
        (WHOLE, HubRepository("a", "b", file="other.json"), (False, True)),
        (SHARDS, HubRepository("a", "b"), (True, False)),
        (SHARDS, HubRepository("a", "b", quant="Q4_0"), (False, False)),
        (SHARDS, HubRepository("a", "b", quant="q8_0"), (True, False)),
        (SHARDS, HubRepository("a", "b", file="m-q8_0.gguf"), (True, False)),
        (SHARDS, HubRepository("a", "b", file="other.gguf"), (False, False)),
        (SHARDS, HubRepository("a", "b", folder="q"), (False, False)),
        ({"x/model.safetensors": "x"}, HubRepository("a", "b", folder="x"), (True, False)),
        ({"model.safetensors": None, "m-Q8_0.gguf": "x"}, HubRepository("a", "b"), (False, False)),
        ({"model.safetensors": None, "m-Q8_0.gguf": "x"}, HubRepository("a", "b", quant="Q8_0"), (True, False)),
        ({"x/model.safetensors": "x"}, HubRepository("a", "b", folder="y"), (False, False)),
    ],
)
def test_whether_a_snapshot_has_what_is_asked(
    files: dict[str, str | None], repository: HubRepository, expected: tuple[bool, bool], home: Path
) -> None:
    hub_snapshot(home, "a/b", files)
    snapshot = hub_cache.find_snapshot(repository, (str(home),))
    assert snapshot is not None
    assert expected == (hub_cache.serves(snapshot, repository), hub_cache.describes(snapshot))


def test_links_to_themselves_and_unreadable_folders_hold_nothing(home: Path) -> None:
    cache = home / "hub"
    snapshot = hub_snapshot(cache, "acme/foo", {"model.safetensors": b"1" * 3})
    (snapshot / "loop").symlink_to(snapshot)
    (snapshot / "self.gguf").symlink_to(snapshot / "self.gguf")
    os.mkfifo(snapshot / "pipe.gguf")
    (cache / "models--acme--loop").symlink_to(cache / "models--acme--loop")
    write(cache / "models--acme--file", "no folder")
    write(cache / "models--acme--ref" / "refs" / "main", "x" * 100)
    closed = cache / "models--acme--closed" / "snapshots"
    closed.mkdir(parents=True)
    closed.chmod(0)
    try:
        assert [
            ("hf:acme/foo:pipe.gguf", "gguf", 0, None, "1 of 1 file is not there"),
            ("hf:acme/foo:self.gguf", "gguf", 0, None, "1 of 1 file is not there"),
            ("hf:acme/foo", "safetensors", 3, None, None),
        ] == [short(one) for one in hub_cache.models_in(str(cache))]
    finally:
        closed.chmod(0o755)
    assert [] == list(hub_cache.models_in(str(cache / "none")))


def test_files_below_a_folder_enter_each_folder_once(home: Path) -> None:
    write(home / "m" / "a" / "b.txt", "xy")
    write(home / "m" / ".hidden" / "c.txt", "x")
    (home / "m" / "again").symlink_to(home / "m" / "a")
    (home / "m" / "gone").symlink_to(home / "none")
    path = str(home / "m")
    assert (
        StoredFile("a/b.txt", os.path.join(path, "a", "b.txt"), 2), StoredFile("gone", os.path.join(path, "gone"), None)
    ) == files_below(path)  # fmt: skip


def test_small_files_of_a_store(home: Path) -> None:
    bomb = write(home / "bomb.json", "[" * 100_000)
    assert (None, None, None) == (read_json(str(bomb)), read_json(str(home)), read_text(str(home / "none")))
    assert ({"a": 1}, []) == (read_json(str(write(home / "a.json", '{"a": 1}'))), names_in("\0"))


@pytest.mark.skipif(sys.platform != "linux", reason="the folder has another name elsewhere")
@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, ".cache/llama.cpp"), ({"XDG_CACHE_HOME": "x"}, "x/llama.cpp"), ({"LLAMA_CACHE": "l"}, "l")],
)
def test_where_llamacpp_keeps_its_downloads(
    variables: dict[str, str], expected: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (str(home / expected),) == llamacpp_cache.directories()


def test_llamacpps_old_files_have_their_manifests_names(home: Path) -> None:
    write(home / "acme_foo-GGUF_q_m-Q4_K_M.gguf", b"1" * 4)
    write(home / "acme_foo-GGUF_mmproj-F16.gguf", b"1")
    write(home / "acme_foo-GGUF_q_m-Q4_K_M.gguf.etag", "x")
    write(home / "stray-Q8_0-00001-of-00002.gguf", b"1" * 2)
    files = {"ggufFile": {"rfilename": "q/m-Q4_K_M.gguf"}, "mmprojFile": {"rfilename": "mmproj-F16.gguf"}}
    write(home / "manifest=acme=foo-GGUF=latest.json", json.dumps(files))
    write(home / "manifest=acme=bad-GGUF=latest.json", "{")
    write(home / "manifest=acme=odd=Q4_0.json", '{"ggufFile": 3}')
    hub_snapshot(home, "acme/new", {"n-Q4_0.gguf": b"1" * 3})
    found = list(llamacpp_cache.models_in(str(home)))
    assert [
        ("hf:acme/new:Q4_0", "gguf", 3, "Q4_0", None),
        ("hf:acme/foo-GGUF", "gguf", 4, "Q4_K_M", None),
        (str(home / "stray-Q8_0-00001-of-00002.gguf"), "gguf", 2, "Q8_0", "1 of 2 files is not there"),
    ] == [short(one) for one in found]
    assert str(home / "acme_foo-GGUF_mmproj-F16.gguf") == found[1].projector
    assert {"llama.cpp"} == {one.store for one in found}
    asked = HubRepository("Acme", "foo-gguf")
    assert found[1] == llamacpp_cache.find_flat(asked, (str(home),))
    assert llamacpp_cache.find_flat(HubRepository("acme", "foo-GGUF", quant="Q8_0"), (str(home),)) is None
    assert llamacpp_cache.find_flat(asked, (str(home / "none"),)) is None


def test_where_ollama_keeps_models(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (str(home / ".ollama" / "models"), str(home / "system")) == ollama_store.directories()
    monkeypatch.setenv("OLLAMA_MODELS", "~/elsewhere")
    assert (str(home / "elsewhere"),) == ollama_store.directories()


def test_an_ollama_store_lists_its_tags(home: Path) -> None:
    ollama_blob(home, 1, b"1" * 4)
    ollama_blob(home, 2, b"1" * 2)
    ollama_blob(home, 9, '{"model_type": "8.0B", "file_type": "Q4_K_M"}')
    ollama_blob(home, 8, '{"remote_host": "https://ollama.com"}')
    library = "registry.ollama.ai/library"
    ollama_tag(home, f"{library}/llama3.1/8b", manifest({"model": (1, 4), "projector": (2, 2), "params": (3, 1)}))
    ollama_tag(home, f"{library}/gone/latest", manifest({"model": (7, 4)}))
    ollama_tag(home, f"{library}/cloud/latest", manifest({}, config=(8, 9)))
    ollama_tag(home, "registry.ollama.ai/ann/mlx/q4", manifest({"tensor/a": (1, 4), "tensor/b": (2, 2)}, config=(6, 1)))
    ollama_tag(home, "hf.co/acme/foo-GGUF/Q4_K_M", manifest({"model": (1, 4)}))
    ollama_tag(home, f"{library}/bad/latest", {"layers": [{"digest": "md5:1"}]})
    write(home / "manifests" / library / "llama3.1" / ".DS_Store", "x")
    found = list(ollama_store.models_in(str(home)))
    assert [
        ("ollama:hf.co/acme/foo-GGUF:Q4_K_M", "gguf", 4, "Q4_K_M", None),
        ("ollama:ann/mlx:q4", "safetensors", 6, None, None),
        ("ollama:bad:latest", "gguf", 0, None, "the manifest of ollama:bad:latest has a layer without digest and size"),
        ("ollama:gone:latest", "gguf", 0, "Q4_K_M", "1 of 1 file is not there"),
        ("ollama:llama3.1:8b", "gguf", 4, "Q4_K_M", None),
    ] == [short(one) for one in found]
    blobs = home / "blobs"
    last = (found[4].paths, found[4].projector)
    assert ((str(blobs / digest(1).replace(":", "-")),), str(blobs / digest(2).replace(":", "-"))) == last


def test_a_tag_is_found_in_the_first_store_that_has_it(home: Path) -> None:
    tag = OllamaTag("registry.ollama.ai", "library", "x", "latest")
    ollama_tag(home / "b", "registry.ollama.ai/library/x/latest", manifest({"model": (1, 4), "adapter": (2, 1)}))
    found = ollama_store.find_tag(tag, (str(home / "a"), str(home / "b")))
    assert found is not None
    store, layers = found
    assert (str(home / "b"), [digest(1)], [digest(2)], {}) == (
        store,
        [layer.digest for layer in layers.weights],
        [layer.digest for layer in layers.of("adapter")],
        ollama_store.read_config(store, layers),
    )
    assert ollama_store.find_tag(tag, (str(home / "a"),)) is None


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"layers": 3}', '{"layers": [3]}', "{", '{"layers": [{"mediaType": "x"}]}']
)
def test_a_manifest_that_is_none_is_one_line(content: str, home: Path) -> None:
    tag = OllamaTag("registry.ollama.ai", "library", "x", "latest")
    write(home / "manifests" / "registry.ollama.ai" / "library" / "x" / "latest", content)
    with pytest.raises(
        InputError, match=r"the manifest of ollama:x:latest (is not JSON with layers|has a layer without)"
    ):
        ollama_store.find_tag(tag, (str(home),))


def test_where_lm_studio_keeps_models(home: Path) -> None:
    usual = [str(home / ".lmstudio" / "models"), str(home / ".cache" / "lm-studio" / "models")]
    assert tuple(usual) == lm_studio.directories()
    write(home / ".lmstudio-home-pointer", f"{home / 'other'}\n")
    write(home / "other" / "settings.json", json.dumps({"downloadsFolder": str(home / "disk")}))
    assert (str(home / "disk"), str(home / "other" / "models"), *usual) == lm_studio.directories()


def test_lm_studio_lists_gguf_and_mlx(home: Path) -> None:
    write(home / "acme" / "foo-GGUF" / "foo-Q4_K_M.gguf", b"1" * 4)
    write(home / "acme" / "foo-GGUF" / "foo-Q8_0.gguf", b"1" * 8)
    write(home / "acme" / "foo-GGUF" / "mmproj-F16.gguf", b"1")
    write(home / "mlx" / "bar-4bit" / "model.safetensors", b"1" * 3)
    write(home / "stray.txt", "x")
    write(home / ".hidden" / "a" / "x.gguf", "x")
    assert [
        ("lmstudio:acme/foo-GGUF:Q4_K_M", "gguf", 4, "Q4_K_M", None),
        ("lmstudio:acme/foo-GGUF:Q8_0", "gguf", 8, "Q8_0", None),
        ("lmstudio:mlx/bar-4bit", "safetensors", 3, None, None),
    ] == [short(one) for one in lm_studio.models_in(str(home))]
    assert str(home / "acme" / "foo-GGUF") == lm_studio.find_folder(LmStudioModel("Acme", "Foo-gguf"), (str(home),))
    with pytest.raises(InputError, match=r"LM Studio has no model acme/none in .*"):
        lm_studio.find_folder(LmStudioModel("acme", "none"), (str(home),))


def test_everything_on_this_disk_is_listed_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = home / ".cache" / "huggingface" / "hub"
    hub_snapshot(cache, "acme/foo-GGUF", {"m-Q4_0.gguf": b"1" * 4})
    monkeypatch.setenv("LLAMA_CACHE", str(cache))
    ollama_blob(home / ".ollama" / "models", 1, b"1" * 5)
    ollama_tag(home / ".ollama" / "models", "registry.ollama.ai/library/x/latest", manifest({"model": (1, 5)}))
    write(home / ".lmstudio" / "models" / "acme" / "bar" / "bar-Q8_0.gguf", b"1" * 6)
    assert [
        ("huggingface", "hf:acme/foo-GGUF:Q4_0", 4), ("ollama", "ollama:x:latest", 5),
        ("lmstudio", "lmstudio:acme/bar:Q8_0", 6),
    ] == [(one.store, one.reference, one.size_bytes) for one in models_here()]  # fmt: skip


def test_an_empty_disk_holds_nothing() -> None:
    assert () == models_here()


def test_a_folder_without_weights_is_no_model() -> None:
    assert [] == list(models_among([StoredFile("config.json", "/x/config.json", 2)], "lmstudio", "lmstudio:a/b"))
