"""Arithmetic of a shell, as commands have it; and settings that a written command states in a comment."""

from __future__ import annotations

import pytest

from vramfit.launch import arithmetic, unsaid
from vramfit.launch.shell import processes

KNOWN = {"N": "4", "name": "x", "empty": ""}


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (16, "${N}*4"), (16, "$N * N"), (7, "1+2*3"), (9, "(1+2)*3"), (2, "N/2"), (1, "9 % N"), (2, "8-4-2"),
        (None, "N/0"), (None, "N*name"), (None, "N*unset"), (None, "empty+1"), (None, "2**3"), (None, "(1+2"), (None, "1+"),
        (None, "1 2"), (None, ""), (None, "2-3"), (None, "9" * 300), (None, "9999999999*9999999999"),
    ],
)  # fmt: skip
def test_value(expected: int | None, text: str) -> None:
    assert arithmetic.value(text, KNOWN) == expected


def test_a_command_has_its_value() -> None:
    (one,) = processes('N=2\nserve --tp $((N*4)) --dp "$((${N} + 1))"')
    assert one.words == ("serve", "--tp", "8", "--dp", "3")


def test_a_setting_without_words_is_read_back() -> None:
    text = f"  {unsaid.line('optimizer', 'lora_fa', 'it has (no) name')}\nrun --x 1\n# optimizer sgd"
    assert unsaid.read(text) == {"optimizer": "lora_fa"}
