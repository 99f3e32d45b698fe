"""Finder for the package's own compiled modules, which costs about half of what Python's general one does.

A check loads about 80 small modules, and finding them is a quarter of its start-up: the general finder asks every entry
of ``sys.path`` hooks, builds paths piece by piece and prepares for cases that do not arise inside one package. This one
opens the .pyc file where it must be, and takes it only if it was compiled by this interpreter from the source as it is now;
in every other case it answers None, and Python finds the module as it always does.

Only the command installs it; a program that imports vramfit is left alone.
"""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER
from marshal import loads
from os import O_RDONLY, close, read, stat
from os import open as open_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader  # noqa: F401  (named in a cast)
    from types import ModuleType
    from typing import cast

else:

    def cast(_, value):
        return value


PACKAGE = "vramfit."
CHECKED_BY_TIME = MAGIC_NUMBER + bytes(4)
"""First bytes of a .pyc file of this interpreter that is validated by its source's time and size (PEP 552)."""
HEADER_BYTES = 16
CACHE_FOLDER = "/__pycache__/"
CACHE_ENDING = f".{sys.implementation.cache_tag}.pyc"
MOST_BYTES = 1 << 16
"""The most that is read of a compiled file: larger ones are left to Python, and the package has none."""


class CompiledFinder:
    """An entry of ``sys.meta_path`` for the modules below one package."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Specification of a module whose compiled file is up to date; None for everything else."""
        if path is None or not name.startswith(PACKAGE):
            return None
        stem = name.rpartition(".")[2]
        folder = path[0]
        cache = folder + CACHE_FOLDER + stem + CACHE_ENDING
        inside = None
        try:
            handle = open_file(cache, O_RDONLY)
        except OSError:
            inside = f"{folder}/{stem}"
            cache = inside + CACHE_FOLDER + "__init__" + CACHE_ENDING
            try:
                handle = open_file(cache, O_RDONLY)
            except OSError:
                return None
        data = read(handle, MOST_BYTES)
        close(handle)
        source = f"{folder}/{stem}.py" if inside is None else inside + "/__init__.py"
        if data[:HEADER_BYTES] != _header(source) or len(data) == MOST_BYTES:
            return None
        spec = ModuleSpec(name, cast("Loader", _Loader(data, source)), origin=source)
        if inside is not None:
            spec.submodule_search_locations = [inside]
        return spec


def _header(source: str) -> bytes | None:
    """First bytes of a compiled file of the source in its present state; None where there is no source."""
    try:
        status = stat(source)
    except OSError:
        return None
    written, size = int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF
    return CHECKED_BY_TIME + (size << 32 | written).to_bytes(8, "little")


class _Loader:
    """Loader that runs the code of one compiled file."""

    def __init__(self, data: bytes, source: str) -> None:
        self._data = data
        self._source = source

    def create_module(self, spec: ModuleSpec) -> None:
        """Return None: the module that Python makes by itself will do."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code in its name space."""
        space = module.__dict__
        space["__file__"] = self._source
        code = loads(memoryview(self._data)[HEADER_BYTES:])  # noqa: S302
        # The loader lives as long as its module: what was read would stay with it.
        self._data = b""
        exec(code, space)  # noqa: S102


def install() -> None:
    """Put the finder before Python's own, once, where compiled files are used at all."""
    if (
        sys.implementation.cache_tag
        and sys.pycache_prefix is None
        and not any(isinstance(one, CompiledFinder) for one in sys.meta_path)
    ):
        sys.meta_path.insert(0, CompiledFinder())
