"""What a model may be called, as tables: text to record, and text to error."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit.errors import UsageError
from vramfit.importers.grammar import parse_reference
from vramfit.importers.reference import (
    HubRepository,
    LmStudioModel,
    LocalDirectory,
    LocalFile,
    OllamaTag,
    Url,
    has_scheme,
    is_path,
    without_secrets,
)

if TYPE_CHECKING:
    from vramfit.importers.reference import Reference

HERE = {
    "./x.gguf": "file", "/models/x.gguf": "file", "x.gguf": "file", "X.GGUF": "file", "config.json": "file",
    "sub/m.safetensors": "file", "C:\\m\\x.gguf": "file", "/m": "directory", ".": "directory", "plain": "directory",
    "acme/foo": "directory", "a/b/c": "directory", "../up": "directory", "acme/foo bar": "directory",
}  # fmt: skip
"""A disk as a table."""


def kind_of(path: str) -> str:
    return HERE.get(path, "")


def parse(text: str) -> Reference:
    return parse_reference(text, kind_of, "https://hub.example.org/mirror/")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("./x.gguf", LocalFile("./x.gguf")),
        (" ./x.gguf ", LocalFile("./x.gguf")),
        ("/models/x.gguf", LocalFile("/models/x.gguf")),
        ("x.gguf", LocalFile("x.gguf")),
        ("X.GGUF", LocalFile("X.GGUF")),
        ("config.json", LocalFile("config.json")),
        ("sub/m.safetensors", LocalFile("sub/m.safetensors")),
        ("C:\\m\\x.gguf", LocalFile("C:\\m\\x.gguf")),
        ("file:///models/x.gguf", LocalFile("/models/x.gguf")),
        ("/m", LocalDirectory("/m")),
        (".", LocalDirectory(".")),
        ("../up", LocalDirectory("../up")),
        ("plain", LocalDirectory("plain")),
        ("a/b/c", LocalDirectory("a/b/c")),
        ("acme/foo bar", LocalDirectory("acme/foo bar")),
    ],
)
def test_what_lies_on_this_disk(text: str, expected: Reference) -> None:
    assert expected == parse(text)


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    path = os.path.expanduser("~/m.gguf")
    assert LocalFile(path) == parse_reference("~/m.gguf", lambda asked: "file" if asked == path else "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf:acme/foo", HubRepository("acme", "foo")),
        ("HF:acme/foo", HubRepository("acme", "foo")),
        ("hf://acme/foo", HubRepository("acme", "foo")),
        ("hf://models/acme/foo", HubRepository("acme", "foo")),
        ("hf:gpt2", HubRepository("", "gpt2")),
        ("hf:acme/foo@v1.0", HubRepository("acme", "foo", "v1.0")),
        ("hf:acme/foo@refs/pr/3", HubRepository("acme", "foo", "refs/pr/3")),
        ("hf:acme/foo:Q4_K_M", HubRepository("acme", "foo", quant="Q4_K_M")),
        ("hf:acme/foo@main:UD-Q4_K_XL", HubRepository("acme", "foo", "main", "UD-Q4_K_XL")),
        ("hf:acme/foo:model.gguf", HubRepository("acme", "foo", file="model.gguf")),
        ("hf:acme/foo:q4/model.gguf", HubRepository("acme", "foo", file="q4/model.gguf")),
        ("hf:acme/foo:q4/", HubRepository("acme", "foo", folder="q4")),
        ("acme/bar", HubRepository("acme", "bar")),
        ("acme/bar:q8_0", HubRepository("acme", "bar", quant="q8_0")),
        ("acme/bar:sub/x.gguf", HubRepository("acme", "bar", file="sub/x.gguf")),
        ("acme/foo", HubRepository("acme", "foo", path="acme/foo")),
        ("https://huggingface.co/acme/foo", HubRepository("acme", "foo")),
        ("https://huggingface.co/gpt2", HubRepository("", "gpt2")),
        ("https://huggingface.co/gpt2/tree/main", HubRepository("", "gpt2", "main")),
        ("https://hf.co/acme/foo/", HubRepository("acme", "foo")),
        ("https://huggingface.co/acme/foo/tree/v2", HubRepository("acme", "foo", "v2")),
        ("https://huggingface.co/acme/foo/tree/main/UD-Q4_K_XL", HubRepository("acme", "foo", "main", folder="UD-Q4_K_XL")),
        ("https://huggingface.co/acme/foo/tree/refs%2Fpr%2F3", HubRepository("acme", "foo", "refs/pr/3")),
        ("https://huggingface.co/acme/foo/tree/refs/pr/3", HubRepository("acme", "foo", "refs/pr/3")),
        ("https://huggingface.co/acme/foo/blob/main/a/x.gguf", HubRepository("acme", "foo", "main", file="a/x.gguf")),
        (
            "https://huggingface.co/acme/foo/resolve/main/x%20y.gguf?download=true",
            HubRepository("acme", "foo", "main", file="x y.gguf"),
        ),
        ("https://huggingface.co/acme/foo?show_file_info=x-Q8_0.gguf", HubRepository("acme", "foo", file="x-Q8_0.gguf")),
        ("https://huggingface.co/acme/foo/discussions/3", HubRepository("acme", "foo")),
        ("https://hub.example.org/mirror/acme/foo/tree/v2", HubRepository("acme", "foo", "v2")),
    ],
)  # fmt: skip
def test_repositories_of_the_hub(text: str, expected: Reference) -> None:
    assert expected == parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ollama:llama3.1", OllamaTag("registry.ollama.ai", "library", "llama3.1", "latest")),
        ("ollama:llama3.1:8b", OllamaTag("registry.ollama.ai", "library", "llama3.1", "8b")),
        ("ollama:ann/mine:q4", OllamaTag("registry.ollama.ai", "ann", "mine", "q4")),
        ("ollama:localhost:5000/ann/mine", OllamaTag("localhost:5000", "ann", "mine", "latest")),
        ("hf.co/acme/foo-GGUF:Q4_K_M", OllamaTag("hf.co", "acme", "foo-GGUF", "Q4_K_M")),
        ("ollama:hf.co/acme/foo-GGUF:Q4_K_M", OllamaTag("hf.co", "acme", "foo-GGUF", "Q4_K_M")),
        ("registry.ollama.ai/library/phi4", OllamaTag("registry.ollama.ai", "library", "phi4", "latest")),
        ("https://ollama.com/library/phi4:14b", OllamaTag("registry.ollama.ai", "library", "phi4", "14b")),
        ("phi4:14b", OllamaTag("registry.ollama.ai", "library", "phi4", "14b", plain=True)),
        ("phi4", OllamaTag("registry.ollama.ai", "library", "phi4", "latest", plain=True)),
        ("lmstudio:acme/foo", LmStudioModel("acme", "foo")),
        ("lmstudio:acme/foo bar/x.gguf", LmStudioModel("acme", "foo bar", file="x.gguf")),
        ("lmstudio:acme/foo:Q4_K_M", LmStudioModel("acme", "foo", "Q4_K_M")),
        ("https://example.org/a/x.gguf", Url("https://example.org/a/x.gguf")),
        ("http://u:p@example.org/a/x.gguf?sig=k", Url("http://u:p@example.org/a/x.gguf?sig=k")),
        ("https://example.org/x.safetensors", Url("https://example.org/x.safetensors")),
    ],
)
def test_other_places(text: str, expected: Reference) -> None:
    assert expected == parse(text)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("./y.gguf", "there is no file or directory ./y.gguf", "a file is ./x.gguf"),
        ("y.gguf", "there is no file or directory y.gguf", "a file is ./x.gguf"),
        ("acme/foo/y.gguf", "there is no file or directory acme/foo/y.gguf", "a file of a repository is hf:acme/foo:y.gguf"),
        ("a/b/d", '"a/b/d" is no file and no repository', "a file is ./x.gguf"),
        ("hf:", '"" is no name of a repository', "write hf:org/name"),
        ("hf:a/b/c", '"a/b/c" is no name of a repository', "write hf:org/name"),
        ("hf:acme/foo@", '"acme/foo@" is no name of a repository', "write hf:org/name"),
        ("hf:acme/foo@../x", '"acme/foo@../x" is no name of a repository', "write hf:org/name"),
        ("hf:acme/foo:", '"acme/foo:" is no name of a repository', "write hf:org/name"),
        ("hf:acme/foo:../x.gguf", '"../x.gguf" is no file of a repository', "write a path below"),
        ("acme/b--c", '"acme/b--c" is no name of a repository', "write hf:org/name"),
        ("ollama:", '"" is no name of a model of Ollama', "write ollama:name:tag"),
        ("ollama:a/b/c/d", '"a/b/c/d" is no name of a model of Ollama', "write ollama:name:tag"),
        ("ollama:../b:c", '"../b:c" is no name of a model of Ollama', "write ollama:name:tag"),
        ("ollama:x@sha256:1", "ollama:x@sha256:1 names a digest", "name a tag"),
        ("two words", '"two words" is no name of a model of Ollama', "write ollama:name:tag"),
        ("lmstudio:foo", '"foo" is no model of LM Studio', "write lmstudio:publisher/name"),
        ("lmstudio:../foo", '"../foo" is no model of LM Studio', "write lmstudio:publisher/name"),
        ("https://huggingface.co/datasets/a/b", "https://huggingface.co/datasets/a/b is no page of a model", "open the"),
        ("https://huggingface.co/", "https://huggingface.co/ is no page of a model", "open the"),
        ("https://example.org/", "https://example.org/ is no address of a model", "give the address of a .gguf file"),
        ("https://u:p@example.org/x?k=s", "https://example.org/x is no address of a model", "give the address"),
    ],
)  # fmt: skip
def test_what_is_no_reference(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert message == caught.value.message
    assert (caught.value.hint or "").startswith(hint)


@pytest.mark.parametrize(
    "text", ["./x", "../x", "/x", "~/x", "\\\\host\\x", "C:\\x", "c:/x", ".", "..", "x.gguf", "a/b.json"]
)
def test_paths_by_their_characters(text: str) -> None:
    assert is_path(text)


@pytest.mark.parametrize(
    "text", ["", "llama-3.1-8b", "acme/foo", "phi4:14b", "hf:a/b:x.gguf", "https://e.org/x.gguf", "a:x"]
)
def test_names_by_their_characters(text: str) -> None:
    assert not is_path(text)


def test_schemes_by_their_characters() -> None:
    yes = ("hf:a", "HF:a", "ollama:a", "lmstudio:a/b", "http://a", "https://a", "file:///a")
    no = ("hfa", "ollama", "lmstudio", "phi4:14b", "C:\\x", "acme/foo")
    assert ([True] * 7, [False] * 6) == ([has_scheme(text) for text in yes], [has_scheme(text) for text in no])


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://ann:secret@example.org/x.gguf?sig=secret#secret", "https://example.org/x.gguf"),
        ("https://example.org?k=secret/@b", "https://example.org/@b"),
        ("https://example.org", "https://example.org"),
        ("no address", "no address"),
    ],
)
def test_addresses_are_shown_without_their_keys(address: str, shown: str) -> None:
    assert shown == without_secrets(address)


def test_no_text_of_an_address_has_its_key() -> None:
    url = Url("https://ann:secret@example.org/a/x.gguf?sig=secret")
    assert ("https://example.org/a/x.gguf", "Url(address='https://example.org/a/x.gguf')") == (str(url), repr(url))
    assert url.file == "x.gguf"


_NAMES = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_]|[.-][A-Za-z0-9_]){0,20}", fullmatch=True)


@given(_NAMES, _NAMES, st.none() | _NAMES, st.none() | st.sampled_from(["Q4_K_M", "UD-IQ1_S"]))
def test_a_repository_written_out_is_read_back(org: str, name: str, revision: str | None, quant: str | None) -> None:
    one = HubRepository(org, name, revision, quant)
    assert one == parse_reference(str(one), lambda _: "")


@given(_NAMES, _NAMES.filter(lambda name: "." not in name), _NAMES)
def test_a_tag_written_out_is_read_back(name: str, namespace: str, tag: str) -> None:
    one = OllamaTag("registry.ollama.ai", namespace, name, tag)
    assert one == parse_reference(str(one), lambda _: "")


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_one_line_of_error(text: str) -> None:
    try:
        parse_reference(text, lambda _: "")
    except UsageError as error:
        assert error.message.isprintable()
        assert error.hint
