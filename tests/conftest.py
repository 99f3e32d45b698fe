"""Every test runs away from the user's files, terminal settings and network credentials."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from vramfit.importers.machine.find import ThisMachine
from vramfit.importers.machine.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("default", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("default")
# The suite asks the same questions at every run; ``--hypothesis-profile=explore`` asks others, and many more.

STEERING = (
    "CI", "CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "HF_HOME", "HF_TOKEN", "LC_ALL", "LINES",
    "NO_COLOR", "PY_COLORS", "PYTHONIOENCODING", "PYTHONUTF8", "TERM", "TTY_COMPATIBLE", "VRAMFIT_CACHE_DIR",
    "VRAMFIT_CONFIG_DIR", "VRAMFIT_DEBUG",
)  # fmt: skip
"""Variables that change what the command prints or where it looks."""


@pytest.fixture(scope="session", autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty home for the whole run; the catalogue of a checkout is compiled into it once.

    For the session, not for each test: Hypothesis runs many examples inside one test.
    """
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in STEERING:
            patch.delenv(name, raising=False)
        for name in ("CACHE", "CONFIG", "DATA", "STATE"):
            patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
        for name in ("HOME", "USERPROFILE"):
            patch.setenv(name, str(home))
        patch.setenv("PATH", os.environ.get("PATH", os.defpath))
        # A machine without a GPU, whatever the tests run on; tests of machines bring their own.
        patch.setattr("vramfit.importers.machine.nvml._library", lambda: None)
        patch.setattr("vramfit.cli.this_machine._here", [ThisMachine(Place(str(home / "machine"), "linux", {}))])
        yield
