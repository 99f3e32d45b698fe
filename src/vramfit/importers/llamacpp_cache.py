"""Downloads of ``llama-server -hf``, of today and of the past.

Sources: llama.cpp b11434 ``common/hf-cache.cpp`` (``get_cache_directory``: the Hub's cache, or ``LLAMA_CACHE`` with the
same layout) and ``common/common.cpp`` (``fs_get_cache_directory``). Before March 2026 the files lay flat in that
folder, as ``owner_name_file.gguf`` beside ``manifest=owner=name=tag.json`` (``migrate_old_cache_to_hf_cache``).
"""

from __future__ import annotations

import os
import sys

from vramfit.importers.gguf_choice import all_gguf, split_name
from vramfit.importers.hub_cache import models_in as models_in_hub_cache
from vramfit.importers.stores import StoredFile, directory_of, file_size_bytes, found_of, home, names_in, read_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.importers.reference import HubRepository
    from vramfit.importers.stores import Found

STORE = "llama.cpp"


def directories() -> tuple[str, ...]:
    """The folder of ``LLAMA_CACHE``, or where llama.cpp kept its files before it used the Hub's cache."""
    own = directory_of("LLAMA_CACHE")
    if own is not None:
        return (own,)
    base = _caches()
    return () if base is None else (os.path.join(base, "llama.cpp"),)


def models_in(folder: str) -> Iterator[Found]:
    """The models of one folder of llama.cpp: of today's layout, then of the old one."""
    yield from models_in_hub_cache(folder, STORE)
    names = names_in(folder)
    manifests = dict(_manifests(folder, names))
    files = {
        name: StoredFile(name, os.path.join(folder, name), file_size_bytes(os.path.join(folder, name)))
        for name in names
    }
    for choice in all_gguf(names):
        own = split_name(choice.model)
        reference, projector = manifests.get(choice.model, (files[choice.shards[0]].path, None))
        yield found_of(
            [files[shard] for shard in choice.shards],
            reference,
            STORE,
            "gguf",
            len(choice.missing),
            quant=None if own is None else own.tag or None,
            projector=files[projector].path if projector in files else None,
        )


def find_flat(repository: HubRepository, folders: Sequence[str]) -> Found | None:
    """A download of the old flat layout that a manifest gives to this repository and quantization; None without one."""
    wanted = str(repository).lower()
    for folder in folders:
        names = names_in(folder)
        if any(name.startswith("manifest=") for name in names):
            for found in models_in(folder):
                if found.reference.lower() == wanted and found.broken is None:
                    return found
    return None


def _manifests(folder: str, names: list[str]) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Each file that a manifest names, with its reference in the Hub and its projector's file."""
    for name in names:
        parts = name.removesuffix(".json").split("=")
        if len(parts) != 4 or parts[0] != "manifest" or not name.endswith(".json"):
            continue
        _, owner, repository, tag = parts
        text = read_json(os.path.join(folder, name))
        model, projector = (_file_of(text, key, owner, repository) for key in ("ggufFile", "mmprojFile"))
        if model is not None:
            yield model, (f"hf:{owner}/{repository}{'' if tag == 'latest' else ':' + tag}", projector)


def _file_of(manifest: object, key: str, owner: str, repository: str) -> str | None:
    """The flat name of a file that a manifest lists."""
    entry = manifest.get(key) if isinstance(manifest, dict) else None
    path = entry.get("rfilename") if isinstance(entry, dict) else None
    return f"{owner}_{repository}_{path}".replace("/", "_") if isinstance(path, str) else None


def _caches() -> str | None:
    """The system's folder for caches, as ``fs_get_cache_directory`` finds it."""
    if sys.platform == "win32":
        return directory_of("LOCALAPPDATA")
    own = home()
    if sys.platform == "darwin":
        return None if own is None else os.path.join(own, "Library", "Caches")
    return directory_of("XDG_CACHE_HOME") or (None if own is None else os.path.join(own, ".cache"))
