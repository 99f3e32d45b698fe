"""A pytest plugin that keeps the tests named in a file, in its order: ``VRAMFIT_MUTATION_TESTS`` is its path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

TESTS = "VRAMFIT_MUTATION_TESTS"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out every other test; node ids stand one a line, because some hold spaces."""
    wanted = Path(os.environ[TESTS]).read_text(encoding="utf-8").split("\n")
    by_id = {item.nodeid: item for item in items}
    items[:] = [by_id[name] for name in wanted if name in by_id]
