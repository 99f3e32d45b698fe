"""The line on a terminal while a server is waited for."""

from __future__ import annotations

import io
import threading

from vramfit.importers.progress import Waiting


class Terminal(io.StringIO):
    """A stream that says it is a terminal, and when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


def test_a_long_wait_is_shown_and_taken_away() -> None:
    stream = Terminal()
    with Waiting("asking the\nHub", stream, 0.0):
        assert stream.written.wait(5)
    assert "\rasking the\\nHub …\r\x1b[K" == stream.getvalue()


def test_a_short_wait_is_not_shown() -> None:
    stream = Terminal()
    with Waiting("asking", stream, 60.0):
        pass
    assert "" == stream.getvalue()


def test_nothing_is_shown_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with Waiting("asking", stream, 0.0) as waiting:
        assert not waiting._timer.is_alive()
    assert "" == stream.getvalue()
