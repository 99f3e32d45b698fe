"""A tag of Ollama, from the local store or from a registry: its GGUF file, its projector, its parameters.

The registry speaks Docker's protocol (ollama fb30760 ``server/images.go``, ``pullModelManifest``): a manifest, and blobs
that answer ranges, through redirects to a storage host. No token is sent: the public library needs none, and the Hub's
is the Hub's own.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.errors import CannotTell, InputError, MissingModel
from vramfit.importers.client import Client, read_json
from vramfit.importers.http_source import HttpSource
from vramfit.importers.ollama_store import blob_path, directories, find_tag, parse_manifest
from vramfit.importers.progress import Waiting
from vramfit.importers.source import FileSource, printable
from vramfit.importers.stores import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vramfit.importers.client import Network, Reply
    from vramfit.importers.ollama_store import Layer, Manifest
    from vramfit.importers.reference import OllamaTag

ACCEPT = "application/vnd.docker.distribution.manifest.v2+json"
FILES = {"model": "model.gguf", "projector": "mmproj.gguf", "adapter": "adapter.gguf", "draft": "draft.gguf"}
"""Names of the files of the kinds of layers that a GGUF model has."""
MOST_REMOTE_TENSORS = 64
"""Beyond so many tensors, each a file of its own, a model is not read over the network."""
LARGEST_SMALL_BLOB_BYTES = 1 << 20
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""Registries on this machine speak plain HTTP."""


class OllamaModel(Record):
    """A tag, and how its blobs are opened."""

    tag: OllamaTag
    manifest: Manifest
    folder: BlobFolder
    config: Mapping[str, object]
    """The config blob: ``model_family``, ``model_type`` ("8.0B"), ``file_type`` ("Q4_K_M")."""
    parameters: Mapping[str, object]
    """Parameters that the tag sets by itself: ``num_ctx``, ``num_gpu``, ``num_batch``, ``stop``."""

    @property
    def quant(self) -> str | None:
        """The quantization that the config states, or None."""
        stated = self.config.get("file_type")
        return stated if isinstance(stated, str) and stated not in ("", "unknown") else None


class BlobFolder:
    """The blobs of one tag as a folder of files, on this disk or in a registry.

    The blobs have the names that the same files have elsewhere: ``model.gguf``, ``mmproj.gguf``, ``adapter.gguf``, and
    of a model that the MLX runner loads ``config.json`` and a safetensors file of each tensor.
    """

    def __init__(self, tag: OllamaTag, manifest: Manifest, store: str | None, client: Client) -> None:
        self.name = str(tag)
        self.store = store
        """The local store, or None where the blobs are a registry's."""
        self._layers: dict[str, Layer] = {}
        for layer in manifest.layers:
            name = file_name(layer)
            if name is not None:
                # A second adapter or projector keeps a name of its own.
                self._layers[name if name not in self._layers else f"{len(self._layers)}-{name}"] = layer
        self._tag = tag
        self._client = client

    def names(self) -> tuple[str, ...]:
        """Names of the files, sorted."""
        return tuple(sorted(self._layers))

    def open(self, name: str) -> FileSource | HttpSource:
        """One file.

        Raises:
            InputError: the tag has no such blob, or the store has lost it.
        """
        if name not in self._layers:
            raise InputError(f"{self.name} has no file {printable(name)}", None)
        layer = self._layers[name]
        if self.store is not None:
            source = FileSource(blob_path(self.store, layer.digest))
            source.name = f"{self.name} ({name})"
            return source
        shown = f"{self.name} ({name})"
        address = f"{_base(self._tag)}/blobs/{layer.digest}"
        return HttpSource(self._client, address, shown, layer.size_bytes, line=f"reading {shown}")

    def text(self, layer: Layer) -> bytes:
        """The content of a small blob; empty where the store has lost it.

        Raises:
            InputError: it cannot be read, or is not what its digest says.
        """
        if self.store is not None:
            return read_text(blob_path(self.store, layer.digest)) or b""
        reply = self._client.get(f"{_base(self._tag)}/blobs/{layer.digest}", LARGEST_SMALL_BLOB_BYTES)
        if reply.status != 200:
            raise _refused(reply, self._tag)
        import hashlib

        if not reply.whole or f"sha256:{hashlib.sha256(reply.content).hexdigest()}" != layer.digest:
            raise InputError(f"a blob of {self.name} from {reply.host} is not what its digest says", "try again")
        return reply.content


