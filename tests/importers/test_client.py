"""Requests as such: what a redirect may do, and what a reply is held to. ``test_hub`` has the faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.importers.loopback import Repository
from vramfit.errors import InputError
from vramfit.importers.client import Client, Network, Reply, origin, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.importers.loopback import Loopback

HOME = "https://huggingface.co"


class Scripted(Client):
    """A client whose requests are answered from a table of redirects, and written down with their tokens."""

    def __init__(self, redirects: Mapping[str, str]) -> None:
        super().__init__(Network(), lambda: "hf_secret", HOME)
        self.redirects = redirects
        self.sent: list[tuple[str, str | None]] = []

    def _send(self, address: str, limits: tuple[int, int], headers: Mapping[str, str]) -> tuple[Reply, str | None]:
        self.sent.append((address, headers.get("authorization")))
        return Reply(200, {}, b"", True, "h"), self.redirects.get(address)


@pytest.mark.parametrize(
    ("redirects", "sent"),
    [
        ({}, [(f"{HOME}/x", True)]),
        ({f"{HOME}/x": "/y"}, [(f"{HOME}/x", True), (f"{HOME}/y", True)]),
        ({f"{HOME}/x": "https://huggingface.co:443/y"}, [(f"{HOME}/x", True), ("https://huggingface.co:443/y", True)]),
        ({f"{HOME}/x": "https://HUGGINGFACE.co/y"}, [(f"{HOME}/x", True), ("https://HUGGINGFACE.co/y", True)]),
        ({f"{HOME}/x": "https://huggingface.co:444/y"}, [(f"{HOME}/x", True), ("https://huggingface.co:444/y", False)]),
        ({f"{HOME}/x": "//cdn.example/y"}, [(f"{HOME}/x", True), ("https://cdn.example/y", False)]),
        ({f"{HOME}/x": "https://huggingface.co.example/y"},
         [(f"{HOME}/x", True), ("https://huggingface.co.example/y", False)]),
        ({f"{HOME}/x": "https://huggingface.co@cdn.example/y"},
         [(f"{HOME}/x", True), ("https://huggingface.co@cdn.example/y", False)]),
        ({f"{HOME}/x": "https://cdn.example/y", "https://cdn.example/y": f"{HOME}/z"},
         [(f"{HOME}/x", True), ("https://cdn.example/y", False), (f"{HOME}/z", False)]),
    ],
)  # fmt: skip
def test_where_a_token_goes(redirects: dict[str, str], sent: list[tuple[str, bool]]) -> None:
    client = Scripted(redirects)
    client.get(f"{HOME}/x")
    assert sent == [(address, token == "Bearer hf_secret") for address, token in client.sent]


@pytest.mark.parametrize("target", ["http://huggingface.co/y", "file:///etc/passwd", "ftp://huggingface.co/y"])
def test_a_redirect_to_something_less_safe_is_not_followed(target: str) -> None:
    client = Scripted({f"{HOME}/x": target})
    with pytest.raises(InputError, match="redirects to an address that is not safe to follow"):
        client.get(f"{HOME}/x")
    assert 1 == len(client.sent)


def test_another_server_never_gets_the_token() -> None:
    client = Scripted({})
    client.get("https://example.org/x.gguf")
    assert [("https://example.org/x.gguf", None)] == client.sent


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://huggingface.co/a", ("https", "huggingface.co", 443)),
        ("HTTP://u:p@Example.ORG:8080/a", ("http", "example.org", 8080)),
        ("https://example.org:bad/", ("", "", 0)),
        ("", ("", "", 0)),
    ],
)
def test_origins(address: str, expected: tuple[str, str, int]) -> None:
    assert expected == origin(address)


def test_a_text_longer_than_any_is_cut_and_refused(net: Loopback) -> None:
    net.repositories["acme/foo"] = Repository({"x.json": b"[1]" * 1_000})
    address = f"{net.address('hub')}/acme/foo/resolve/main/x.json"
    reply = Client(Network()).get(address, 1_000)
    assert (1_000, False) == (len(reply.content), reply.whole)
    with pytest.raises(InputError, match=r"x from 127\.0\.0\.1 is longer than such a thing is"):
        read_json(reply, "x")


@pytest.mark.parametrize("address", ["http://[::1", "http://a b/x", "gopher://127.0.0.1/x", "http://:0/x"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(InputError) as caught:
        Client(Network()).get(address)
    assert caught.value.message.isprintable()
