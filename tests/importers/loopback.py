"""A server on this machine that speaks the Hub's paths and those of Ollama's registry, with faults on demand.

The Hub's paths and headers are those that ``huggingface_hub`` 2.4 asks for and reads (``hf_api.py``, ``file_download.py``,
``utils/_http.py``); its own client is run against them in ``test_loopback``. Files of weights redirect to a second
server, as the Hub redirects to its storage. Every request is written down.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LARGE_SUFFIXES = (".gguf", ".safetensors", ".bin")
CHUNK = 1 << 16


@dataclass(frozen=True)
class Sparse:
    """A file that begins with some bytes and goes on with zeros."""

    start: bytes
    size: int

    def read(self, first: int, last: int) -> bytes:
        """Bytes ``first`` to ``last``, inclusive."""
        head = self.start[first : last + 1]
        return head + b"\0" * (last + 1 - first - len(head))


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    server: str
    """``hub``, ``storage`` or ``ollama``."""
    method: str
    path: str
    token: str | None
    range: str | None
    accept: str | None
    agent: str | None


@dataclass
class Repository:
    """A repository of the Hub."""

    files: dict[str, bytes | Sparse]
    commit: str = "9bb3d7a0c1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6"
    token: str | None = None
    """The one that may read it; None for everyone."""
    gated: bool = False
    """Listed for everyone, read with the token."""
    refs: tuple[str, ...] = ("main",)
    offers_headers: bool = False
    """Whether the headers of all shards can be had in one reply."""


@dataclass
class Fault:
    """What goes wrong with requests whose path contains ``part``."""

    part: str
    kind: str
    times: int = 1_000
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Loopback:
    """The servers and what they hold."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    """Of Ollama: ``library/name:tag`` to JSON."""
    blobs: dict[str, bytes | Sparse] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    sent_bytes: int = 0
    """Bytes of content that went out, as far as they were taken."""
    ports: dict[str, int] = field(default_factory=dict)
    closing: threading.Event = field(default_factory=threading.Event)

    def address(self, server: str) -> str:
        """Address of one of the servers."""
        return f"http://127.0.0.1:{self.ports[server]}"

    def fail(self, part: str, kind: str, times: int = 1_000, **headers: str) -> None:
        """Let requests go wrong; underscores in names of headers stand for dashes."""
        self.faults.append(Fault(part, kind, times, {name.replace("_", "-"): text for name, text in headers.items()}))

    def fault(self, path: str) -> Fault | None:
        """The fault that meets a request."""
        for fault in self.faults:
            if fault.part in path and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def paths(self) -> list[str]:
        """Server and path of each request, in order."""
        return [f"{one.server} {one.path}" for one in self.asked]

    def add_blob(self, content: bytes | Sparse) -> tuple[str, int]:
        """A blob of Ollama's registry; its digest and bytes."""
        if isinstance(content, Sparse):
            digest, size = f"sha256:{hashlib.sha256(content.start).hexdigest()}", content.size
        else:
            digest, size = f"sha256:{hashlib.sha256(content).hexdigest()}", len(content)
        self.blobs[digest] = content
        return digest, size

    def add_tag(self, name: str, layers: list[tuple[str, bytes | Sparse]], config: bytes = b"{}") -> None:
        """A tag ``library/name:tag`` of layers, each a kind and a content."""
        digest, size = self.add_blob(config)
        found = []
        for kind, content in layers:
            word, _, label = kind.partition("/")
            of, length = self.add_blob(content)
            found.append(
                {"mediaType": f"application/vnd.ollama.image.{word}", "digest": of, "size": length, "name": label}
            )
        value = {
            "schemaVersion": 2,
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": digest, "size": size},
            "layers": found,
        }
        self.manifests[name] = json.dumps(value).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers for all three servers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: Loopback
    name: str

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Headers alone."""
        self._answer()

    def do_GET(self) -> None:
        """Headers and content."""
        self._answer()

    def _answer(self) -> None:
        headers = self.headers
        self.state.asked.append(
            Asked(
                self.name, self.command, self.path, headers.get("authorization"), headers.get("range"),
                headers.get("accept"), headers.get("user-agent"),
            )
        )  # fmt: skip
        fault = self.state.fault(f"{self.name} {self.path}")
        try:
            if fault is not None and self._fails(fault):
                return
            parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
            if self.name == "storage":
                self._file(self.state.blobs["/".join(parts)], fault)
            elif parts[0] == "v2":
                self._registry(parts, fault)
            else:
                self._hub(parts, fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _fails(self, fault: Fault) -> bool:
        """Answer a fault that needs no content; False where it is one of the content."""
        kind = fault.kind
        if kind.isdigit():
            self._send(int(kind), b'{"error": "as asked"}', fault.headers)
        elif kind == "slow":
            self.state.closing.wait(20)
            self.close_connection = True
        elif kind == "closed":
            self.close_connection = True
        elif kind == "html":
            self._send(200, b"<html>sign in</html>")
        elif kind == "bomb":
            self._send(200, b"[" * 200_000)
        elif kind == "cut":
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(b'{"sha": "9bb3')
            self.close_connection = True
        elif kind == "loop":
            self._send(302, b"", {"location": self.path})
        elif kind == "elsewhere":
            self._send(302, b"", {"location": fault.headers["to"]})
        else:
            return False
        return True

    def _hub(self, parts: list[str], fault: Fault | None) -> None:
        if parts[:2] == ["api", "models"]:
            identity, rest = "/".join(parts[2:4]), parts[4:]
        else:
            identity, rest = "/".join(parts[:2]), parts[2:]
        repository = self.state.repositories.get(identity)
        allowed = repository is not None and repository.token in (None, self._token())
        if repository is None or (not allowed and not repository.gated):
            self._send(
                401 if self._token() is None else 404,
                b'{"error": "Repository not found"}',
                {"X-Error-Code": "RepoNotFound"},
            )
        elif parts[0] == "api":
            self._api(identity, repository, rest)
        elif not allowed:
            message = f"Access to model {identity} is restricted."
            self._send(403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": message})
        elif rest[0] == "resolve" and rest[1] in (*repository.refs, repository.commit):
            self._resolve(repository, "/".join(rest[2:]), fault)
        else:
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})

    def _api(self, identity: str, repository: Repository, rest: list[str]) -> None:
        if rest[:1] == ["refs"]:
            branches = [
                {"name": ref, "ref": f"refs/heads/{ref}", "targetCommit": repository.commit} for ref in repository.refs
            ]
            self._json({"branches": branches, "tags": [], "converts": []})
        elif rest[:1] == ["safetensors-metadata"] and repository.offers_headers:
            headers = {
                name: _header(content) for name, content in repository.files.items() if name.endswith(".safetensors")
            }
            self._json({"index": {"metadata": {}}, "headers": headers})
        elif rest[:1] in ([], ["revision"]) and (not rest or rest[1] in (*repository.refs, repository.commit)):
            blobs = "blobs" in parse_qs(urlsplit(self.path).query)
            siblings = [
                {"rfilename": name} | ({"size": _size(content), "blobId": _oid(content)} if blobs else {})
                for name, content in repository.files.items()
            ]
            gated = "manual" if repository.gated else False
            value = {"_id": "1", "id": identity, "modelId": identity, "sha": repository.commit, "gated": gated,
                     "private": repository.token is not None, "tags": [], "siblings": siblings}  # fmt: skip
            self._json(value)
        else:
            code = "RevisionNotFound" if rest[:1] == ["revision"] else "EntryNotFound"
            self._send(404, b'{"error": "not there"}', {"X-Error-Code": code})

    def _resolve(self, repository: Repository, name: str, fault: Fault | None) -> None:
        content = repository.files.get(name)
        if content is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        headers = {"X-Repo-Commit": repository.commit, "ETag": f'"{_oid(content)}"'}
        if name.endswith(LARGE_SUFFIXES):
            key = f"{_oid(content)}/{name}"
            self.state.blobs[key] = content
            headers |= {"X-Linked-Size": str(_size(content)), "X-Linked-Etag": f'"{_oid(content)}"'}
            self._send(302, b"", {**headers, "location": f"{self.state.address('storage')}/{key}?signature=secret"})
        else:
            self._file(content, fault, headers)

    def _registry(self, parts: list[str], fault: Fault | None) -> None:
        name, word, last = "/".join(parts[1:3]), parts[3], parts[4]
        if word == "manifests" and f"{name}:{last}" in self.state.manifests:
            self._send(200, self.state.manifests[f"{name}:{last}"])
        elif word == "blobs" and isinstance(content := self.state.blobs.get(last), bytes) and len(content) < 1_000:
            self._file(content, fault)
        elif word == "blobs" and last in self.state.blobs:
            self._send(307, b"", {"location": f"{self.state.address('storage')}/{last}?signature=secret"})
        else:
            self._send(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')

    def _file(self, content: bytes | Sparse, fault: Fault | None, headers: dict[str, str] | None = None) -> None:
        """A file, whole or a range of it, and what can be wrong with that."""
        sparse = Sparse(content, len(content)) if isinstance(content, bytes) else content
        kind = "" if fault is None else fault.kind
        asked = (self.headers.get("range") or "").removeprefix("bytes=")
        first, last, status = 0, sparse.size - 1, 200
        send = {"accept-ranges": "bytes", **(headers or {})}
        if asked and kind != "no-ranges":
            start, _, stop = asked.partition("-")
            first, last, status = int(start), min(int(stop or last), last), 206
            if first >= sparse.size:
                self._send(416, b"", {"content-range": f"bytes */{sparse.size}"})
                return
            last = min(last, first + 999) if kind == "short-ranges" else last
            shown = first + 1 if kind == "wrong-range" else first
            total = sparse.size + 1 if kind == "wrong-total" else sparse.size
            send["content-range"] = f"bytes {shown}-{last}/{total}"
        size = last + 1 - first
        promised = size + 10 if kind == "truncated" else size
        self.send_response(status)
        for name, value in {**send, "content-length": str(promised)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for start_at in range(first, last + 1, CHUNK):
            piece = sparse.read(start_at, min(last, start_at + CHUNK - 1))
            if kind == "drip":
                for byte in piece[:200]:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    if self.state.closing.wait(0.02):
                        break
                self.close_connection = True
                return
            self.wfile.write(piece)
            self.state.sent_bytes += len(piece)
        self.close_connection = kind == "truncated"

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode())

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            **(headers or {}),
            "content-length": str(len(content)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _token(self) -> str | None:
        return (self.headers.get("authorization") or "").removeprefix("Bearer ") or None


@contextmanager
def running() -> Iterator[Loopback]:
    """The servers, on free ports of 127.0.0.1, until the block ends."""
    state = Loopback()
    servers = []
    for name in ("hub", "storage", "ollama"):
        kind = type(f"{name}Handler", (Handler,), {"state": state, "name": name})
        server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
        state.ports[name] = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
    try:
        yield state
    finally:
        state.closing.set()
        for server, thread in servers:
            server.shutdown()
            thread.join()
            server.server_close()


def safetensors(tensors: Mapping[str, tuple[str, tuple[int, ...], int]], padding: int = 0) -> Sparse:
    """A safetensors file of zeros: name to dtype, shape and bytes."""
    header: dict[str, object] = {}
    offset = 0
    for name, (dtype, shape, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode() + b" " * padding
    return Sparse(len(text).to_bytes(8, "little") + text, 8 + len(text) + offset)


def _header(content: bytes | Sparse) -> object:
    start = content if isinstance(content, bytes) else content.start
    length = int.from_bytes(start[:8], "little")
    return json.loads(start[8 : 8 + length])


def _size(content: bytes | Sparse) -> int:
    return len(content) if isinstance(content, bytes) else content.size


def _oid(content: bytes | Sparse) -> str:
    return hashlib.sha256(content if isinstance(content, bytes) else content.start).hexdigest()
