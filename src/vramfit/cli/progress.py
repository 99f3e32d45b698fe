"""A line on the terminal while many deployments are estimated."""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TextIO, TypeVar

    T = TypeVar("T")

PATIENCE_SECONDS = 0.3
"""Time below which a line is not worth drawing."""
STEP_SECONDS = 0.1
"""Time between two drawings of it."""


class Progress:
    """Line on stderr with how much is done, from 300 ms on; it is redrawn in its place and erased at the end.

    Nothing is drawn where stderr is no terminal, where stdout is a pipe that somebody reads from at the same terminal, or
    where ``quiet`` asks for nothing.
    """

    def __init__(
        self,
        text: str,
        *,
        quiet: bool = False,
        to_file: bool = False,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._text, self._clock = text, clock
        self._stream = sys.stderr if stream is None else stream
        self._draws = not quiet and self._stream.isatty() and (to_file or sys.stdout.isatty())
        self._next = clock() + PATIENCE_SECONDS
        self._shown = False

    def step(self, done: int, total: int) -> None:
        """Draw the line with the number of those that are done, if it is time to."""
        if not self._draws:
            return
        now = self._clock()
        if now < self._next:
            return
        self._next = now + STEP_SECONDS
        self._stream.write(f"\r\x1b[K{self._text} {done:,} of {total:,} …")
        self._stream.flush()
        self._shown = True

    def counted(self, items: Iterable[T], total: int) -> Iterator[T]:
        """Items as they come, each counted; the line is gone before the end is reported."""
        try:
            for done, one in enumerate(items, 1):
                self.step(done, total)
                yield one
        finally:
            self.erase()

    def erase(self) -> None:
        """Take the line away."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False
