"""Lines that begin with no command: the error names the command that was meant."""

from __future__ import annotations

import json

import pytest

from tests.command import vramfit

HINTS = {
    "chek -g 4090 -m qwen3-8b": ('there is no command "chek"', "did you mean `vramfit check -g 4090 -m qwen3-8b`?"),
    "fit 4090 qwen3-8b": ('there is no command "fit"', "did you mean `vramfit check 4090 qwen3-8b`?"),
    "4090 qwen3-8b": (
        'there is no command "4090"',
        "to ask whether a model fits a GPU: `vramfit check 4090 qwen3-8b`",
    ),
    "-g 4090 -m qwen3-8b": ("no command is given", "say what is asked: `vramfit check -g 4090 -m qwen3-8b`"),
    "--gpu=4090 -m qwen3-8b": ("no command is given", "say what is asked: `vramfit check --gpu=4090 -m qwen3-8b`"),
    "gpus": ('there is no command "gpus"', "did you mean `vramfit list gpus`?"),
    "ls": ('there is no command "ls"', "did you mean `vramfit list models`?"),
    "suggest -g 4090": ('there is no command "suggest"', "did you mean `vramfit recommend -g 4090`?"),
    "zzz": (
        'there is no command "zzz"',
        "the commands are check, explain, compare, plot, recommend, matrix, verify, list, show, import, catalogue, completion,"
        " help",
    ),
    "help chek": ('there is no command "chek"', "did you mean `vramfit help check`?"),
    "--nope": ("No such option: --nope", "see `vramfit --help`"),
}


@pytest.mark.parametrize("line", HINTS)
def test_the_error_names_the_command_that_was_meant(line: str) -> None:
    ran = vramfit(*line.split())
    message, hint = HINTS[line]

    assert (2, "", f"error: {message}\nhint: {hint}\n") == (ran.code, ran.out, ran.err)


def test_it_is_json_where_that_is_asked() -> None:
    error = json.loads(vramfit("fit", "4090", "qwen3-8b", "--json").out)["error"]

    assert error["message"] == 'there is no command "fit"'
    assert error["hint"] == "did you mean `vramfit check 4090 qwen3-8b --json`?"


def test_a_long_line_is_cut_in_the_hint() -> None:
    assert " …`?" in vramfit("chek", *["word"] * 20).err
