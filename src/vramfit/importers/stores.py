"""Stores of the programs that run models, in one form for all of them.

A store (the Hub's cache, llama.cpp's, Ollama's, LM Studio's) is a folder with a layout of its own; each has a module
here that knows the layout and yields ``Found``. A store is read with ``os`` alone: nothing asks the network, and a
broken link, a link to itself or a folder that may not be read is a thing to mention, never a failure.
"""

from __future__ import annotations

import os
import stat

from vramfit._record import Record
from vramfit.importers.gguf_choice import all_gguf, choose_gguf, find_projector, split_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEEPEST = 8
"""Folders below a model's own that are looked into."""
MOST_FILES = 2_000
"""Files of one model's folder that are looked at."""
LONGEST_TEXT_BYTES = 16 << 20
"""A manifest, a pointer or an index beyond this is none."""
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
NO_WEIGHTS = ("training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.bin", "scheduler.pt", "rng_state.pth")
"""Pickles beside a model's weights that hold none (transformers ``Trainer``)."""
ADAPTER = "adapter_model."


class StoredFile(Record):
    """A file below a model's folder."""

    name: str
    """Path below the folder, with ``/``."""
    path: str
    """Path at which it is opened."""
    size_bytes: int | None
    """Bytes of the file; None where the link leads nowhere or it may not be read."""


class Found(Record):
    """A model that a store holds, whole or in part."""

    reference: str
    """Word to write behind ``--model`` for it."""
    store: str
    """``huggingface``, ``llama.cpp``, ``ollama`` or ``lmstudio``."""
    what: str
    """``gguf``, ``safetensors``, ``pickle`` (PyTorch's own files) or ``adapter`` (LoRA matrices for another model)."""
    paths: tuple[str, ...]
    """The files of the weights, the first shard first."""
    size_bytes: int
    """Bytes of those files that are there."""
    quant: str | None = None
    """Quantization that the store or the file's name states."""
    projector: str | None = None
    """File of the vision or audio projector that goes with it."""
    commit: str | None = None
    """Revision in the Hub, where the store keeps it."""
    broken: str | None = None
    """One line where not all of the model is there."""


def home() -> str | None:
    """The user's home directory, or None without one."""
    path = os.path.expanduser("~")
    return path if os.path.isabs(path) else None


def directory_of(variable: str) -> str | None:
    """The directory that an environment variable names, with ``~`` and ``$NAME`` filled in; None where it is unset."""
    text = os.environ.get(variable, "").strip()
    return os.path.abspath(os.path.expandvars(os.path.expanduser(text))) if text else None


def names_in(folder: str) -> list[str]:
    """Names of what a folder holds, sorted; none where it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except (OSError, ValueError):
        return []


def read_text(path: str) -> bytes | None:
    """The content of a small file; None where it cannot be read, is no file or is too long to be one of a store's."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LONGEST_TEXT_BYTES:
            return None
        with open(path, "rb") as file:
            return file.read(LONGEST_TEXT_BYTES + 1)
    except (OSError, ValueError):
        return None


def read_json(path: str) -> object:
    """The value of a small JSON file; None where it cannot be read or is not JSON."""
    text = read_text(path)
    if text is None:
        return None
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def file_size_bytes(path: str) -> int | None:
    """Bytes of a regular file that can be read; None for anything else, a link that leads nowhere among them."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) and os.access(path, os.R_OK) else None


def files_below(folder: str) -> tuple[StoredFile, ...]:
    """The files below a folder in the order of their names, hidden ones left out; each folder is entered once."""
    found: list[StoredFile] = []
    seen: set[tuple[int, int]] = set()

    def enter(path: str, prefix: str, depth: int) -> None:
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return
        if depth > DEEPEST or (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        for name in names_in(path):
            below = os.path.join(path, name)
            if name.startswith(".") or len(found) >= MOST_FILES:
                continue
            if os.path.isdir(below):
                enter(below, f"{prefix}{name}/", depth + 1)
            else:
                found.append(StoredFile(prefix + name, below, file_size_bytes(below)))

    enter(folder, "", 0)
    return tuple(found)


def models_among(files: Sequence[StoredFile], store: str, name: str, commit: str | None = None) -> Iterator[Found]:
    """The models that one folder's files make up: one of each quantization of GGUF, one of safetensors or pickles.

    ``name`` is the folder's own reference; a GGUF's has its quantization behind a colon, or its file where two share
    one.
    """
    by_name = {file.name: file for file in files}
    names = list(by_name)
    first_of: dict[str, str | None] = {}
    for choice in all_gguf(names):
        own = split_name(choice.model)
        tag = "" if own is None else own.tag
        if tag not in first_of:
            picked = choose_gguf(names, quant=tag) if tag else None
            first_of[tag] = None if picked is None else picked.model
        ending = tag if first_of[tag] == choice.model else choice.model
        projector = find_projector(names, choice.model)
        yield found_of(
            [by_name[shard] for shard in choice.shards],
            f"{name}:{ending}",
            store,
            "gguf",
            len(choice.missing),
            quant=tag or None,
            projector=None if projector is None else by_name[projector].path,
            commit=commit,
        )
    weights = _weights(files)
    if weights:
        kind, chosen = weights
        yield found_of(chosen, name, store, kind, _missing_shards(chosen), commit=commit)


def _weights(files: Sequence[StoredFile]) -> tuple[str, list[StoredFile]] | None:
    """The safetensors of a folder's model, else its pickles, else an adapter's matrices."""
    adapters = [file for file in files if ADAPTER in file.name]
    rest = [file for file in files if ADAPTER not in file.name and not file.name.startswith("original/")]
    tensors = [file for file in rest if file.name.endswith(".safetensors")]
    # Mistral's own format lies beside the one that transformers reads, with the same tensors.
    own = [file for file in tensors if not file.name.rpartition("/")[2].startswith("consolidated")]
    if tensors:
        return "safetensors", own or tensors
    pickles = [file for file in rest if file.name.endswith(PICKLES) and file.name.rpartition("/")[2] not in NO_WEIGHTS]
    if pickles:
        return "pickle", pickles
    return ("adapter", adapters) if adapters else None


def _missing_shards(files: Sequence[StoredFile]) -> int:
    """Number of files that ``NAME-00001-of-00004.safetensors`` promises beyond those that are there."""
    promised: dict[str, int] = {}
    here: dict[str, int] = {}
    for file in files:
        stem, _, suffix = file.name.rpartition(".")
        own = split_name(f"{stem}.gguf")
        if own is not None and own.count > 1:
            key = f"{own.prefix}.{suffix}"
            promised[key] = own.count
            here[key] = here.get(key, 0) + 1
    return sum([max(0, count - here[key]) for key, count in promised.items()])


def found_of(
    files: Sequence[StoredFile],
    reference: str,
    store: str,
    what: str,
    missing: int = 0,
    quant: str | None = None,
    projector: str | None = None,
    commit: str | None = None,
) -> Found:
    """A ``Found`` of these files; ``missing`` more belong to the model and are not even listed."""
    lost = missing + len([file for file in files if file.size_bytes is None])
    broken = None
    if lost:
        total = len(files) + missing
        broken = f"{lost} of {total} file{'' if total == 1 else 's'} {'is' if lost == 1 else 'are'} not there"
    size_bytes = sum([file.size_bytes or 0 for file in files])
    paths = tuple([file.path for file in files])
    return Found(reference, store, what, paths, size_bytes, quant, projector, commit, broken)
