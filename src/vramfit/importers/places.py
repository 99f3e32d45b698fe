"""Place that a reference leads to: a folder with a model's files, on this disk first and over the network else."""

from __future__ import annotations

import os

from vramfit._record import replace
from vramfit.errors import InputError
from vramfit.importers import hub_cache, llamacpp_cache, lm_studio, ollama_store
from vramfit.importers.client import Network
from vramfit.importers.gguf_choice import choose_gguf, is_model, quantizations
from vramfit.importers.place import Place, directory_place, file_place, parted, tag_of
from vramfit.importers.reference import (
    HUB_HOSTS,
    OLLAMA_TAG,
    HubRepository,
    LmStudioModel,
    LocalDirectory,
    LocalFile,
    OllamaTag,
    Url,
)
from vramfit.importers.source import LocalFolder, printable
from vramfit.importers.stores import files_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vramfit.importers.reference import Reference
    from vramfit.importers.source import Folder

MOST_OFFERED = 8
"""Quantizations named where the one asked for does not exist."""


def locate_here(reference: Reference) -> Place | None:
    """The files of a reference where this disk has all it needs; None where they are elsewhere.

    Raises:
        InputError: they are there, and not what they should be.
        CannotTell: a tag of Ollama that runs on another machine.
    """
    if isinstance(reference, LocalFile):
        return file_place(reference)
    if isinstance(reference, LocalDirectory):
        return directory_place(reference)
    if isinstance(reference, HubRepository):
        return _cached(reference)
    if isinstance(reference, LmStudioModel):
        return _lm_studio(reference)
    if isinstance(reference, OllamaTag):
        if ollama_store.find_tag(reference, ollama_store.directories()) is not None:
            return _stored_tag(reference, Network(offline=True))
        if reference.host in HUB_HOSTS:
            there = _cached(_repository_of(reference))
            return None if there is None else replace(there, reference=reference)
    return None


def locate(reference: Reference, network: Network) -> Place:
    """The files of a reference, on this disk or over the network.

    Raises:
        InputError: nothing has them, or they cannot be reached.
        CannotTell: a tag of Ollama that runs on another machine.
    """
    here = locate_here(reference)
    if here is not None:
        return here
    if isinstance(reference, HubRepository):
        return _remote(reference, network)
    if isinstance(reference, OllamaTag):
        if reference.host in HUB_HOSTS:
            # The Hub's registry for Ollama hands out the repository's own files, so they are read as the Hub's.
            return replace(_remote(_repository_of(reference), network), reference=reference)
        return _stored_tag(reference, network)
    assert isinstance(reference, Url)
    return _url(reference, network)


def _cached(reference: HubRepository) -> Place | None:
    """Place in the Hub's cache or llama.cpp's, where that has all that the reference needs."""
    snapshot = _cached_snapshot(reference)
    if snapshot is not None and hub_cache.serves(snapshot, reference):
        return _snapshot(reference, snapshot)
    flat = llamacpp_cache.find_flat(reference, llamacpp_cache.directories())
    if flat is None:
        return None
    folder, name = parted(flat.paths[0])
    beside = None if flat.projector is None else parted(flat.projector)
    return Place(reference, "llama.cpp", True, folder, name, beside, reference.id, None, flat.quant)


def _cached_snapshot(reference: HubRepository) -> hub_cache.Snapshot | None:
    return hub_cache.find_snapshot(reference, (*hub_cache.directories(), *llamacpp_cache.directories()))


def _remote(reference: HubRepository, network: Network) -> Place:
    """The Hub's files; a cached config alone where the network cannot be had."""
    snapshot = _cached_snapshot(reference)
    off = network.off or no_library()
    if snapshot is not None and off is not None and hub_cache.describes(snapshot) and _means_all(reference):
        note = f"the weights of {reference.id} are not on this disk, and are not looked up: {off}"
        whole = _snapshot(reference, snapshot)
        return replace(whole, notes=(note,))
    from vramfit.importers.hub import open_repository

    remote = open_repository(reference, network)
    place = Place(reference, "huggingface", False, remote, None, None, reference.id, remote.commit)
    return _chosen(place, tuple(remote.files), remote.folder, reference)


