"""A GGUF or safetensors file at an address of any server, with the other shards of its set beside it."""

from __future__ import annotations

from vramfit.errors import InputError
from vramfit.importers.client import Client
from vramfit.importers.gguf_choice import split_name
from vramfit.importers.http_source import HttpSource
from vramfit.importers.source import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.client import Network
    from vramfit.importers.reference import Url

MOST_SHARDS = 1_000


class UrlFolder:
    """The files that the name of one implies: itself, and of a set the other shards at the same address.

    No token goes along; what the address itself carries (a user, a signature) goes where it says, and is not shown.
    """

    def __init__(self, url: Url, network: Network) -> None:
        self.name = str(url)
        before, separator, query = url.address.partition("?")
        self._base, _, self._file = before.partition("#")[0].rpartition("/")
        self._query = separator + query
        self._shown = url.file
        self._client = Client(network)

    def names(self) -> tuple[str, ...]:
        """Names of the files, sorted."""
        stem, dot, suffix = self._shown.rpartition(".")
        own = split_name(f"{stem}.gguf")
        if own is None or own.count <= 1 or own.count > MOST_SHARDS:
            return (self._shown,)
        return own.shards(f"{dot}{suffix}")

    def open(self, name: str) -> HttpSource:
        """One of the files; nothing is asked before it is read.

        Raises:
            InputError: the name is none of the set's.
        """
        if name not in self.names():
            raise InputError(f"{self.name} has no file {printable(name)} beside it", None)
        file = self._file if name == self._shown else name
        return HttpSource(self._client, f"{self._base}/{file}{self._query}", name, line=f"reading {name}")
