"""Sentence on stderr where stdout is a pipe, and what silences it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.command import vramfit

if TYPE_CHECKING:
    from pathlib import Path

CHECK = ("check", "-g", "rtx4090", "-m", "llava-1.6-13b")
SENTENCE = "LLaVA 1.6 13B fits an RTX 4090 in INT8 and INT4, not in FP16: 5.6 GiB short.\n"


@pytest.mark.parametrize(
    ("expected", "options"),
    [
        (SENTENCE, ()),
        (SENTENCE, ("--no-header",)),
        ("", ("--quiet",)),
        ("", ("-q",)),
        ("", ("--format", "plain")),
        ("", ("--format", "csv")),
        ("", ("--format", "table")),
        ("", ("--json",)),
        ("LLaVA 1.6 13B fits an RTX 4090 in NF4: 12.3 GiB free.\n", ("--quant", "nf4")),
    ],
)
def test_the_verdict_is_on_stderr_where_no_format_is_named(expected: str, options: tuple[str, ...]) -> None:
    """A row is for programs, the sentence for whoever started them."""
    assert expected == vramfit(*CHECK, *options).err


def test_a_terminal_gets_the_table_and_nothing_else() -> None:
    """There the sentence is the first line of the report."""
    ran = vramfit(*CHECK, terminal=True)
    assert SENTENCE.strip() in ran.out
    assert "" == ran.err


def test_a_file_is_summed_up(tmp_path: Path) -> None:
    """By the number of verdicts; errors stand before it."""
    path = tmp_path / "two.yaml"
    path.write_text(
        "deployments:\n"
        "  - {name: chat, gpu: rtx4090, model: llama-3.1-8b, quant: Q4_K_M}\n"
        "  - {name: typo, gpu: rtx4900, model: llama-3.1-8b}\n",
        encoding="utf-8",
    )
    ran = vramfit("check", "--file", str(path))
    assert ran.err.endswith("\n2 estimates: 1 fits and 1 without an answer.\n")
    assert ran.err.startswith("error: typo: ")


@pytest.mark.parametrize("option", ["--details", "--all-remedies"])
def test_details_are_asked_for(option: str) -> None:
    """Every remedy with its command, and the account; the rows for programs stay as they are."""
    short = vramfit(*CHECK, "--format", "table").out
    whole = vramfit(*CHECK, "--format", "table", option).out
    assert len(short.splitlines()) <= 52 < len(whole.splitlines())
    assert "The rule of thumb and the account, fp16" in whole
    assert "The rule of thumb and the account" not in short
    if option == "--details":
        assert vramfit(*CHECK, "--json").out == vramfit(*CHECK, "--json", option).out
