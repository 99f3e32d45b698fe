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

    Stamp: TypeAlias = tuple[str, int, int]
    """Path of a file, its size in bytes, and the time of its last change in nanoseconds; -1 twice where there is none."""

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
    asked = (vramfit.__version__, data)
    path = files.cache_path(data)

    def compiled() -> bytes:
        from vramfit.curation.compile import compile_directory

        return compile_directory(data, (asked, stamps_of(data)))

    return _fresh(path, asked, compiled) or _spare(path, asked, compiled)


def _damaged() -> CatalogueError:
    return CatalogueError("the installed catalogue is missing or damaged", "reinstall vramfit")


def _raise_damaged() -> Container:
    raise _damaged()


def _overlaid(own: list[files.Own]) -> Container:
    data = files.source_directory()
    contents = [(path, -1 if text is None else len(text), checksum(text or b""), named) for path, text, named in own]
    asked = (vramfit.__version__, data, tuple(contents))
    path = files.cache_path("\n".join([data, *[path for path, _, _ in own]]))

    def compiled() -> bytes:
        from vramfit.curation.overlay import compile_overlaid

        return compile_overlaid(data, (asked, stamps_of(data, (*_ROOMS, _RULES))), own)

    return _fresh(path, asked, compiled) or _spare(path, asked, compiled)


def _fresh(path: str | None, asked: object, compile_: Callable[[], bytes]) -> Container | None:
    """Compiled file of the user's cache, if it was made from what there is now; made anew where a part is damaged."""
    cached = None if path is None else files.read_compiled(path, own=True)
    if path is None or cached is None or not is_current(cached.key, asked):
        return None

    def again() -> Container:
        content = compile_()
        files.write_atomically(path, content)
        return in_memory(content)

    cached.repair = again
    return cached


def _spare(path: str | None, asked: object, compile_: Callable[[], bytes]) -> Container:
    """Compiled file from the place for a cache that cannot be written, or one compiled now and kept where that goes."""
    if path is None:
        return in_memory(compile_())
    cached = _fresh(files.spare_path(path, make=False), asked, compile_)
    if cached is not None:
        return cached
    content = compile_()
    # Whether a file can be written shows when it is: a full disk, or a file in a folder's place, has the right mode.
    if not files.write_atomically(path, content):
        spare = files.spare_path(path)
        if spare is not None:
            files.write_atomically(spare, content)
    return in_memory(content)


def is_current(key: object, asked: object) -> bool:
    """Tell whether a compiled file, by its key, is of what was asked for, and no file that it was made of has changed.

    A module that is new in a room counts once one that was there loads it. A key of another form is another release's.
    """
    if not isinstance(key, tuple) or key[:1] != (asked,):
        return False
    # One by one and not by ``_stamp``: a check in a checkout asks for some eighty files.
    for path, size, time_ns in key[1]:
        try:
            status = os.stat(path)
        except OSError:
            if size >= 0:
                return False
        else:
            if status.st_size != size or status.st_mtime_ns != time_ns:
                return False
    return True


def stamps_of(data: str, compiled_by: tuple[str, ...] = _ROOMS) -> tuple[Stamp, ...]:
    """Stamps of the source files, and of the code in the folders ``compiled_by``."""
    paths = [os.path.join(data, name) for name in files.SOURCES]
    for room in compiled_by:
        folder = os.path.join(files.PACKAGE, *room.split("/"), "")
        paths += [folder + name for name in sorted(os.listdir(folder)) if name.endswith(".py")]
    return tuple([_stamp(path) for path in paths])


def _stamp(path: str) -> Stamp:
    try:
        status = os.stat(path)
    except OSError:
        return path, -1, -1
    return path, status.st_size, status.st_mtime_ns
