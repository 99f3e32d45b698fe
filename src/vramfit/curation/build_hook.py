"""Hatchling build hook: a wheel carries the compiled catalogue, the YAML files it was made from, and other tables.

Named in ``pyproject.toml`` as ``[tool.hatch.build.targets.wheel.hooks.custom]``. An editable install reads the
checkout itself, so only the modules that start the command are compiled for one.
"""

from __future__ import annotations

import compileall
import os
import sys
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TABLES = ("configuration_classes.json", "model_classes.json")
"""Tables of transformers' classes, which ``vramfit.importers.config`` reads."""

STARTING = ("__init__.py", "__main__.py", "_boot.py")
"""Modules that Python itself must find. pip compiles those of a wheel when it installs one, and nobody those of an editable
install where Python may write no .pyc files: each command then compiled them, a third of a bare interpreter."""


class CatalogueBuildHook(BuildHookInterface[Any]):
    """Compiles ``data/*.yaml`` into ``vramfit/data/catalogue.bin``."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the compiled catalogue and its sources to the wheel; ``version`` is the kind of wheel."""
        if version == "editable":
            for name in STARTING:
                compileall.compile_file(os.path.join(self.root, "src", "vramfit", name), quiet=2)
            return
        sys.path.insert(0, os.path.join(self.root, "src"))
        try:
            from vramfit.catalogue.files import COMPILED, SOURCES
            from vramfit.curation.compile import compile_directory
        finally:
            sys.path.pop(0)
        data = os.path.join(self.root, "data")
        self._folder = tempfile.TemporaryDirectory(prefix="vramfit-catalogue-")
        compiled = os.path.join(self._folder.name, COMPILED)
        with open(compiled, "wb") as file:
            file.write(compile_directory(data, key="wheel"))
        included = build_data["force_include"]
        included[compiled] = f"vramfit/data/{COMPILED}"
        for name in (*SOURCES, *TABLES):
            included[os.path.join(data, name)] = f"vramfit/data/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary compiled file."""
        if version != "editable":
            self._folder.cleanup()
