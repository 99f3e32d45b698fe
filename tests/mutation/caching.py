"""A pytest plugin that keeps compiled catalogues from one process to the next: nothing mutated goes into them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.mutation.tree import CACHE

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    """Keep the rest of the empty home, in which every run begins."""
    result = yield
    if fixturedef.argname == "_isolated":
        os.environ["XDG_CACHE_HOME"] = os.environ[CACHE]
    return result
