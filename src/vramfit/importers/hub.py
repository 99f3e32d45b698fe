"""A repository of the Hugging Face Hub, read over the network: one listing, then small files whole and headers by ranges.

Files are read at the commit of the listing, through the Hub's resolve addresses. What a commit is known to hold is kept
(``facts_cache``), so that the second question about a model costs no request.
"""

from __future__ import annotations

from vramfit.errors import InputError
from vramfit.importers.client import LONGEST_TEXT_BYTES, Client, read_json
from vramfit.importers.facts_cache import FactsCache, KeptHeaders
from vramfit.importers.http_source import HttpSource
from vramfit.importers.hub_api import MAIN, endpoint, host_name, is_commit, list_files, refusal, token
from vramfit.importers.progress import Waiting
from vramfit.importers.source import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.importers.client import Network
    from vramfit.importers.reference import HubRepository

KEPT_SUFFIX = ".json"
LARGEST_KEPT_BYTES = 256 << 10
"""JSON files up to this are kept among the facts of a commit; larger ones are tokenizers and indexes."""
FIRST_BYTES = 100_000
"""Read at once of each shard: 97 of 100 safetensors headers are shorter (huggingface_hub ``hf_api.py``)."""
AT_ONCE = 8
"""Shards asked for at the same time."""
LARGEST_HEADERS_BYTES = 128 << 20
INDEX = "model.safetensors.index.json"


def open_repository(repository: HubRepository, network: Network, cache: FactsCache | None = None) -> HubFolder:
    """A repository at the commit that its revision is at.

    A commit that is known and whose listing is kept costs no request, and is all there is where requests are off.

    Raises:
        InputError: the repository or revision does not exist, is gated or private, or cannot be read (``client``).
    """
    address = endpoint()
    kept = FactsCache(host_name(address)) if cache is None else cache
    revision = repository.revision or MAIN
    commit = revision if is_commit(revision) else kept.commit_of(repository.id, revision, network.off is not None)
    facts = kept.facts(repository.id, commit) if commit is not None else {}
    client = Client(network, token, address)
    if commit is not None and (files := _files_of(facts.get("files"))) is not None:
        return HubFolder(repository, commit, files, client, kept)
    if (word := network.off) is not None:
        raise InputError(
            f"{repository} is not on this disk, and the network is off", f"without {word} it would be read"
        )
    with Waiting(f"asking {host_name(address)} for {repository}"):
        commit, files = list_files(client, repository)
    if not is_commit(revision):
        kept.keep_commit(repository.id, revision, commit)
    kept.keep(repository.id, commit, {"files": files})
    return HubFolder(repository, commit, files, client, kept, is_head=revision == MAIN)


