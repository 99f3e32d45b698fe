"""A place where a model's files lie: something to open files of, and which of them are meant.

It is the same for all kinds of references; what the files hold is read by others. Files and directories of this disk
are placed here, everything that has to be looked for in ``places``.
"""

from __future__ import annotations

import os

from vramfit._record import Record
from vramfit.importers.gguf_choice import find_projector, is_model, split_name
from vramfit.importers.source import LocalFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.importers.reference import LocalDirectory, LocalFile, Reference
    from vramfit.importers.source import Folder


ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
"""Names of an adapter's files (PEFT 0.21 ``utils/constants.py``)."""


class Place(Record):
    """A model's files."""

    reference: Reference
    store: str
    """``disk``, ``huggingface``, ``llama.cpp``, ``ollama``, ``lmstudio`` or ``url``: whose files they are."""
    local: bool
    """True if the files are on this disk."""
    folder: Folder
    file: str | None
    """The file in ``folder`` that is meant, of a set the first shard; None where the folder as a whole is the model."""
    projector: tuple[Folder, str] | None = None
    """The vision or audio projector that goes with a GGUF file."""
    repository: str | None = None
    """``org/name`` in the Hub."""
    commit: str | None = None
    quant: str | None = None
    """Quantization that the store or the file's name states."""
    parameters: Mapping[str, object] = {}
    """Parameters that an Ollama tag sets by itself: ``num_ctx``, ``num_gpu``, ``num_batch``."""
    adapters: tuple[str, ...] = ()
    """Files in ``folder`` of LoRA matrices that an Ollama tag puts on its model."""
    notes: tuple[str, ...] = ()
    """Lines that a report should have on the choice."""


def file_place(reference: LocalFile) -> Place:
    """A file of this disk, with the projector beside it."""
    folder, name = parted(reference.path)
    projector = find_projector(folder.names(), name) if is_model(name) else None
    beside = None if projector is None else (folder, projector)
    return Place(reference, "disk", True, folder, name, beside, quant=tag_of(name))


def directory_place(reference: LocalDirectory) -> Place:
    """A directory of this disk."""
    return Place(reference, "disk", True, LocalFolder(reference.path), None)


def is_adapter(place: Place) -> bool:
    """True for a folder or file of LoRA matrices with the settings that name their base, and no model's own weights."""
    if place.file not in (None, ADAPTER_CONFIG, *ADAPTER_WEIGHTS):
        return False
    here = place.folder.names()
    own = [name for name in here if name.endswith((".safetensors", ".gguf")) and name not in ADAPTER_WEIGHTS]
    return ADAPTER_CONFIG in here and (place.file is not None or not own)


def parted(path: str) -> tuple[Folder, str]:
    """The folder of a file of this disk, and its name there."""
    directory, name = os.path.split(path)
    return LocalFolder(directory), name


def tag_of(name: str) -> str | None:
    """The quantization that the name of a GGUF file states."""
    own = split_name(name)
    return None if own is None else own.tag or None


def folder_below(place: Place, name: str) -> Folder:
    """A folder directly below a place's own."""
    folder = place.folder
    below = getattr(folder, "folder", None)
    if below is not None:
        found: Folder = below(f"{folder.below}/{name}" if folder.below else name)  # type: ignore[attr-defined]
        return found
    return LocalFolder(os.path.join(getattr(folder, "path", os.curdir), name))
