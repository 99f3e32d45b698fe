"""Finding the compiled catalogue, and compiling it anew where it is not fresh.

An installed wheel carries it beside the package (``vramfit/data/catalogue.bin``). A checkout compiles
``data/*.yaml`` into ``$XDG_CACHE_HOME/vramfit/`` and again whenever the data or the compiling code changed, told by
size and modification time. A cache that cannot be written, or is damaged, costs time and is otherwise not noticed.

Where the user has catalogue files of their own, the whole is compiled into the cache too, and their content is part of
what tells whether it is fresh. Without any, looking for them costs an ``os.stat`` each.
"""

from __future__ import annotations

import os
from zlib import crc32

import vramfit
from vramfit.catalogue.container import BadContainerError, Container, in_memory
from vramfit.errors import CatalogueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    Key: TypeAlias = tuple[str, tuple[tuple[str, int, int], ...]]
    Own: TypeAlias = tuple[str, bytes | None, bool]
    """File of the user's: path, content (None: cannot be read), whether it was named on the command line."""

SOURCES = ("gpus.yaml", "models.yaml")
COMPILED = "catalogue.bin"

_ROOM = os.path.dirname(os.path.abspath(__file__))
_PACKAGE = os.path.dirname(_ROOM)
_COMPILED_BY = (_ROOM, os.path.join(_PACKAGE, "model"))
"""Folders whose modules make the compiled file what it is: this room, and the parameter counts of ``model``."""
_RULES = os.path.join(_ROOM, "lint")
"""Folder among these that decides which of the user's files are let in."""


def open_container(extra: Sequence[str] = ()) -> Container:
    """Open the compiled catalogue with the user's own files over it: the configuration directory's, then ``extra``.

    Raises ``CatalogueError`` when there is neither a compiled catalogue nor data to make it from, and when a file of
    ``extra`` cannot be read or has a fault.
    """
    own = own_files(extra)
    if own:
        return _overlaid(own)
    data = data_directory()
    if data is None:
        installed = _read(os.path.join(_PACKAGE, "data", COMPILED))
        if installed is None:
            raise CatalogueError("the installed catalogue is missing or damaged", "reinstall vramfit")
        return installed
    key = freshness_key(data)
    path = cache_path(data)
    cached = _read(path) if path else None
    if cached is not None and cached.key == key:
        return cached
    from vramfit.catalogue.compile import compile_directory

    return _kept(path, compile_directory(data, key))


def own_files(extra: Sequence[str] = ()) -> list[Own]:
    """Read the user's own catalogue files, in the order in which they are laid over the built-in one.

    Raises ``CatalogueError`` for one of ``extra`` that cannot be read.
    """
    found: list[Own] = []
    for path in own_paths():
        try:
            os.stat(path)
        except OSError:
            continue
        try:
            found.append((path, read_bytes(path), False))
        except CatalogueError:
            found.append((path, None, False))
    found += [(os.path.abspath(path), read_bytes(path), True) for path in extra]
    return found


def own_paths() -> list[str]:
    """Paths where the user's own catalogue files may be; none without a home directory."""
    base = _xdg("XDG_CONFIG_HOME", ".config")
    return [] if base is None else [os.path.join(base, "vramfit", name) for name in SOURCES]


def source_directory() -> str:
    """Directory of the built-in catalogue's YAML files: the checkout's ``data/``, or beside the installed package."""
    return data_directory() or os.path.join(_PACKAGE, "data")


def read_bytes(path: str) -> bytes:
    """Content of a catalogue file; raises ``CatalogueError`` when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise CatalogueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _overlaid(own: list[Own]) -> Container:
    data = source_directory()
    contents = [(path, -1 if text is None else len(text), crc32(text or b""), named) for path, text, named in own]
    key = (freshness_key(data, (*_COMPILED_BY, _RULES)), tuple(contents))
    path = cache_path("\n".join([data, *[path for path, _, _ in own]]))
    cached = _read(path) if path else None
    if cached is not None and cached.key == key:
        return cached
    from vramfit.catalogue.overlay import compile_overlaid

    return _kept(path, compile_overlaid(data, key, own))


def _kept(path: str | None, content: bytes) -> Container:
    if path:
        write_atomically(path, content)
    return in_memory(content)


def compiled_path() -> str | None:
    """Path of the built-in catalogue's compiled form, whether it is there or not; None without a home directory."""
    data = data_directory()
    return os.path.join(_PACKAGE, "data", COMPILED) if data is None else cache_path(data)


def data_directory() -> str | None:
    """``data/`` of the checkout this package runs from; None when it is installed."""
    source = os.path.dirname(_PACKAGE)
    data = os.path.join(os.path.dirname(source), "data")
    if os.path.basename(source) == "src" and os.path.exists(os.path.join(data, "gpus.yaml")):
        return data
    return None


def freshness_key(data: str, compiled_by: tuple[str, ...] = _COMPILED_BY) -> Key:
    """Key that changes when a source file, or the code in ``compiled_by``, changes."""
    paths = [os.path.join(data, name) for name in SOURCES]
    for folder in compiled_by:
        paths += [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".py")]
    stamps = []
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            stamps.append((path, -1, -1))
        else:
            stamps.append((path, status.st_size, status.st_mtime_ns))
    return vramfit.__version__, tuple(stamps)


def cache_path(compiled_from: str) -> str | None:
    """Path of the compiled form of a data directory, or of it and the user's files; None without a home directory."""
    base = _xdg("XDG_CACHE_HOME", ".cache")
    return None if base is None else os.path.join(base, "vramfit", f"catalogue-{crc32(compiled_from.encode()):08x}.bin")


def _xdg(variable: str, otherwise: str) -> str | None:
    """A directory of the XDG specification, which says to ignore relative values; None without a home directory."""
    base = os.environ.get(variable, "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), otherwise)
    return base if os.path.isabs(base) else None


def write_atomically(path: str, content: bytes) -> None:
    """Replace ``path`` in one step, so that no other process reads half a file; failure to write is ignored."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        _unlink(temporary)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


class _File:
    """File read in parts, by one descriptor for its life: another process may put a newer file in its place."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self.size = os.fstat(self._descriptor).st_size

    def read(self, start: int, length: int) -> bytes:
        os.lseek(self._descriptor, start, os.SEEK_SET)
        return os.read(self._descriptor, length)

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)


def _read(path: str) -> Container | None:
    """Open the compiled file at ``path``, of which only the parts asked for are read; None if there is no sound one."""
    try:
        file = _File(path)
        return Container(file.read, file.size)
    except (OSError, BadContainerError):
        return None