def _repository_of(reference: OllamaTag) -> HubRepository:
    quant = None if reference.tag == OLLAMA_TAG else reference.tag
    return HubRepository(reference.namespace, reference.name, quant=quant)


def _snapshot(reference: HubRepository, snapshot: hub_cache.Snapshot) -> Place:
    place = Place(
        reference, "huggingface", True, LocalFolder(snapshot.path), None, None, reference.id, snapshot.commit
    )  # fmt: skip
    return _chosen(place, snapshot.names, _folders_of(snapshot.path), reference)


def _means_all(reference: HubRepository) -> bool:
    return reference.quant is None and reference.file is None


def _chosen(
    place: Place,
    paths: Sequence[str],
    folder: Callable[[str], Folder],
    wanted: HubRepository | LmStudioModel,
) -> Place:
    """The files among ``paths`` that a reference with a quantization, a file or neither means.

    Without either it is the folder where that has safetensors or no GGUF, else a GGUF file as llama.cpp chooses.
    """
    below = wanted.folder if isinstance(wanted, HubRepository) else None
    here = [path for path in paths if below is None or path.startswith(f"{below}/")]
    if not here:
        raise InputError(f"{wanted} has no files", "check the name")
    if wanted.file is not None and not wanted.file.lower().endswith(".gguf"):
        if wanted.file not in here:
            raise InputError(f"{_whole(wanted)} has no file {printable(wanted.file)}", "check the name")
        return _at(place, folder, wanted.file)
    files = any(path.endswith(".safetensors") for path in here) or not any(is_model(path) for path in here)
    if wanted.quant is None and wanted.file is None and files:
        return replace(place, folder=folder(below or ""))
    choice = choose_gguf(here, wanted.quant, wanted.file)
    if choice is None:
        offered = ", ".join(quantizations(here)[:MOST_OFFERED])
        hint = f"it has {offered}" if offered else "it has no GGUF files"
        raise InputError(f"{_whole(wanted)} has no GGUF file {printable(wanted.quant or wanted.file or '')}", hint)
    if choice.missing:
        raise InputError(f"{_whole(wanted)} lacks {printable(choice.missing[0])}", "ask for another quantization")
    return _at(place, folder, choice.model, choice.projector)


def _whole(wanted: HubRepository | LmStudioModel) -> str:
    """A reference without what it chooses, for messages."""
    return str(replace(wanted, quant=None, file=None))


def _at(place: Place, folder: Callable[[str], Folder], path: str, projector: str | None = None) -> Place:
    """A place at one file of a repository."""
    directory, _, name = path.rpartition("/")
    beside = None
    if projector is not None:
        above, _, other = projector.rpartition("/")
        beside = (folder(above), other)
    return replace(place, folder=folder(directory), file=name, projector=beside, quant=tag_of(name))


def _folders_of(path: str) -> Callable[[str], Folder]:
    """Gives the folders below one of this disk by their names with ``/``."""
    return lambda below: LocalFolder(os.path.join(path, *below.split("/")) if below else path)


def _stored_tag(reference: OllamaTag, network: Network) -> Place:
    from vramfit.importers.ollama import open_tag

    found = open_tag(reference, network)
    names = found.folder.names()
    return Place(
        reference,
        "ollama",
        found.folder.store is not None,
        found.folder,
        "model.gguf" if "model.gguf" in names else None,
        (found.folder, "mmproj.gguf") if "mmproj.gguf" in names else None,
        quant=found.quant,
        parameters=found.parameters,
        adapters=tuple([name for name in names if name.endswith("adapter.gguf")]),
    )


def _lm_studio(reference: LmStudioModel) -> Place:
    path = lm_studio.find_folder(reference, lm_studio.directories())
    names = [file.name for file in files_below(path) if file.size_bytes is not None]
    return _chosen(Place(reference, "lmstudio", True, LocalFolder(path), None), names, _folders_of(path), reference)


def _url(reference: Url, network: Network) -> Place:
    from vramfit.importers.addresses import UrlFolder

    return Place(
        reference, "url", False, UrlFolder(reference, network), reference.file, quant=tag_of(reference.file)
    )  # fmt: skip


def no_library() -> str | None:
    """Reason why no request can be made: the library for it is not installed; None where it is."""
    from importlib.util import find_spec

    return None if find_spec("huggingface_hub") is not None else "huggingface_hub is not installed"
