"""Ollama's models on this disk: manifests that name blobs.

Layout (ollama fb30760 ``manifest/paths.go``, ``manifest/manifest.go``, ``envconfig/config.go``, ``docs/faq.mdx``): below
``OLLAMA_MODELS`` or ``~/.ollama/models`` a file ``manifests/HOST/NAMESPACE/NAME/TAG`` is JSON with layers, each a blob
``blobs/sha256-HEX``. The same form comes from a registry, so ``parse_manifest`` reads both.
"""

from __future__ import annotations

import os

from vramfit._record import Record
from vramfit.errors import InputError
from vramfit.importers.reference import OllamaTag
from vramfit.importers.source import printable
from vramfit.importers.stores import (
    Found,
    StoredFile,
    directory_of,
    file_size_bytes,
    found_of,
    home,
    names_in,
    read_json,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STORE = "ollama"
SYSTEM_FOLDERS = ("/usr/share/ollama/.ollama/models",)
"""Folders in which the service of Linux's installer keeps its models (``docs/faq.mdx``)."""
MEDIA_TYPE = "application/vnd.ollama.image."
_HEXADECIMAL = frozenset("0123456789abcdef")


class Layer(Record):
    """One blob of a manifest."""

    kind: str
    """Last word of the media type: ``model``, ``projector``, ``adapter``, ``params``, ``tensor``, ``json``, ``config``."""
    digest: str
    """``sha256:`` and 64 hexadecimal digits."""
    size_bytes: int
    """Bytes of the blob."""
    name: str = ""
    """Name of a tensor or a JSON file of a safetensors model; empty for other layers."""


class Manifest(Record):
    """Layers that a tag consists of."""

    config: Layer | None
    layers: tuple[Layer, ...]

    def of(self, kind: str) -> tuple[Layer, ...]:
        """The layers of one kind, in order."""
        return tuple([layer for layer in self.layers if layer.kind == kind])

    @property
    def weights(self) -> tuple[Layer, ...]:
        """The layers that hold the language model: one GGUF, or a tensor each of a safetensors model."""
        return self.of("model") or self.of("tensor")


def directories() -> tuple[str, ...]:
    """The stores that are looked into: the one of ``OLLAMA_MODELS``, or the user's and then the system's."""
    own = directory_of("OLLAMA_MODELS")
    if own is not None:
        return (own,)
    base = home()
    return (*(() if base is None else (os.path.join(base, ".ollama", "models"),)), *SYSTEM_FOLDERS)


def find_tag(tag: OllamaTag, stores: Sequence[str]) -> tuple[str, Manifest] | None:
    """The store that has a tag, and its manifest; None where none has it.

    Raises:
        InputError: the manifest is there and is none.
    """
    for store in stores:
        path = _manifest_path(store, tag)
        if file_size_bytes(path) is not None:
            return store, parse_manifest(read_json(path), f"the manifest of {tag}")
    return None


def parse_manifest(value: object, what: str) -> Manifest:
    """A manifest from its JSON; ``what`` names it in messages.

    Raises:
        InputError: it has not the form of one.
    """
    layers = value.get("layers") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(layers, list):
        raise InputError(f"{printable(what)} is not JSON with layers", "pull the model again")
    found = [_layer(layer, what) for layer in layers]
    config = value.get("config")
    return Manifest(_layer(config, what) if isinstance(config, dict) else None, tuple(found))


def blob_path(store: str, digest: str) -> str:
    """Path at which a store keeps a blob."""
    return os.path.join(store, "blobs", digest.replace(":", "-"))


def read_config(store: str, manifest: Manifest) -> Mapping[str, object]:
    """The config blob of a tag (``model_type`` "8.0B", ``file_type`` "Q4_K_M", ``remote_host``); empty without one."""
    value = None if manifest.config is None else read_json(blob_path(store, manifest.config.digest))
    return value if isinstance(value, dict) else {}


def models_in(store: str) -> Iterator[Found]:
    """The models of one store in the order of their names; names of models that run elsewhere hold nothing here."""
    root = os.path.join(store, "manifests")
    for host in _shown(root):
        for namespace in _shown(os.path.join(root, host)):
            for name in _shown(os.path.join(root, host, namespace)):
                for tag in _shown(os.path.join(root, host, namespace, name)):
                    found = _found(store, OllamaTag(host, namespace, name, tag))
                    if found is not None:
                        yield found


def _shown(folder: str) -> list[str]:
    return [name for name in names_in(folder) if not name.startswith(".")]


def _found(store: str, tag: OllamaTag) -> Found | None:
    path = _manifest_path(store, tag)
    if not os.path.isfile(path):
        return None
    try:
        manifest = parse_manifest(read_json(path), f"the manifest of {tag}")
    except InputError as error:
        return Found(str(tag), STORE, "gguf", (), 0, broken=error.message)
    weights = manifest.weights
    if not weights:
        return None
    blobs = [(layer.name, blob_path(store, layer.digest)) for layer in weights]
    quant = read_config(store, manifest).get("file_type")
    return found_of(
        [StoredFile(name, path, file_size_bytes(path)) for name, path in blobs],
        str(tag),
        STORE,
        "gguf" if weights[0].kind == "model" else "safetensors",
        quant=quant if isinstance(quant, str) and quant not in ("", "unknown") else None,
        projector=next((blob_path(store, layer.digest) for layer in manifest.of("projector")), None),
    )


def _manifest_path(store: str, tag: OllamaTag) -> str:
    # A colon (of a host with a port) cannot stand in a file name of Windows; Ollama writes it elsewhere as it is.
    return os.path.join(store, "manifests", tag.host, tag.namespace, tag.name, tag.tag)


def _layer(value: object, what: str) -> Layer:
    if isinstance(value, dict):
        media, digest, size, name = (value.get(key) for key in ("mediaType", "digest", "size", "name"))
        if isinstance(media, str) and isinstance(digest, str) and isinstance(size, int) and size >= 0:
            algorithm, _, digits = digest.lower().replace("-", ":").partition(":")
            if algorithm == "sha256" and len(digits) == 64 and _HEXADECIMAL.issuperset(digits):
                kind = media.removeprefix(MEDIA_TYPE) if media.startswith(MEDIA_TYPE) else "config"
                return Layer(kind, f"sha256:{digits}", size, name if isinstance(name, str) else "")
    raise InputError(f"{printable(what)} has a layer without digest and size", "pull the model again")
