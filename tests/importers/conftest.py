"""A network that ends at this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import close_session

from tests.importers.loopback import running
from vramfit.catalogue.files import cache_path, source_directory
from vramfit.importers import ollama_store
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.importers.loopback import Loopback

UNSET = (
    "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE",
    "TRANSFORMERS_CACHE", "LLAMA_CACHE", "OLLAMA_MODELS", "HF_HOME", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy",
    "LOCALAPPDATA",
)  # fmt: skip


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory, and no variable of the user's that points elsewhere."""
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # The library reads its environment when it is imported.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache" / "huggingface" / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_STORED_TOKENS_PATH", str(tmp_path / "stored_tokens"))
    monkeypatch.setattr(ollama_store, "SYSTEM_FOLDERS", ())
    return tmp_path


@pytest.fixture(scope="session")
def _compiled() -> bytes:
    """The compiled catalogue, made before a test has a home of its own: each would compile it again."""
    open_catalogue()
    path = cache_path(source_directory())
    assert path is not None
    with open(path, "rb") as file:
        return file.read()


@pytest.fixture
def compiled_catalogue(_compiled: bytes, disk: Path) -> None:
    """The compiled catalogue in the cache of the test's own home."""
    path = cache_path(source_directory())
    assert path is not None
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(_compiled)


@pytest.fixture
def net(disk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """The loopback servers, with ``HF_ENDPOINT`` at them."""
    with running() as state:
        monkeypatch.setenv("HF_ENDPOINT", f"{state.address('hub')}/")
        yield state
        close_session()
