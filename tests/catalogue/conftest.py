"""The built-in catalogue, compiled into a cache of the test run's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.catalogue import Catalogue


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return open_catalogue()
