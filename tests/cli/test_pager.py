"""Pager of long texts: for a terminal, and only where they are longer than it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.command import vramfit
from vramfit.cli import pager

if TYPE_CHECKING:
    from pathlib import Path

LONG = "".join(f"line {number}\n" for number in range(100))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """File into which the pager of this test puts what it gets, on a terminal of 24 lines."""
    script, file = tmp_path / "page.py", tmp_path / "kept.txt"
    script.write_text(f"import sys; open({str(file)!r}, 'w').write(sys.stdin.read())", encoding="utf-8")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("VRAMFIT_PAGER", raising=False)
    monkeypatch.setenv("PAGER", f"{sys.executable} {script}")
    return file


def test_a_long_text_goes_through_the_pager(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pager.show(LONG)
    assert LONG == kept.read_text(encoding="utf-8")
    assert "" == capsys.readouterr().out


def test_a_short_text_is_printed(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pager.show("one\ntwo\n")
    assert "one\ntwo\n" == capsys.readouterr().out
    assert not kept.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VRAMFIT_PAGER", ""),
        ("VRAMFIT_PAGER", "cat"),
        ("PAGER", "cat"),
        ("PAGER", "no-such-pager-here"),
        ("TERM", "dumb"),
    ],
)
def test_no_pager_is_wanted_or_there(
    name: str, value: str, kept: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The own variable counts for more than the common one."""
    monkeypatch.setenv(name, value)
    pager.show(LONG)
    assert LONG == capsys.readouterr().out
    assert not kept.exists()


def test_lists_in_pipes_have_none(kept: Path) -> None:
    ran = vramfit("list", "gpus")
    assert len(ran.out.splitlines()) > 100
    assert not kept.exists()
