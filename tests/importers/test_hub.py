"""The Hub over the network: what is asked, what is answered, what is kept, where the token goes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.importers.loopback import Repository, Sparse, safetensors
from vramfit.errors import InputError
from vramfit.importers.client import Network
from vramfit.importers.facts_cache import FactsCache
from vramfit.importers.hub import header_bytes, open_repository
from vramfit.importers.reference import HubRepository

if TYPE_CHECKING:
    from pathlib import Path

    from tests.importers.loopback import Loopback

FOO = HubRepository("acme", "foo")
CONFIG = b'{"model_type": "llama"}'
SHARD = safetensors({"a.weight": ("BF16", (4, 8), 64)}, padding=5)
COMMIT = Repository({}).commit
LISTING = "hub /api/models/acme/foo/revision/main?blobs=true"
SECRET = "hf_secretsecretsecretsecretsecretsecret"
SHARDS = tuple(f"model-{n:05d}-of-00003.safetensors" for n in (1, 2, 3))


@pytest.fixture
def foo(net: Loopback) -> Loopback:
    """A repository with a config, one file of weights, and a GGUF of 40 GB."""
    files: dict[str, bytes | Sparse] = {
        "config.json": CONFIG, "model.safetensors": SHARD, "big.gguf": Sparse(b"GGUF" + b"x" * 100_000, 40 << 30),
        "sub/unet.safetensors": SHARD,
    }  # fmt: skip
    net.repositories["acme/foo"] = Repository(files)
    return net


def kept(disk: Path) -> list[str]:
    """Files below the cache of the product."""
    return sorted(str(path.relative_to(disk / "cache")) for path in (disk / "cache").rglob("*") if path.is_file())


def test_one_listing_then_each_file_once(foo: Loopback) -> None:
    folder = open_repository(FOO, Network())
    assert (COMMIT, "acme/foo", ("big.gguf", "config.json", "model.safetensors")) == (
        folder.commit, folder.name, folder.names()
    )  # fmt: skip
    assert (b"x" * 50_000, 40 << 30) == (folder.open("big.gguf").read(4, 50_000), folder.open("big.gguf").size_bytes)
    assert CONFIG == folder.open("config.json").read(0, 1_000)
    assert SHARD.start == folder.open("model.safetensors").read(0, len(SHARD.start))
    assert SHARD.start[:8] == folder.folder("sub").open("unet.safetensors").read(0, 8)
    assert [LISTING] == foo.paths()[:1]
    # Four files of which three redirect to the storage, each asked once.
    assert (4, 3) == (
        len([path for path in foo.paths() if path.startswith("hub /acme/foo/resolve/")]),
        len([path for path in foo.paths() if path.startswith("storage ")]),
    )
    assert foo.sent_bytes < 60_000
    assert {"vramfit/"} == {(one.agent or "")[:8] for one in foo.asked}


def test_a_second_question_costs_no_request(foo: Loopback, disk: Path) -> None:
    open_repository(FOO, Network()).text("config.json")
    asked = len(foo.asked)
    again = open_repository(FOO, Network())
    assert (COMMIT, CONFIG, asked) == (again.commit, again.text("config.json"), len(foo.asked))
    host = f"127.0.0.1_{foo.ports['hub']}"
    assert [f"vramfit/hub/{host}/acme/foo/{COMMIT}.json", f"vramfit/hub/{host}/acme/foo/refs.json"] == kept(disk)


def test_facts_are_kept_by_commit(foo: Loopback) -> None:
    folder = open_repository(FOO, Network())
    assert folder.kept("tensors") is None
    folder.keep("tensors", {"a": [1, 2]})
    folder.keep("huge", "x" * (5 << 20))
    again = open_repository(FOO, Network(offline=True))
    assert ({"a": [1, 2]}, None, folder.files) == (again.kept("tensors"), again.kept("huge"), again.files)


def test_a_branch_is_asked_again_after_a_day(foo: Loopback, disk: Path) -> None:
    day = FactsCache("h", str(disk), lambda: 1_000.0)
    open_repository(FOO, Network(), day)
    open_repository(FOO, Network(), FactsCache("h", str(disk), lambda: 1_000.0 + 86_399))
    assert [LISTING] == foo.paths()
    open_repository(FOO, Network(), FactsCache("h", str(disk), lambda: 1_000.0 + 86_400))
    assert [LISTING] * 2 == foo.paths()
    open_repository(FOO, Network(offline=True), FactsCache("h", str(disk), lambda: 1e9))
    assert 2 == len(foo.asked)


def test_a_commit_is_asked_once_for_all_time(foo: Loopback, disk: Path) -> None:
    fixed = HubRepository("acme", "foo", COMMIT)
    open_repository(fixed, Network(), FactsCache("h", str(disk), lambda: 0.0))
    open_repository(fixed, Network(), FactsCache("h", str(disk), lambda: 1e9))
    assert [f"hub /api/models/acme/foo/revision/{COMMIT}?blobs=true"] == foo.paths()


@pytest.mark.parametrize("word", ["--offline", "HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=yes"])
def test_nothing_is_asked_when_the_network_is_off(word: str, foo: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    open_repository(FOO, Network())
    asked = len(foo.asked)
    name, _, value = word.partition("=")
    if value:
        monkeypatch.setenv(name, value)
    off = Network(offline=not value)
    with pytest.raises(InputError, match="hf:acme/bar is not on this disk, and the network is off") as caught:
        open_repository(HubRepository("acme", "bar"), off)
    assert f"without {word} it would be read" == caught.value.hint
    folder = open_repository(FOO, off)
    with pytest.raises(InputError, match=f"config.json is not asked: {word}"):
        folder.text("config.json")
    assert asked == len(foo.asked)


def test_the_headers_of_many_shards_come_in_one_reply(net: Loopback) -> None:
    shards = {name: safetensors({f"layer.{name}": ("BF16", (4, 4), 32)}, padding=n) for n, name in enumerate(SHARDS)}
    net.repositories["acme/foo"] = Repository({**shards, "config.json": CONFIG}, offers_headers=True)
    folder = open_repository(FOO, Network())
    for name, shard in shards.items():
        start = folder.open(name).read(0, len(shard.start))
        assert start[:8] == shard.start[:8]
        assert json.loads(start[8:]) == json.loads(shard.start[8:])
    assert [LISTING, "hub /api/models/acme/foo/safetensors-metadata/model.safetensors.index.json"] == net.paths()


@pytest.mark.parametrize(("revision", "asked"), [(None, 1 + 1 + 3 + 3), (COMMIT, 1 + 3 + 3)])
def test_without_that_reply_each_shard_is_asked_once(revision: str | None, asked: int, net: Loopback) -> None:
    """A listing, a reply that is not to be had (only of the main branch), a request and a redirect for each shard."""
    shards = {name: safetensors({f"layer.{name}": ("BF16", (4, 4), 32)}) for name in SHARDS}
    net.repositories["acme/foo"] = Repository(dict(shards))
    folder = open_repository(HubRepository("acme", "foo", revision), Network())
    assert [shard.start for shard in shards.values()] == [folder.open(n).read(0, len(shards[n].start)) for n in SHARDS]
    assert asked == len(net.asked)


def test_a_shard_that_fails_is_the_answer(net: Loopback) -> None:
    net.repositories["acme/foo"] = Repository(dict.fromkeys(SHARDS, SHARD))
    net.fail(SHARDS[1], "403", x_error_code="GatedRepo")
    folder = open_repository(FOO, Network())
    with pytest.raises(InputError, match="hf:acme/foo is gated"):
        folder.open(SHARDS[0])
    assert len(net.asked) <= 1 + 1 + 3 + 2


@pytest.mark.parametrize(
    ("header", "size_bytes", "expected"),
    [
        ({"a": {"data_offsets": [0, 4]}}, 8 + 30 + 4, b'\x1e\0\0\0\0\0\0\0{"a":{"data_offsets":[0,4]}}' + b" " * 2),
        ({"a": {"data_offsets": [0, 4]}}, 8 + 28 + 4, b'\x1c\0\0\0\0\0\0\0{"a":{"data_offsets":[0,4]}}'),
        ({"a": {"data_offsets": [0, 4]}}, 8 + 27 + 4, None),
        ({"__metadata__": {"f": "pt"}}, 8 + 28, b'\x1c\0\0\0\0\0\0\0{"__metadata__":{"f":"pt"}} '),
        ({"a": {"data_offsets": [0, "4"]}}, 80, None),
        ({"a": 3}, 80, None),
        ({"a": {"data_offsets": [0, 4]}}, None, None),
        ([], 80, None),
    ],
)
def test_a_header_laid_out_again(header: object, size_bytes: int | None, expected: bytes | None) -> None:
    assert expected == header_bytes(header, size_bytes)


def test_the_token_goes_to_the_hub_and_not_to_its_storage(foo: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    foo.repositories["acme/foo"].token = SECRET
    folder = open_repository(FOO, Network())
    folder.text("config.json")
    folder.open("big.gguf").read(0, 100)
    tokens = {(one.server, one.token) for one in foo.asked}
    assert {("hub", f"Bearer {SECRET}"), ("storage", None)} == tokens


def test_a_token_that_left_its_host_does_not_come_back(foo: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    foo.fail("hub /acme/foo/resolve", "elsewhere", times=1, to=f"{foo.address('storage')}/bounce")
    foo.fail("storage /bounce", "elsewhere", to=f"{foo.address('hub')}/acme/foo/resolve/main/config.json")
    open_repository(FOO, Network()).text("config.json")
    assert [f"Bearer {SECRET}", f"Bearer {SECRET}", None, None] == [one.token for one in foo.asked]


def test_a_repository_that_moved_keeps_the_token(foo: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    foo.fail("/api/models/acme/old", "elsewhere", to="/api/models/acme/foo/revision/main?blobs=true")
    assert COMMIT == open_repository(HubRepository("acme", "old"), Network()).commit
    assert [("hub", f"Bearer {SECRET}")] * 2 == [(one.server, one.token) for one in foo.asked]


def test_what_is_kept_needs_no_library(foo: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    open_repository(FOO, Network()).text("config.json")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert CONFIG == open_repository(FOO, Network()).text("config.json")


def test_no_secret_is_kept_or_told(foo: Loopback, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    foo.repositories["acme/foo"].token = SECRET
    folder = open_repository(FOO, Network())
    folder.text("config.json")
    foo.fail("storage", "truncated")
    with pytest.raises(InputError) as caught:
        folder.open("big.gguf").read(0, 100)
    told = caught.value.message + str(caught.value.hint) + repr(folder.__dict__)
    written = "".join((disk / "cache" / name).read_text() for name in kept(disk))
    assert written
    assert "secret" not in told + written


@pytest.mark.parametrize("token", ["hf_ümlaut", "hf_line\nbreak"])
def test_a_token_that_cannot_be_sent_is_not_quoted(token: str, foo: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: token)
    with pytest.raises(InputError, match=r"127\.0\.0\.1 cannot be asked") as caught:
        open_repository(FOO, Network())
    assert token not in caught.value.message + str(caught.value.hint) + str(caught.value.__cause__)
    assert [] == foo.asked


def test_a_way_to_a_token_that_fails_is_one_line(foo: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> str:
        raise RuntimeError(SECRET)

    monkeypatch.setattr("huggingface_hub.get_token", fails)
    with pytest.raises(InputError, match="huggingface_hub cannot get a token") as caught:
        open_repository(FOO, Network())
    assert caught.value.__cause__ is None
    assert [] == foo.asked


def test_without_the_library_the_message_says_what_to_install(foo: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match="this needs the network, and huggingface_hub is not installed") as caught:
        open_repository(FOO, Network())
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("pip install huggingface_hub where vramfit is installed, or give a file")


GATED = "accept its terms at http://127.0.0.1:PORT/acme/foo and set HF_TOKEN"
PRIVATE = "check the spelling; for a private repository set HF_TOKEN to a token that may read it"


@pytest.mark.parametrize(
    ("kind", "headers", "message", "hint", "requests"),
    [
        ("401", {}, "hf:acme/foo does not exist at HOST, or is private (401)", PRIVATE, 1),
        ("401", {"x_error_code": "GatedRepo"}, "hf:acme/foo is gated", GATED, 1),
        ("403", {"x_error_code": "GatedRepo"}, "hf:acme/foo is gated", GATED, 1),
        ("401", {"x_error_message": "Invalid credentials in Authorization header"},
         "HOST does not accept the token that is set", "set HF_TOKEN, or run `hf auth login`", 1),
        ("403", {}, "HOST refuses hf:acme/foo (403)", "set HF_TOKEN to a token that may read it", 1),
        ("404", {"x_error_code": "RepoNotFound"}, "hf:acme/foo does not exist at HOST, or is private (404)", PRIVATE, 1),
        ("404", {}, "hf:acme/foo does not exist at HOST, or is private (404)", PRIVATE, 1),
        ("418", {}, "HOST answers 418 for hf:acme/foo", "check HF_ENDPOINT, or try again later", 1),
        ("429", {}, "HOST has had too many requests from here (429)", "try again later; HF_TOKEN raises the Hub's limit", 1),
        ("429", {"retry_after": "300"}, "HOST has had too many requests from here (429)",
         "try again in 300 s; HF_TOKEN raises the Hub's limit", 1),
        ("429", {"retry_after": "0"}, "HOST has had too many requests from here (429)",
         "try again in 0 s; HF_TOKEN raises the Hub's limit", 2),
        ("429", {"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "HOST has had too many requests from here (429)",
         "try again later; HF_TOKEN raises the Hub's limit", 1),
        ("500", {}, "HOST is out of order (500)", "try again later", 2),
        ("503", {}, "HOST is out of order (503)", "try again later", 2),
        ("507", {}, "HOST is out of order (507)", "try again later", 1),
        ("html", {}, "the listing of hf:acme/foo from HOST is not JSON",
         "check the address, and whether a login page answers", 1),
        ("bomb", {}, "the listing of hf:acme/foo from HOST is not JSON",
         "check the address, and whether a login page answers", 1),
        ("cut", {}, "HOST broke the reply off before its end", "try again", 2),
        ("closed", {}, "HOST broke the reply off before its end", "try again", 2),
        ("slow", {}, "HOST is too slow: nothing useful came within 0.2 s", "try again, or give it more: --timeout SECONDS", 2),
        ("loop", {}, "HOST redirects more than 5 times", "check the address", 6),
    ],
)  # fmt: skip
def test_refusals_and_faults_are_one_line(
    kind: str, headers: dict[str, str], message: str, hint: str, requests: int, foo: Loopback, disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("vramfit.importers.client.RETRY_AFTER_SECONDS", 0.0)
    foo.fail("/api/models", kind, 1_000, **headers)
    with pytest.raises(InputError) as caught:
        open_repository(FOO, Network(timeout_seconds=0.2 if kind == "slow" else 10.0))
    assert (message.replace("HOST", "127.0.0.1"), hint.replace("PORT", str(foo.ports["hub"]))) == (
        caught.value.message, caught.value.hint
    )  # fmt: skip
    assert 4 == caught.value.exit_code
    assert requests == len(foo.asked)
    assert [] == kept(disk)


@pytest.mark.parametrize("kind", ["500", "closed", "429"])
def test_what_passes_is_asked_once_more(kind: str, foo: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vramfit.importers.client.RETRY_AFTER_SECONDS", 0.0)
    foo.fail("/api/models", kind, times=1, retry_after="0")
    assert (COMMIT, 2) == (open_repository(FOO, Network()).commit, len(foo.asked))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("403", "127.0.0.1 refuses big.gguf of hf:acme/foo (403)"),
        ("404", "big.gguf of hf:acme/foo does not exist at 127.0.0.1, or is private (404)"),
        ("truncated", "127.0.0.1 broke the reply off before its end"),
        ("drip", "127.0.0.1 is too slow: nothing useful came within 0.2 s"),
        ("wrong-range", "big.gguf: 127.0.0.1 sent another range than was asked"),
        ("wrong-total", "big.gguf has 42,949,672,961 bytes at 127.0.0.1, not the 42,949,672,960 of its listing"),
        ("500", "127.0.0.1 is out of order (500)"),
    ],
)
def test_faults_of_a_file(kind: str, message: str, foo: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vramfit.importers.client.RETRY_AFTER_SECONDS", 0.0)
    folder = open_repository(FOO, Network(timeout_seconds=0.2 if kind == "drip" else 10.0))
    foo.fail("storage", kind)
    with pytest.raises(InputError) as caught:
        folder.open("big.gguf").read(0, 90_000)
    assert (message, 4) == (caught.value.message, caught.value.exit_code)
    assert len(foo.asked) <= 5


def test_a_server_that_ignores_ranges_is_read_no_further_than_asked(foo: Loopback) -> None:
    folder = open_repository(FOO, Network())
    foo.fail("storage", "no-ranges")
    source = folder.open("big.gguf")
    assert (b"GGUF", b"x" * 10, b"\0" * 5) == (source.read(0, 4), source.read(4, 10), source.read(150_000, 5))
    # What lay in the buffers of this machine went out besides; the file has 40 GB.
    sent = foo.sent_bytes
    assert sent < 20 << 20
    with pytest.raises(InputError, match=r"127.0.0.1 sends whole files and no ranges of them"):
        source.read(80 << 20, 5)
    assert foo.sent_bytes - sent < 20 << 20


def test_a_range_in_parts_is_put_together(foo: Loopback) -> None:
    folder = open_repository(FOO, Network())
    foo.fail("storage", "short-ranges")
    assert b"GGUF" + b"x" * 2_496 == folder.open("big.gguf").read(0, 2_500)
    with pytest.raises(InputError, match=r"big.gguf: the server answers ranges in too many parts"):
        folder.open("big.gguf").read(0, 90_000)


@pytest.mark.parametrize("kind", ["html", "truncated"])
def test_a_config_of_another_length_is_not_kept(
    kind: str, foo: Loopback, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vramfit.importers.client.RETRY_AFTER_SECONDS", 0.0)
    folder = open_repository(FOO, Network())
    before = {name: (disk / "cache" / name).read_text() for name in kept(disk)}
    foo.fail("config.json", kind)
    with pytest.raises(InputError, match=r"(config.json from 127.0.0.1 has not the 23 bytes|broke the reply off)"):
        folder.text("config.json")
    assert before == {name: (disk / "cache" / name).read_text() for name in kept(disk)}


def test_a_file_that_is_not_there(foo: Loopback) -> None:
    folder = open_repository(FOO, Network())
    with pytest.raises(InputError, match=r"hf:acme/foo has no file none.json"):
        folder.open("none.json")
    with pytest.raises(InputError, match=r"hf:acme/foo has no file none.json"):
        folder.text("none.json")


def test_a_revision_that_does_not_exist_names_those_that_do(foo: Loopback) -> None:
    foo.repositories["acme/foo"].refs = ("main", "v1", "v2")
    with pytest.raises(InputError, match="hf:acme/foo has no revision v3") as caught:
        open_repository(HubRepository("acme", "foo", "v3"), Network())
    assert ("it has main, v1, v2", 2) == (caught.value.hint, len(foo.asked))


def test_a_directory_of_the_same_name_is_mentioned(foo: Loopback) -> None:
    with pytest.raises(InputError) as caught:
        open_repository(HubRepository("acme", "bar", path="acme/bar"), Network())
    assert "for the one on this disk write ./acme/bar" == caught.value.hint


@pytest.mark.parametrize(
    "value", [b"[]", b"{}", b'{"sha": "main", "siblings": []}', b'{"sha": "9bb3d7a0c1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6"}']
)
def test_a_listing_that_is_none(value: bytes, net: Loopback, disk: Path) -> None:
    net.repositories["api/foo"] = Repository({"x": value})
    net.repositories["acme/foo"] = Repository({"listing": value})
    net.fail("/api/models", "elsewhere", times=1, to="/acme/foo/resolve/main/listing")
    with pytest.raises(InputError, match=r"the listing of hf:acme/foo from 127.0.0.1 has no commit and files"):
        open_repository(FOO, Network())
    assert [] == kept(disk)


def test_a_server_that_is_not_there_is_asked_once(foo: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"127\.0\.0\.1 cannot be reached: "):
        open_repository(FOO, Network())


def test_a_damaged_cache_is_as_if_it_were_not_there(foo: Loopback, disk: Path) -> None:
    open_repository(FOO, Network())
    for name in kept(disk):
        (disk / "cache" / name).write_text('{"form": 1, "facts": {"files": [3], "main": 3')
    assert COMMIT == open_repository(FOO, Network()).commit
    assert [LISTING] * 2 == foo.paths()


def test_a_cache_that_cannot_be_written_costs_requests_only(foo: Loopback, disk: Path) -> None:
    (disk / "cache").write_text("a file")
    assert CONFIG == open_repository(FOO, Network()).text("config.json")
