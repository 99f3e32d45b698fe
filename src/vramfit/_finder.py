"""Finder for the package's own compiled modules, which costs about half of what Python's general one does.

A check loads some seventy small modules, and finding them is a quarter of its start-up: the general finder asks every entry
of ``sys.path`` hooks, builds paths piece by piece and prepares for cases that do not arise inside one package. This one
opens the .pyc file where it must be, and takes it only if it was compiled by this interpreter from the source as it is now;
in every other case it answers None, and Python finds the module as it always does.

Only the command installs it; a program that imports vramfit is left alone.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER
from marshal import loads

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


class CompiledFinder:
    """An entry of ``sys.meta_path`` for the modules below one package."""

    def __init__(self) -> None:
        self._ending = f".{sys.implementation.cache_tag}.pyc"

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Specification of a module whose compiled file is up to date; None for everything else."""
        if path is None or not name.startswith(PACKAGE):
            return None
        folder, stem = path[0], name.rpartition(".")[2]
        found = self._load(name, folder, stem)
        if found is not None:
            return found
        inside = f"{folder}/{stem}"
        found = self._load(name, inside, "__init__")
        if found is not None:
            found.submodule_search_locations = [inside]
        return found

    def _load(self, name: str, folder: str, stem: str) -> ModuleSpec | None:
        source, compiled = f"{folder}/{stem}.py", f"{folder}/__pycache__/{stem}{self._ending}"
        try:
            handle = os.open(compiled, os.O_RDONLY)
            try:
                status = os.fstat(handle)
                data = os.read(handle, status.st_size)
            finally:
                os.close(handle)
            status = os.stat(source)
        except OSError:
            return None
        written = (int(status.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little")
        size = (status.st_size & 0xFFFFFFFF).to_bytes(4, "little")
        if data[:HEADER_BYTES] != CHECKED_BY_TIME + written + size:
            return None
        spec = ModuleSpec(name, cast("Loader", _Loader(data)), origin=source)
        spec.has_location = True
        spec.cached = compiled
        return spec


class _Loader:
    """Loader that runs the code of one compiled file."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def create_module(self, spec: ModuleSpec) -> None:
        """Return None: the module that Python makes by itself will do."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code in its name space."""
        exec(loads(memoryview(self._data)[HEADER_BYTES:]), module.__dict__)  # noqa: S102, S302


def install() -> None:
    """Put the finder before Python's own, once, where compiled files are used at all."""
    if (
        sys.implementation.cache_tag
        and sys.pycache_prefix is None
        and not any(isinstance(one, CompiledFinder) for one in sys.meta_path)
    ):
        sys.meta_path.insert(0, CompiledFinder())
