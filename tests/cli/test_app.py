"""The Typer app: help and usage errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.command import process, vramfit
from vramfit import __version__
from vramfit.cli.options import options, spellings

if TYPE_CHECKING:
    from vramfit.workload.keys import Key


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_mentions_every_option(flag: str) -> None:
    """In every spelling, on stdout, exit 0."""
    ran = vramfit("check", flag)
    assert (0, "") == (ran.code, ran.err)
    words = set(ran.out.replace(",", " ").split())
    for key in options("check"):
        assert set(spellings(key)) <= words
        assert key.help.replace(",", " ").split()[0] in words


@pytest.mark.parametrize("key", options("check"), ids=lambda key: key.name)
def test_help_tells_the_choices(key: Key) -> None:
    """Each word a choice takes."""
    text = " ".join(vramfit("check", "--help").out.split())
    assert all(choice in text for choice in key.words)


def test_help_of_the_program() -> None:
    """It names the commands and shows an example that runs."""
    ran = vramfit("--help")
    assert (0, "") == (ran.code, ran.err)
    assert "check" in ran.out
    assert "vramfit check --gpu rtx4090 --model llava-1.6-13b" in " ".join(ran.out.split())


def test_version() -> None:
    """The plain version, as other programs print theirs."""
    assert (0, f"vramfit {__version__}\n", "") == tuple(vars(vramfit("--version")).values())


def test_no_arguments_is_a_call_for_help() -> None:
    """The same as ``--help``: nobody did anything wrong."""
    assert vramfit("--help") == vramfit()
    assert 0 == vramfit().code


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ("--bogus", ["check", "--bogus"]),
        ("--gpu", ["check", "--gpu"]),
        ("extra", ["check", "-g", "rtx4090", "-m", "llama-2-7b", "extra"]),
        ("--contxt", ["check", "--contxt", "4096"]),
        ("--json", ["check", "--json=5"]),
    ],
)
def test_usage_errors(said: str, arguments: list[str]) -> None:
    """Exit 2, one line with the offending word, a hint at the help; no box, no traceback, nothing on stdout."""
    ran = vramfit(*arguments)
    assert (2, "") == (ran.code, ran.out)
    error, hint = ran.err.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert "--help" in hint
    assert "\x1b" not in ran.err


def test_usage_errors_under_json() -> None:
    """An object on stdout here too, so that a parser never meets empty input."""
    ran = vramfit("check", "--bogus", "--json")
    assert 2 == ran.code
    assert "usage" == ran.document["error"]["code"]
    assert ran.err.startswith(f"error: {ran.document['error']['message']}\n")


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"])
def test_usage_errors_are_plain_in_a_pipe(variable: str) -> None:
    """Whatever makes Rich believe in a terminal."""
    told = process("check", "--bogus", variables={variable: "1"})
    assert 2 == told.returncode
    assert b"\x1b" not in told.stderr
    assert "╭".encode() not in told.stderr


def test_a_near_miss_is_suggested() -> None:
    """Suggested, never run."""
    assert "`vramfit check`" in vramfit("chek").err
    assert "--context" in vramfit("check", "--contex", "1").err
