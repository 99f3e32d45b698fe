"""Help texts: examples first, options in groups, and a man page from the same declaration."""

from __future__ import annotations

import os
import shlex

import pytest

from tests.command import vramfit
from vramfit import __version__
from vramfit.cli.help import grouped
from vramfit.cli.manual import EXAMPLES, SUMMARIES, documentation, pages_of
from vramfit.cli.options import COMMANDS, options


def headings(text: str) -> list[str]:
    return [line[:-1] for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]


def test_groups_of_check() -> None:
    found = headings(vramfit("check", "--help").out)
    assert [
        "Examples", "Usage", "Model and GPU", "Memory", "llama.cpp and Ollama", "Servers: vLLM, SGLang, TensorRT-LLM",
        "Speculative decoding", "Fine-tuning", "Output",
    ] == found  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_one_group(command: str) -> None:
    keys = [key.name for heading, keys in grouped(command) if heading != "Words" for key in keys]
    assert sorted(key.name for key in options(command)) == sorted(keys)


@pytest.mark.parametrize("command", SUMMARIES)
def test_help_of_a_command(command: str) -> None:
    """The same by ``help COMMAND`` and by the flag, with an example in front of the options."""
    words = command.split()
    by_word, by_flag = vramfit("help", *words), vramfit(*words, "--help")
    assert 0 == by_word.code
    if command not in ("help", "catalogue", "import"):
        assert by_word == by_flag
        assert "Examples" == headings(by_word.out)[0]


def test_help_of_nothing_known() -> None:
    ran = vramfit("help", "chek")
    assert (2, 'error: there is no command "chek"') == (ran.code, ran.err.splitlines()[0])


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_version(flag: str) -> None:
    assert f"vramfit {__version__}\n" == vramfit(flag).out


@pytest.mark.parametrize("command", [*SUMMARIES, ""])
def test_help_names_pages_that_are_there(command: str) -> None:
    """With the folder that they are in."""
    pages = [os.path.join(documentation(), page) for page in pages_of(command)]
    assert pages == [page for page in pages if os.path.isfile(page)]
    if command in COMMANDS or not command:
        assert vramfit(*command.split(), "--help").out.endswith(f" in {documentation()}\n")


def test_man_page_has_every_option() -> None:
    page = vramfit("help", "--man").out.replace("\\-", "-")
    assert page.startswith('.TH VRAMFIT 1 ""')
    missing = [f"--{key.name.replace('_', '-')}" for key in options("check")]
    assert [] == [flag for flag in missing if flag not in page]


@pytest.mark.parametrize(
    "line",
    [line for name in ("check", "recommend") for line in EXAMPLES[name] if ".gguf" not in line and ".yaml" not in line],
)
def test_examples_run(line: str) -> None:
    words = shlex.split(line)[1:]
    ran = vramfit(*words, "--json") if "--" not in words else vramfit(*words)
    assert ran.code in (0, 1), ran.err
