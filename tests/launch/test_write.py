"""Values become words of a command line by a table of flags, and are quoted for a shell."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit.launch import SWITCH, Flag, Program
from vramfit.launch.write import line, pairs, quote, words

TABLE = Program(
    ("serve", "model"),
    (
        Flag("-c", "context", ("--context",)),
        Flag("--share", "share", spell=lambda share: f"{share:g}"),
        Flag("--eager", "eager", (), SWITCH),
        Flag("--all", "layers", (), SWITCH, on="all"),
        Flag("--layers", "layers"),
    ),
    positional="name",
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"name": "x"}, "serve model x"),
        ({"name": "x", "share": 0.5, "context": 5}, "serve model x -c 5 --share 0.5"),
        ({"name": "x", "context": None}, "serve model x"),
        ({"name": "x", "context": 0}, "serve model x -c 0"),
        ({"name": "x", "eager": True}, "serve model x --eager"),
        ({"name": "x", "eager": False}, "serve model x"),
        ({"name": "x", "eager": None, "other": 1}, "serve model x"),
        ({"name": "x", "layers": 3}, "serve model x --layers 3"),
        ({"name": "x", "layers": "all"}, "serve model x --all --layers all"),
    ],
)
def test_words(values: dict[str, object], expected: str) -> None:
    """In the order of the table; what has no value is left out."""
    assert expected.split() == words(TABLE, values)


def test_a_positional_word_is_needed() -> None:
    """A command without its model would be another."""
    with pytest.raises(KeyError):
        words(TABLE, {})


def test_pairs() -> None:
    """Variables and parameters that have a value, in the order of the table."""
    assert [("-c", "5"), ("--share", "0.25")] == list(pairs(TABLE.flags[:3], {"share": 0.25, "context": 5}))


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20))
def test_quote_is_read_back_by_a_shell(word: str) -> None:
    """As ``shlex`` reads a command line; words that need no quotes get none."""
    assert [word] == shlex.split(quote(word))
    assert shlex.quote(word) == quote(word)


def test_quote_in_a_real_shell() -> None:
    """The awkward ones, through ``sh``."""
    words = ["it's", "", "a b", "$HOME", "`id`", 'say "no"', "semi;colon", "new\nline", "*"]
    script = "printf '%s\\0' " + " ".join(quote(word) for word in words)
    told = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout
    assert words == told.decode().split("\0")[:-1]


def test_a_line_quotes_each_word() -> None:
    """What is read back is the words."""
    assert """vllm serve a/b --limit-mm-per-prompt '{"image": 2}'""" == line(
        ["vllm", "serve", "a/b", "--limit-mm-per-prompt", '{"image": 2}']
    )
