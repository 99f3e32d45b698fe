"""Words quoted for a shell."""

from __future__ import annotations

import shlex
import subprocess

from hypothesis import given
from hypothesis import strategies as st

from vramfit.launch.shell import line, quote


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
