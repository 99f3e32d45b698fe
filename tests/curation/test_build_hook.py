"""Build hook: an editable install has the modules compiled that start the command, and nothing else is done for one."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests.command import SOURCE

hook = pytest.importorskip("vramfit.curation.build_hook", reason="hatchling is needed where wheels are built alone")


def initialized(root: Path) -> dict[str, Any]:
    """What the hook adds to an editable wheel of a checkout."""
    data: dict[str, Any] = {"force_include": {}}
    builder = hook.CatalogueBuildHook(str(root), {}, None, None, "", "wheel")
    builder.initialize("editable", data)
    builder.finalize("editable", data, "")
    return data


def test_what_starts_the_command_is_compiled_for_an_editable_install(tmp_path: Path) -> None:
    package = tmp_path / "src" / "vramfit"
    package.mkdir(parents=True)
    for name in (*hook.STARTING, "other.py"):
        (package / name).write_text("A = 1\n", encoding="utf-8")
    assert initialized(tmp_path) == {"force_include": {}}
    compiled = {Path(importlib.util.cache_from_source(str(package / name))) for name in hook.STARTING}
    assert set((package / "__pycache__").iterdir()) == compiled


def test_a_checkout_that_lacks_them_is_no_error(tmp_path: Path) -> None:
    assert initialized(tmp_path) == {"force_include": {}}
    assert list(tmp_path.iterdir()) == []


def test_what_starts_the_command_is_there() -> None:
    assert all((SOURCE / "vramfit" / name).is_file() for name in hook.STARTING)
