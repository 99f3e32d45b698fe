"""Opening of the catalogue: the compiled one that is fresh, or one compiled now.

An installed wheel carries its compiled catalogue. A checkout compiles ``data/*.yaml`` into the cache, and again whenever
the data or the compiling code changed, which sizes and modification times show. A cache that cannot be written, or is
damaged, costs time and is otherwise not noticed.

Where the user has catalogue files of their own, the whole is compiled into the cache too, and the content of those files
is part of what shows whether it is fresh. Without any, looking for them costs an ``os.stat`` each.
"""

from __future__ import annotations

import os

import vramfit
from vramfit.catalogue import Catalogue, files
from vramfit.catalogue.container import checksum, in_memory
from vramfit.errors import CatalogueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from vramfit.catalogue.container import Container
    from vramfit.catalogue.importing import Importer

    Key: TypeAlias = tuple[str, tuple[tuple[str, int, int], ...]]

_ROOMS = ("catalogue", "curation", "model", "importers/config")
"""Rooms whose modules make the compiled file what it is."""
_RULES = "curation/lint"
"""Rules that decide which of the user's files are let in."""


def open_catalogue(extra: Sequence[str] = (), importer: Callable[[], Importer] | None = None) -> Catalogue:
    """The catalogue, with the user's own files in the configuration directory and the files ``extra`` laid over it.

    ``importer`` makes the reader of models that are in none. Compiles it first where something changed. Raises
    ``CatalogueError`` for a fault in ``extra``; a fault in the configuration directory is one of ``Catalogue.warnings``,
    and that file is left out.
    """
    return Catalogue(open_container(extra), importer)


def open_container(extra: Sequence[str] = ()) -> Container:
    """The compiled catalogue, the user's own files laid over it: those in the configuration directory, then ``extra``.

    Raises ``CatalogueError`` when there is neither a compiled catalogue nor data to make it from, and when a file of
    ``extra`` cannot be read or has a fault.
    """
    own = files.own_files(extra)
    if own:
        return _overlaid(own)
    data = files.data_directory()
    if data is None:
        installed = files.read_compiled(files.installed_path())
        if installed is None:
            raise _damaged()
        installed.repair = _raise_damaged
        return installed
    key = freshness_key(data)
    path = files.cache_path(data)

    def compiled() -> bytes:
        from vramfit.curation.compile import compile_directory

        return compile_directory(data, key)

    return _fresh(path, key, compiled) or _spare(path, key, compiled)


def _damaged() -> CatalogueError:
    return CatalogueError("the installed catalogue is missing or damaged", "reinstall vramfit")


def _raise_damaged() -> Container:
    raise _damaged()


def _overlaid(own: list[files.Own]) -> Container:
    data = files.source_directory()
    contents = [(path, -1 if text is None else len(text), checksum(text or b""), named) for path, text, named in own]
    key = (freshness_key(data, (*_ROOMS, _RULES)), tuple(contents))
    path = files.cache_path("\n".join([data, *[path for path, _, _ in own]]))

    def compiled() -> bytes:
        from vramfit.curation.overlay import compile_overlaid

        return compile_overlaid(data, key, own)

    return _fresh(path, key, compiled) or _spare(path, key, compiled)


def _fresh(path: str | None, key: object, compile_: Callable[[], bytes]) -> Container | None:
    """Compiled file of the user's cache, if it was made from what there is now; made anew where a part is damaged."""
    cached = None if path is None else files.read_compiled(path, own=True)
    if path is None or cached is None or cached.key != key:
        return None

    def again() -> Container:
        content = compile_()
        files.write_atomically(path, content)
        return in_memory(content)

    cached.repair = again
    return cached


def _spare(path: str | None, key: object, compile_: Callable[[], bytes]) -> Container:
    """Compiled file from the place for a cache that cannot be written, or one compiled now and kept where that goes."""
    if path is None:
        return in_memory(compile_())
    cached = _fresh(files.spare_path(path, make=False), key, compile_)
    if cached is not None:
        return cached
    content = compile_()
    # Whether a file can be written shows when it is: a full disk, or a file in a folder's place, has the right mode.
    if not files.write_atomically(path, content):
        spare = files.spare_path(path)
        if spare is not None:
            files.write_atomically(spare, content)
    return in_memory(content)


def freshness_key(data: str, compiled_by: tuple[str, ...] = _ROOMS) -> Key:
    """Changes when a source file, or the code in the folders ``compiled_by``, changes."""
    paths = [os.path.join(data, name) for name in files.SOURCES]
    for room in compiled_by:
        folder = os.path.join(files.PACKAGE, *room.split("/"), "")
        paths += [folder + name for name in sorted(os.listdir(folder)) if name.endswith(".py")]
    stamps = []
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            stamps.append((path, -1, -1))
        else:
            stamps.append((path, status.st_size, status.st_mtime_ns))
    return vramfit.__version__, tuple(stamps)
