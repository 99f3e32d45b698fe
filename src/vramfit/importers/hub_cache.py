"""The Hugging Face Hub's cache on this disk, read without the network and without ``huggingface_hub``.

Layout (huggingface_hub 2.4 ``constants.py``, ``file_download.py``; https://huggingface.co/docs/hub/local-cache): a
folder ``models--org--name`` has ``refs/<branch>``, a file with a commit, and ``snapshots/<commit>/``, the repository's
tree of links into ``blobs/`` of the repository or, since 2.x, of the whole cache. Links are followed; nothing is
concluded from where they lead.
"""

from __future__ import annotations

import os

from vramfit._record import Record
from vramfit.importers.gguf_choice import choose_gguf
from vramfit.importers.stores import directory_of, file_size_bytes, files_below, home, models_among, names_in, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.importers.reference import HubRepository
    from vramfit.importers.stores import Found, StoredFile

PREFIX = "models--"
CONFIGS = ("config.json", "params.json", "model_index.json", "adapter_config.json")
"""Files of which one is enough to know a model's shape."""
_HEXADECIMAL = frozenset("0123456789abcdef")
_SHORTEST_COMMIT = 7


class Snapshot(Record):
    """A repository at one commit, as far as it was downloaded."""

    repository: str
    """``org/name``."""
    commit: str
    path: str
    """Folder of the snapshot."""
    files: tuple[StoredFile, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of the files that can be opened."""
        return tuple([file.name for file in self.files if file.size_bytes is not None])


def directories() -> tuple[str, ...]:
    """The caches that are looked into, the user's own first.

    ``HF_HUB_CACHE``, its old name, ``HF_HOME``, ``XDG_CACHE_HOME`` or the home directory give the first;
    ``TRANSFORMERS_CACHE`` (transformers before 5) another of the same layout.
    """
    found = directory_of("HF_HUB_CACHE") or directory_of("HUGGINGFACE_HUB_CACHE")
    if found is None:
        base = directory_of("HF_HOME")
        if base is None:
            cache = directory_of("XDG_CACHE_HOME")
            own = home()
            cache = cache or (None if own is None else os.path.join(own, ".cache"))
            base = None if cache is None else os.path.join(cache, "huggingface")
        found = None if base is None else os.path.join(base, "hub")
    return tuple(dict.fromkeys([one for one in (found, directory_of("TRANSFORMERS_CACHE")) if one is not None]))


def find_snapshot(repository: HubRepository, caches: Sequence[str]) -> Snapshot | None:
    """The newest of what ``caches`` hold of a repository at the revision asked; None where they hold nothing."""
    folder_name = f"{PREFIX}{repository.id.replace('/', '--')}".lower()
    for cache in caches:
        for name in names_in(cache):
            # The Hub's names have one spelling, but it answers to all of them.
            if name.lower() == folder_name:
                folder = os.path.join(cache, name)
                commit = _commit(folder, repository.revision)
                if commit is not None:
                    path = os.path.join(folder, "snapshots", commit)
                    return Snapshot(repository.id, commit, path, files_below(path))
    return None


def serves(snapshot: Snapshot, repository: HubRepository) -> bool:
    """True if a snapshot has all that the reference needs: the file or quantization it names, else whole weights."""
    below = f"{repository.folder}/" if repository.folder else ""
    names = [name for name in snapshot.names if name.startswith(below)]
    if repository.file is not None and not repository.file.lower().endswith(".gguf"):
        return repository.file in names
    if repository.quant is None and repository.file is None:
        files = [file for file in snapshot.files if file.name.startswith(below)]
        weights = [one for one in models_among(files, "", "") if one.what in ("safetensors", "adapter")]
        if weights:
            return weights[0].broken is None
    choice = choose_gguf(names, repository.quant, repository.file)
    return choice is not None and not choice.missing


def describes(snapshot: Snapshot) -> bool:
    """True if a snapshot at least has a config: the shape of a model whose weights are elsewhere."""
    return any(name in CONFIGS for name in snapshot.names)


def models_in(cache: str, store: str = "huggingface") -> Iterator[Found]:
    """The models of one cache, in the order of their names; of several commits the main branch's, else the newest."""
    for name in names_in(cache):
        if not name.startswith(PREFIX):
            continue
        repository = name[len(PREFIX) :].replace("--", "/", 1)
        folder = os.path.join(cache, name)
        commit = _commit(folder, None)
        if commit is not None:
            files = files_below(os.path.join(folder, "snapshots", commit))
            yield from models_among(files, store, f"hf:{repository}", commit)


def _commit(folder: str, revision: str | None) -> str | None:
    """The commit of a revision that the folder has a snapshot of."""
    here = [name for name in names_in(os.path.join(folder, "snapshots")) if not name.startswith(".")]
    for ref in ("main",) if revision is None else (revision,):
        commit = _ref(folder, ref)
        if commit in here:
            return commit
    if revision is not None:
        low = revision.lower()
        fits = len(low) >= _SHORTEST_COMMIT and _HEXADECIMAL.issuperset(low)
        matching = [name for name in here if name == revision or (fits and name.startswith(low))]
        return matching[0] if len(matching) == 1 else None
    return max(here, key=lambda name: _changed(os.path.join(folder, "snapshots", name)), default=None)


def _ref(folder: str, ref: str) -> str | None:
    path = os.path.join(folder, "refs", *ref.split("/"))
    text = read_text(path) if file_size_bytes(path) is not None else None
    return None if text is None else text.decode("ascii", "replace").strip()


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
