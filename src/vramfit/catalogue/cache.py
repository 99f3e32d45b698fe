"""Finds the compiled catalogue and sees that it is fresh.

An installed wheel carries it beside the package (``vramfit/data/catalogue.bin``). A checkout compiles
``data/*.yaml`` into ``$XDG_CACHE_HOME/vramfit/`` and again whenever the data or the compiling code changed, told by
size and modification time. A cache that cannot be written, or is damaged, costs time and is otherwise not noticed.
"""

from __future__ import annotations

import os

import vramfit
from vramfit.catalogue.container import BadContainerError, Container, checksum
from vramfit.errors import CatalogueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Key: TypeAlias = tuple[str, tuple[tuple[str, int, int], ...]]

SOURCES = ("gpus.yaml", "models.yaml")
COMPILED = "catalogue.bin"

_ROOM = os.path.dirname(os.path.abspath(__file__))
_PACKAGE = os.path.dirname(_ROOM)
_COMPILED_BY = (_ROOM, os.path.join(_PACKAGE, "model"))
"""Folders whose modules make the compiled file what it is: this room, and the parameter counts of ``model``."""


def open_container() -> Container:
    """The compiled catalogue; raises ``CatalogueError`` when there is neither one nor data to make it from."""
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

    content = compile_directory(data, key)
    if path:
        write_atomically(path, content)
    return Container(content)


def data_directory() -> str | None:
    """``data/`` of the checkout this package runs from; None when it is installed."""
    source = os.path.dirname(_PACKAGE)
    data = os.path.join(os.path.dirname(source), "data")
    if os.path.basename(source) == "src" and os.path.exists(os.path.join(data, "gpus.yaml")):
        return data
    return None


def freshness_key(data: str) -> Key:
    """Changes when a source file, or the code that compiles it, changes."""
    paths = [os.path.join(data, name) for name in SOURCES]
    for folder in _COMPILED_BY:
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


def cache_path(data: str) -> str | None:
    """Where the compiled form of ``data`` is kept; None without a home directory.

    Relative values of ``XDG_CACHE_HOME`` are ignored, as the XDG specification asks.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".cache")
        if not os.path.isabs(base):
            return None
    return os.path.join(base, "vramfit", f"catalogue-{checksum(data.encode()):08x}.bin")


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


def _read(path: str) -> Container | None:
    try:
        with open(path, "rb") as file:
            return Container(file.read())
    except (OSError, BadContainerError):
        return None
