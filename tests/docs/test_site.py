"""The static site has every page, and builds."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.docs.fresh import DOCS

if TYPE_CHECKING:
    from pathlib import Path

SITE = DOCS.parent / "mkdocs.yml"


def linked(part: Any) -> list[str]:
    """Pages of a part of the navigation."""
    if isinstance(part, str):
        return [part]
    return [page for one in (part.values() if isinstance(part, dict) else part) for page in linked(one)]


def test_every_page_is_in_the_navigation_once() -> None:
    """In the order of the four needs."""
    navigation = yaml.safe_load(SITE.read_text(encoding="utf-8"))["nav"]
    pages = linked(navigation)
    assert sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")) == sorted(pages)
    assert ["vramfit", "Start here", "How to", "Reference", "How it works"] == [next(iter(one)) for one in navigation]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="needs the extra docs")
def test_the_site_builds(tmp_path: Path) -> None:
    """Without a warning."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", str(SITE), "-d", str(tmp_path)]
    ran = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=False
    )
    assert 0 == ran.returncode, ran.stderr
    assert (tmp_path / "how-to" / "gaming-card" / "index.html").exists()
