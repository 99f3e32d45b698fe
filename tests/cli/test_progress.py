"""Line on a terminal while many deployments are estimated."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from tests.command import vramfit
from vramfit.cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator


class Terminal(io.StringIO):
    """Stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def ticks() -> Iterator[float]:
    """Times of a clock that goes on by 200 ms a look."""
    now = 0.0
    while True:
        yield now
        now += 0.2


def drawn(*, quiet: bool = False, to_file: bool = False, stream: io.StringIO, stdout: io.StringIO) -> str:
    """Text on stderr of four items."""
    before, sys.stdout = sys.stdout, stdout
    try:
        clock = ticks()
        progress = Progress("rows", quiet=quiet, to_file=to_file, stream=stream, clock=lambda: next(clock))
        assert [1, 2, 3, 4] == list(progress.counted([1, 2, 3, 4], 4))
    finally:
        sys.stdout = before
    return stream.getvalue()


def test_a_line_is_redrawn_from_300_ms_on_and_erased() -> None:
    assert (
        "\r\x1b[Krows 2 of 4 …\r\x1b[Krows 3 of 4 …\r\x1b[Krows 4 of 4 …\r\x1b[K"
        == drawn(stream=Terminal(), stdout=Terminal())
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "quiet", "to_file", "stderr", "stdout"),
    [
        (False, True, False, Terminal, Terminal),
        (False, False, False, io.StringIO, Terminal),
        (False, False, False, Terminal, io.StringIO),
        (True, False, True, Terminal, io.StringIO),
    ],
)
def test_pipes_and_quiet_show_nothing(
    shown: bool, quiet: bool, to_file: bool, stderr: type[io.StringIO], stdout: type[io.StringIO]
) -> None:
    """A file is no pipe: nobody reads it at the same terminal."""
    assert shown == bool(drawn(quiet=quiet, to_file=to_file, stream=stderr(), stdout=stdout()))


def test_a_line_that_was_not_drawn_is_not_erased() -> None:
    stream = Terminal()
    progress = Progress("rows", to_file=True, stream=stream, clock=lambda: 0.0)
    progress.step(1, 2)
    progress.erase()
    assert "" == stream.getvalue()


def test_a_matrix_beyond_a_screen_is_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal alone; a named format gives every cell."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "24")
    arguments = ("matrix", "-g", "rtx40*", "-m", "qwen3-*", "--color", "never", "--quiet")
    ran = vramfit(*arguments, terminal=True)
    lines = ran.out.splitlines()
    assert len(lines) <= 24
    assert " rows of models and quantizations on " in lines[0]
    assert "All cells: --format csv" in ran.out
    assert "" == ran.err
    assert len(vramfit(*arguments).out.splitlines()) > 24
