"""From the name behind ``--model`` to a model: every reference that is no entry of the catalogue comes through here.

What kind of reader a place needs is decided by what it holds; the readers are loaded when they are needed, so that a
GGUF file of this disk loads neither JSON nor anything of the network.
"""

from __future__ import annotations

import os
import stat

from vramfit.engines import engine_of_family
from vramfit.errors import InputError, UsageError
from vramfit.importers.grammar import parse_reference
from vramfit.importers.place import directory_place, file_place
from vramfit.importers.reference import HubRepository, LocalDirectory, LocalFile, OllamaTag, has_scheme, is_path
from vramfit.importers.source import printable
from vramfit.model.origin import Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vramfit.importers.client import Network
    from vramfit.importers.imported import Imported
    from vramfit.importers.place import Place
    from vramfit.importers.reference import Reference

GGUF = ".gguf"
GGUF_MAGIC = b"GGUF"
PARAMETERS = {"num_ctx": "context", "num_gpu": "gpu_layers", "num_batch": "batch"}
"""Deployment keys by the parameters that a tag of Ollama sets (ollama ``docs/modelfile.mdx``)."""
LARGEST_PARAMETER = 1 << 24


class Importer:
    """Loads what references lead to, each once."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._known: dict[str, Imported] = {}

    def means(self, name: str) -> bool:
        """Whether the characters of a name say that it is a reference, and no name of the catalogue."""
        return is_path(name) or has_scheme(name)

    def on_disk(self, name: str) -> Imported | None:
        """The model that this disk has under a name whose characters say nothing; None where it has none."""
        try:
            reference = parse_reference(name, kind_of, _endpoint())
        except UsageError:
            return None
        place = self._local(reference)
        return None if place is None else self._read(place, name)

    def load(self, name: str, known: Callable[[str], bool] | None = None) -> Imported | str:
        """The model that a reference leads to, or the name by which the catalogue answers for it.

        What this disk has goes before the catalogue, and the catalogue (``known``) before the network: for a whole
        repository under its own name, and for a tag of Ollama where the network cannot be had.

        Raises:
            UsageError: it has no form of a reference, or names a file that does not exist.
            InputError: what it leads to cannot be reached or read.
            CannotTell: a tag of Ollama that runs on another machine.
        """
        reference = parse_reference(name, kind_of, _endpoint())
        place = self._local(reference)
        if place is None:
            other = _in_catalogue(reference)
            if other is not None and known is not None and known(other):
                return other
            from vramfit.importers.places import locate

            place = locate(reference, self._network)
        return self._read(place, name)

    def _read(self, place: Place, name: str) -> Imported:
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = _imported(place, name)
        return found

    def _local(self, reference: Reference) -> Place | None:
        """The place of a reference on this disk; None where its files are elsewhere."""
        if isinstance(reference, LocalFile):
            return file_place(reference)
        if isinstance(reference, LocalDirectory):
            return directory_place(reference)
        from vramfit.importers.places import locate_here

        return locate_here(reference)


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "")


def _in_catalogue(reference: Reference) -> str | None:
    """What the catalogue may call the model of a reference; None where a certain file of it is meant."""
    if isinstance(reference, HubRepository):
        whole = (reference.revision, reference.quant, reference.file, reference.folder) == (None, None, None, None)
        return reference.id if whole else None
    return None


def kind_of(path: str) -> str:
    """``file``, ``directory`` or an empty text for what is at a path."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return ""
    return "directory" if stat.S_ISDIR(mode) else "file"


def _imported(place: Place, name: str) -> Imported:
    """The model at a place, by the kind of files that are there."""
    origin = _origin(place)
    file = place.file
    if file is not None and (file.lower().endswith(GGUF) or place.folder.open(file).read(0, 4) == GGUF_MAGIC):
        return _gguf(place, file, name, origin)
    from vramfit.importers.folder_import import import_folder

    found = import_folder(place, name, origin)
    if isinstance(found, str):
        return _gguf(place, found, name, origin)
    return found


def _gguf(place: Place, file: str, name: str, origin: Origin) -> Imported:
    from vramfit._record import replace
    from vramfit.importers.gguf_import import FAMILY, import_gguf

    if place.adapters:
        raise InputError(f"{printable(name)} puts an adapter on its model", "name the model itself")
    found = import_gguf(place.folder, file, name, origin, place.projector)
    runtime = place.store if isinstance(place.reference, OllamaTag) else engine_of_family(FAMILY)
    return replace(found, keys={**found.keys, "engine": runtime, **_parameters(place)})


def _parameters(place: Place) -> dict[str, Any]:
    """Deployment keys that a tag of Ollama sets."""
    keys = {}
    for word, key in PARAMETERS.items():
        value = place.parameters.get(word)
        if type(value) is int and 0 < value < LARGEST_PARAMETER:
            keys[key] = value
    return keys


def _origin(place: Place) -> Origin:
    reference = place.reference
    folder = getattr(place.folder, "path", None)
    path = None
    if place.local and isinstance(folder, str):
        path = folder if place.file is None else os.path.join(folder, place.file)
        if isinstance(reference, LocalFile | LocalDirectory):
            path = reference.path
    elif place.local and place.file is not None:
        # A blob of Ollama's store: the GGUF file itself, under the name of its digest.
        path = getattr(place.folder.open(place.file), "path", None)
    return Origin(
        kind="config",
        store=place.store,
        path=path,
        repository=place.repository,
        revision=reference.revision if isinstance(reference, HubRepository) else None,
        commit=place.commit,
        file=place.file if place.repository is not None else None,
        quant=place.quant,
        tag=str(reference).removeprefix("ollama:") if isinstance(reference, OllamaTag) else None,
        notes=place.notes,
    )
