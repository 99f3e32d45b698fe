"""docs/python.md: its examples run in order, as one session, and print what it shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mypy import api

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python.md"
BLOCK = re.compile(r"```python\n(?P<code>.*?)```(?:\n\n```text\n(?P<shown>.*?)```)?", re.DOTALL)


def test_examples_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each block with the names of those before it; a block of text behind one is all that it prints."""
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    expected, printed = [], []
    for found in BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        exec(compile(found["code"], str(PAGE), "exec"), space)
        out = capsys.readouterr().out
        if found["shown"] is not None:
            expected.append(found["shown"])
            printed.append(out)

    assert len(expected) == 2
    assert expected == printed
    assert {"report", "remedy", "found", "card", "model"} <= set(space)


def test_examples_are_typed(tmp_path: Path) -> None:
    """All of them as one module, under mypy --strict with the package as it is here."""
    module = tmp_path / "page.py"
    module.write_text(
        "".join(found["code"] for found in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))), encoding="utf-8"
    )
    out, err, code = api.run(["--strict", "--config-file", str(ROOT / "pyproject.toml"), str(module)])
    assert (0, "") == (code, err), out