def file_name(layer: Layer) -> str | None:
    """Name of the file of a layer elsewhere; None for text that no engine loads."""
    if layer.kind in FILES:
        return FILES[layer.kind]
    name = layer.name.replace("/", ".").replace("\\", ".")
    if layer.kind == "tensor":
        return f"{name}.safetensors"
    return name if layer.kind == "json" and name else None


def open_tag(tag: OllamaTag, network: Network, stores: Sequence[str] | None = None) -> OllamaModel:
    """A tag of the local store, else of its registry.

    Raises:
        CannotTell: the model runs on another machine, so there are no weights.
        InputError: neither has the tag, the registry cannot be read (``client``), or the tag is none of a model.
    """
    client = Client(network)
    looked = directories() if stores is None else tuple(stores)
    found = find_tag(tag, looked)
    if found is not None:
        store, manifest = found
        return _model(tag, manifest, BlobFolder(tag, manifest, store, client))
    if tag.plain:
        raise InputError(f"Ollama's store on this disk has no {_short(tag)}", f"to ask its registry write {tag}")
    if (word := network.off) is not None:
        raise InputError(f"{tag} is not in Ollama's store, and the network is off", f"without {word} it would be read")
    with Waiting(f"asking {tag.host} for {tag}"):
        reply = client.get(f"{_base(tag)}/manifests/{tag.tag}", headers={"accept": ACCEPT})
        if reply.status != 200:
            raise _refused(reply, tag)
        manifest = parse_manifest(
            read_json(reply, f"the manifest of {tag}"), f"the manifest of {tag} from {reply.host}"
        )
        return _model(tag, manifest, BlobFolder(tag, manifest, None, client))


def _model(tag: OllamaTag, manifest: Manifest, folder: BlobFolder) -> OllamaModel:
    config = {} if manifest.config is None else _object(folder.text(manifest.config))
    if isinstance(host := config.get("remote_host"), str) and host:
        raise CannotTell(f"{tag} runs on {printable(host)}: it has no weights here or in the registry", None)
    if not manifest.weights:
        raise InputError(f"{tag} has no weights among its layers", "name a tag of a model")
    if folder.store is None and len(manifest.weights) > MOST_REMOTE_TENSORS:
        raise InputError(
            f"{tag} is {len(manifest.weights)} files in the registry", f"pull it: ollama pull {_short(tag)}"
        )
    parameters: dict[str, object] = {}
    for layer in manifest.of("params"):
        parameters |= _object(folder.text(layer))
    return OllamaModel(tag, manifest, folder, config, parameters)


def _object(text: bytes) -> dict[str, object]:
    """A JSON object; empty where the text is none: what it would say is then not known."""
    import json

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _base(tag: OllamaTag) -> str:
    scheme = "http" if tag.host.rpartition(":")[0] in LOOPBACK or tag.host in LOOPBACK else "https"
    return f"{scheme}://{tag.host}/v2/{tag.namespace}/{tag.name}"


def _short(tag: OllamaTag) -> str:
    return str(tag).removeprefix("ollama:")


def _refused(reply: Reply, tag: OllamaTag) -> InputError:
    if reply.status == 404:
        return MissingModel(f"{reply.host} has no {_short(tag)} (404)", f"see https://ollama.com/search?q={tag.name}")
    if reply.status in (401, 403):
        return InputError(
            f"{reply.host} does not give {_short(tag)} to everyone ({reply.status})", "pull it with Ollama first"
        )
    return InputError(f"{reply.host} answers {reply.status} for {_short(tag)}", "try again later")
