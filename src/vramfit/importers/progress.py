"""A line on the terminal while a server is waited for."""

from __future__ import annotations

import sys
import threading

from vramfit.importers.source import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

PATIENCE_SECONDS = 0.3
"""Time below which waiting is not worth a line."""


_silent: list[bool] = []


def silence() -> None:
    """Show no line from now on, whatever is waited for."""
    _silent.append(True)


class Waiting:
    """Shows what is waited for, from 300 ms on, where ``stream`` is a terminal; the line is taken away at the end."""

    def __init__(self, text: str, stream: TextIO | None = None, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._text = printable(text)
        self._stream = sys.stderr if stream is None else stream
        self._shown = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(patience_seconds, self._show)
        self._timer.daemon = True

    def __enter__(self) -> Waiting:
        if self._stream is not None and not _silent and self._stream.isatty():
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._timer.finished.set()
            if self._shown:
                self._stream.write("\r\x1b[K")
                self._stream.flush()

    def _show(self) -> None:
        with self._lock:
            self._stream.write(f"\r{self._text} …")
            self._stream.flush()
            self._shown = True