class HubFolder:
    """A repository at one commit; answers like a folder, by ranges over the network.

    ``files`` are all of the repository's, with their bytes (None where the Hub does not say); ``names`` and ``open`` see
    those directly in ``below``, the folder that the view is of.
    """

    def __init__(
        self,
        repository: HubRepository,
        commit: str,
        files: Mapping[str, int | None],
        client: Client,
        cache: FactsCache,
        is_head: bool = False,
        below: str = "",
    ) -> None:
        self.repository = repository
        self.commit = commit
        self.files = files
        self.below = below
        self.name = f"{repository.id}{'/' + below if below else ''}"
        self._client = client
        self._cache = cache
        self.headers = KeptHeaders(cache, repository.id, commit, below)
        """Headers of the folder's files that were read before."""
        self._is_head = is_head
        """True where the commit is what the main branch was at in this very run."""
        self._starts: dict[str, bytes] = {}
        """Beginnings of files that came with others."""
        self._prefetched: set[str] = set()

    def folder(self, below: str) -> HubFolder:
        """The view of another folder of the repository, ``""`` for its root."""
        other = HubFolder(
            self.repository, self.commit, self.files, self._client, self._cache, self._is_head, below.strip("/")
        )
        other._starts, other._prefetched = self._starts, self._prefetched
        return other

    def names(self) -> tuple[str, ...]:
        """Names of the files directly in the folder, sorted."""
        start = f"{self.below}/" if self.below else ""
        here = [path[len(start) :] for path in self.files if path.startswith(start)]
        return tuple(sorted([name for name in here if "/" not in name]))

    def open(self, name: str) -> HttpSource | KeptSource:
        """One file of the folder; nothing is asked before it is read.

        The headers of a set of safetensors shards come together when the first of them is opened.

        Raises:
            InputError: there is no such file, or its set cannot be read.
        """
        path = f"{self.below}/{name}" if self.below else name
        if path not in self.files:
            raise InputError(
                f"{self.repository} has no file {printable(path)}", "the repository's page lists its files"
            )
        size_bytes = self.files[path]
        if path.endswith(KEPT_SUFFIX) and size_bytes is not None and size_bytes <= LARGEST_KEPT_BYTES:
            return KeptSource(name, self.text(path))
        if path.endswith(".safetensors"):
            self._prefetch(path)
        return self._source(path, f"reading {name} of {self.repository.id}")

    def text(self, path: str) -> bytes:
        """The content of a small file of the repository, kept among the facts of the commit where it is JSON.

        Raises:
            InputError: it cannot be read, or is longer than such a file is.
        """
        kept = self.kept("texts")
        texts = dict(kept) if isinstance(kept, dict) else {}
        if isinstance(known := texts.get(path), str):
            return known.encode()
        with Waiting(f"reading {path} of {self.repository.id}"):
            reply = self._client.get(self._address(path), LONGEST_TEXT_BYTES)
        if reply.status != 200:
            raise refusal(reply, self.repository, path)
        size_bytes = self.files.get(path)
        if not reply.whole or (size_bytes is not None and len(reply.content) != size_bytes):
            raise InputError(
                f"{path} from {reply.host} has not the {size_bytes or LONGEST_TEXT_BYTES:,} bytes of its listing",
                "try again later: it may just be changing",
            )
        if path.endswith(KEPT_SUFFIX) and len(reply.content) <= LARGEST_KEPT_BYTES and _is_json(reply.content):
            texts[path] = reply.content.decode()
            self.keep("texts", texts)
        return reply.content

    def kept(self, key: str) -> object:
        """Facts that were kept of this commit under a word; None where nothing is."""
        return self._cache.facts(self.repository.id, self.commit).get(key)

    def keep(self, key: str, value: object) -> None:
        """Keep facts of this commit, as JSON, under a word: a second question then costs no request."""
        self._cache.keep(self.repository.id, self.commit, {key: value})

    def _source(self, path: str, line: str | None = None) -> HttpSource:
        source = HttpSource(
            self._client,
            self._address(path),
            path.rpartition("/")[2],
            self.files[path],
            lambda reply: refusal(reply, self.repository, path),
            line,
        )
        source.give(self._starts.get(path, b""))
        return source

    def _address(self, path: str) -> str:
        from urllib.parse import quote

        return f"{endpoint()}/{self.repository.id}/resolve/{self.commit}/{quote(path)}"

    def _prefetch(self, path: str) -> None:
        """Read the beginnings of all shards of a file's set: in one reply where the Hub has them, else side by side."""
        stem = path.rpartition("-")[0].rpartition("-of")[0].rpartition("-")[0]
        shards = [one for one in self.files if stem and one.startswith(f"{stem}-") and one.endswith(".safetensors")]
        if len(shards) < 2 or stem in self._prefetched:
            return
        self._prefetched.add(stem)
        with Waiting(f"reading {len(shards)} headers of {self.repository.id}"):
            together = self._headers() if self._is_head and f"{stem}.safetensors.index.json" == INDEX else {}
            for shard in shards:
                start = header_bytes(together.get(shard), self.files[shard])
                if start is not None:
                    self._starts[shard] = start
            self._read_starts([shard for shard in shards if shard not in self._starts])

    def _headers(self) -> Mapping[str, object]:
        """The headers of all shards as the Hub has read them; empty where a server does not offer them."""
        address = f"{endpoint()}/api/models/{self.repository.id}/safetensors-metadata/{INDEX}"
        reply = self._client.get(address, LARGEST_HEADERS_BYTES)
        if reply.status != 200 or not reply.whole:
            return {}
        value = read_json(reply, "the list of headers")
        headers = value.get("headers") if isinstance(value, dict) else None
        return headers if isinstance(headers, dict) else {}

    def _read_starts(self, shards: Sequence[str]) -> None:
        from concurrent.futures import ThreadPoolExecutor

        def read(shard: str) -> bytes:
            return self._source(shard).read(0, FIRST_BYTES)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            waiting = [pool.submit(read, shard) for shard in shards]
            try:
                for shard, start in zip(shards, waiting, strict=True):
                    self._starts[shard] = start.result()
            except InputError:
                # One that failed is the answer; the others would only load a server in trouble.
                for start in waiting:
                    start.cancel()
                raise


class KeptSource:
    """A small file whose content is here."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = printable(name)
        self.size_bytes: int | None = len(content)
        self._content = content

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from ``offset`` on: ``length`` of them, fewer only at the end of the file."""
        return self._content[offset : offset + length]


def header_bytes(header: object, size_bytes: int | None) -> bytes | None:
    """The beginning of a safetensors file from its header as JSON and its size; None where the two do not fit together.

    The file's data ends where the file does, so the length of the original header follows; spaces fill what is
    left of it, as the format allows.
    """
    import json

    if not isinstance(header, dict) or size_bytes is None:
        return None
    ends = [_end(tensor) for name, tensor in header.items() if name != "__metadata__"]
    text = json.dumps(header, separators=(",", ":")).encode()
    known = [end for end in ends if end is not None]
    length = size_bytes - 8 - max(known, default=0)
    if len(known) < len(ends) or length < len(text):
        return None
    return length.to_bytes(8, "little") + text.ljust(length)


def _files_of(value: Any) -> dict[str, int | None] | None:
    """The listing that is kept, or None where that is none."""
    if not isinstance(value, dict):
        return None
    sound = all(isinstance(name, str) and (size is None or isinstance(size, int)) for name, size in value.items())
    return value if sound else None


def _is_json(content: bytes) -> bool:
    import json

    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _end(tensor: object) -> int | None:
    """End of a tensor's data in bytes, counted from the first tensor's beginning."""
    offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
    if isinstance(offsets, list) and len(offsets) == 2 and isinstance(offsets[1], int) and offsets[1] >= 0:
        return offsets[1]
    return None
