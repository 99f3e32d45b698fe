"""Whether a stream gets colour."""

from __future__ import annotations

import io

import pytest

from tests.command import vramfit
from vramfit.cli.console import wants_colour


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.mark.parametrize(
    ("expected", "terminal", "asked", "variables"),
    [
        (True, True, "auto", {}),
        (False, False, "auto", {}),
        (False, True, "auto", {"NO_COLOR": "1"}),
        (True, True, "auto", {"NO_COLOR": ""}),
        (True, False, "auto", {"FORCE_COLOR": "1"}),
        (False, False, "auto", {"FORCE_COLOR": ""}),
        (False, False, "auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}),
        (True, False, "auto", {"CLICOLOR_FORCE": "1"}),
        (False, False, "auto", {"CLICOLOR_FORCE": "0"}),
        (False, False, "auto", {"CLICOLOR_FORCE": ""}),
        (False, True, "auto", {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}),
        (False, True, "never", {"CLICOLOR_FORCE": "1"}),
        (False, True, "auto", {"TERM": "dumb"}),
        (True, True, "auto", {"TERM": "xterm-256color"}),
        (True, False, "always", {"NO_COLOR": "1"}),
        (False, True, "never", {"FORCE_COLOR": "1"}),
    ],
)
def test_wants_colour(
    expected: bool, terminal: bool, asked: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag beats the environment, NO_COLOR beats FORCE_COLOR, and a pipe or a dumb terminal gets none."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert expected is wants_colour(Terminal() if terminal else io.StringIO(), asked)


TABLE = ("check", "-g", "rtx4090", "-m", "llava-1.6-13b", "--format", "table")


@pytest.mark.parametrize(
    ("coloured", "terminal", "arguments", "variables"),
    [
        (True, True, [], {}),
        (False, False, [], {}),
        (False, True, ["--color", "never"], {}),
        (True, False, ["--color", "always"], {}),
        (False, True, [], {"NO_COLOR": "1"}),
        (True, False, [], {"FORCE_COLOR": "1"}),
        (True, False, ["--color", "always"], {"NO_COLOR": "1"}),
    ],
)
def test_the_table_s_colour(
    coloured: bool, terminal: bool, arguments: list[str], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Escape codes only where colour is wanted; the words are the same without."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ran = vramfit(*TABLE, *arguments, terminal=terminal)
    assert coloured == ("\x1b[" in ran.out)
    assert "exceeds" in ran.out
    assert "fits" in ran.out


@pytest.mark.parametrize("style", ["json", "ndjson", "plain", "csv", "markdown"])
def test_formats_for_programs_have_no_colour(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where it is forced."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    ran = vramfit("check", "-g", "rtx4090", "-m", "llava-1.6-13b", "--format", style, "--color", "always")
    assert "\x1b" not in ran.out
