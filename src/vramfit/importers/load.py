"""Reader of the name behind ``--model``: every reference that is no entry of the catalogue comes through here.

What kind of reader a place needs is decided by what it holds; the readers are loaded when they are needed, so that a
GGUF file of this disk loads neither JSON nor anything of the network.
"""

from __future__ import annotations

import os

from vramfit._record import replace
from vramfit.engines import engine_of_family
from vramfit.errors import InputError, MissingModel, UsageError
from vramfit.importers.grammar import parse_reference
from vramfit.importers.place import directory_place, file_place, is_adapter
from vramfit.importers.reference import (
    OLLAMA_HOST,
    OLLAMA_NAMESPACE,
    HubRepository,
    LocalDirectory,
    LocalFile,
    OllamaTag,
    has_scheme,
    is_path,
)
from vramfit.importers.source import kind_of, printable
from vramfit.model.origin import Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from vramfit.importers.client import Network
    from vramfit.importers.imported import Imported
    from vramfit.importers.place import Place
    from vramfit.importers.reference import Reference
    from vramfit.model import Model

    Known = Callable[[str], bool]
    Base = Callable[[str], tuple[Model, Mapping[str, Any]]]
    """Function from any name to its model, with the deployment keys that the name states."""

GGUF = ".gguf"
GGUF_MAGIC = b"GGUF"
PARAMETERS = {"num_ctx": "context", "num_gpu": "gpu_layers", "num_batch": "batch"}
"""Deployment keys by the parameters that a tag of Ollama sets (ollama ``docs/modelfile.mdx``)."""
LARGEST_PARAMETER = 1 << 24
BRIEF_SECONDS = 3.0
"""Longest silence of a server for what the catalogue answers without it; the whole question may take twice as long."""
UNREACHED = "answered as the catalogue knows it, not from its own file: {}"


class Importer:
    """Loads what references lead to, each once."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._known: dict[str, Imported] = {}
        self.remarks: dict[str, str] = {}
        """Sentences on names that the catalogue answers for because the network did not."""
        self._adapters: list[str] = []
        """Name of the adapter whose base is being read."""

    def means(self, name: str) -> bool:
        """True if the characters of a name say that it is a reference, and no name of the catalogue."""
        return is_path(name) or has_scheme(name)

    def is_here(self, name: str) -> bool:
        """True if this disk has a file or directory of that name."""
        return bool(kind_of(name))

    def on_disk(self, name: str, base: Base | None = None) -> Imported | None:
        """Model that this disk has under a name whose characters say nothing; None where it has none."""
        try:
            reference = parse_reference(name, kind_of, _endpoint())
        except UsageError:
            return None
        place = self._local(reference)
        return None if place is None else self._read(place, name, base)

    def load(self, name: str, known: Known | None = None, base: Base | None = None) -> Imported | str:
        """Model that a reference leads to, or the name by which the catalogue answers for it.

        What this disk has goes before the catalogue, and the catalogue (``known``) before the network: for a whole
        repository under its own name, and for a quantization of one or a tag of Ollama where the network cannot be had,
        or does not answer soon. ``remarks`` then has a sentence on it.

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
            named = None if known is None or base is None else _of_its_name(reference, known, base)
            if named is not None and self._is_off():
                return named
            try:
                return self._asked(reference, name, base, named is not None)
            except InputError as error:
                if named is None or isinstance(error, MissingModel):
                    raise
                self.remarks[name] = UNREACHED.format(error.message)
                return named
        return self._read(place, name, base)

    def reading(self, name: str) -> Imported | None:
        """Files of a name that was loaded, as they were read; None for any other."""
        return self._known.get(name)

    def _asked(self, reference: Reference, name: str, base: Base | None, brief: bool) -> Imported:
        """Model that the network has; a ``brief`` question is one that can be answered without it."""
        from vramfit.importers.brief import within
        from vramfit.importers.places import locate

        if not brief:
            return self._read(locate(reference, self._network), name, base)
        seconds = min(self._network.timeout_seconds, BRIEF_SECONDS)
        network = replace(self._network, timeout_seconds=seconds)
        found = within(2 * seconds, lambda: self._read(locate(reference, network), name, base))
        if found is None:
            raise InputError(f"nothing answers within {2 * seconds:g} s", "try again, or with --offline")
        return found

    def _read(self, place: Place, name: str, base: Base | None) -> Imported:
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._adapter(place, name, base) or _imported(place, name)
        return found

    def _adapter(self, place: Place, name: str, base: Base | None) -> Imported | None:
        """Model of an adapter with its base; None where the place is no adapter's."""
        if not is_adapter(place):
            return None
        from vramfit.importers.adapter_import import base_name, import_adapter

        stated = base_name(place, name)
        if base is None or self._adapters:
            # One adapter on another is nothing that runs, and two that name each other would never end.
            on = self._adapters[-1] if self._adapters else stated
            raise InputError(f"{printable(name)} is itself an adapter, named as the base of {printable(on)}", None)
        self._adapters.append(name)
        try:
            model, keys = base(stated)
        finally:
            self._adapters.pop()
        return import_adapter(place, name, _origin(place), model, keys)

    def _is_off(self) -> bool:
        """True where no request can be made: it is forbidden, or the library for it is not installed."""
        from vramfit.importers.places import no_library

        return (self._network.off or no_library()) is not None

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
    """Name that the catalogue may have for the model of a reference; None where a certain file of it is meant."""
    if isinstance(reference, HubRepository):
        whole = (reference.revision, reference.quant, reference.file, reference.folder) == (None, None, None, None)
        return reference.id if whole else None
    return None


def _of_its_name(reference: Reference, known: Known, base: Base) -> Imported | str | None:
    """Answer of the catalogue for a tag of Ollama's library, or a quantization of a repository; None where it has none."""
    if isinstance(reference, OllamaTag):
        return _from_library(reference, known, base)
    other = _quantized(reference) if isinstance(reference, HubRepository) else None
    return other if other is not None and known(other) else None


def _quantized(reference: HubRepository) -> str | None:
    """Name of a repository with the quantization that is asked for, or that the name of a file in it states.

    None for a revision or folder, and for a file that states none.
    """
    if reference.revision is not None or reference.folder is not None:
        return None
    quant = reference.quant
    if reference.file is not None:
        from vramfit.catalogue.repositories import file_quant

        quant = file_quant(reference.file)
    return None if quant is None else f"{reference.id}:{quant}"


def _from_library(tag: OllamaTag, known: Known, base: Base) -> Imported | None:
    """Entry of the catalogue as Ollama's library has it; None for a tag of another place, or of an unknown model."""
    if (tag.host, tag.namespace) != (OLLAMA_HOST, OLLAMA_NAMESPACE):
        return None
    from vramfit.catalogue import tags
    from vramfit.importers.imported import Imported

    own = tags.read(f"{tag.name}:{tag.tag}")
    entry = None if own is None else tags.known_as(own, known)
    if own is None or entry is None:
        return None
    model, _ = base(entry)
    return Imported(model, own.keys(model.dtype))


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
    from vramfit.importers.gguf_import import FAMILY, import_gguf

    found = import_gguf(place.folder, file, name, origin, place.projector)
    if place.adapters:
        from vramfit.importers.adapter_import import with_gguf_adapters

        found = with_gguf_adapters(found, place)
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
