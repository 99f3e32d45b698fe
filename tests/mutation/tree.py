"""Copies of the working tree, and pytest run in them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

PARTS = (
    "src",
    "tests",
    "data",
    "docs",
    ".ci",
    "pyproject.toml",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
)
"""What of the repository tests read."""
MEMORY_BYTES = 6 * 2**30
"""Address space of a process under test: a mutant may ask for all there is."""

CACHE = "VRAMFIT_MUTATION_CACHE"
"""Variable that names the directory where compiled catalogues are kept: compiling takes longer than most tests do."""

_changes = count(1)


@dataclass(frozen=True)
class Tree:
    """A copy of the repository."""

    root: Path

    def variables(self) -> dict[str, str]:
        """Environment in which the tree's own package is imported."""
        path = os.pathsep.join([str(self.root / "src"), str(self.root)])
        return {**os.environ, "PYTHONPATH": path, CACHE: str(self.root / ".cache")}

    def read(self, module: str) -> str:
        """Source of a module, by its path from the root."""
        return (self.root / module).read_text(encoding="utf-8")

    @contextlib.contextmanager
    def changed(self, module: str, source: str) -> Iterator[None]:
        """The tree with another source of one module."""
        file = self.root / module
        before = file.read_bytes()
        try:
            _write(file, source.encode())
            yield
        finally:
            _write(file, before)


def _write(file: Path, content: bytes) -> None:
    """Each change has a time of its own: compiled files are trusted by time and size, and both could be the same."""
    file.write_bytes(content)
    time = next(_changes)
    os.utime(file, (time, time))


def copied(root: Path, to: Path) -> Tree:
    """A copy of the repository at ``root`` in a new directory."""
    to.mkdir()
    for name in PARTS:
        part = root / name
        if part.is_dir():
            shutil.copytree(part, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif part.exists():
            shutil.copy2(part, to / name)
    return Tree(to)


def pytest_command(tree: Tree, arguments: Sequence[str]) -> list[str]:
    """Command that runs pytest in the tree; its environment is ``tree.variables()``."""
    plugins = ["-p", "no:cacheprovider", "-p", "tests.mutation.caching"]
    return [sys.executable, "-m", "pytest", "-q", *plugins, *arguments]


def pytest_process(tree: Tree, arguments: Sequence[str], variables: Mapping[str, str], seconds: float) -> int | None:
    """Exit code of pytest in the tree, with the tree's own package; None where it took longer than ``seconds``."""
    limited = ["sh", "-c", f'ulimit -v {MEMORY_BYTES // 1024}; exec "$@"', "sh"]
    command = [*limited, *pytest_command(tree, arguments)]
    silent = subprocess.DEVNULL
    with subprocess.Popen(
        command,
        cwd=tree.root,
        env={**tree.variables(), **variables},
        stdout=silent,
        stderr=silent,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None
