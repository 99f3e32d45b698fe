"""Printing of commands that look things up: formats, colour, a file, and a pager for what is longer than a terminal.

A pager is started where stdout is a terminal and the lines do not go onto it: the program of ``VRAMFIT_PAGER`` or
``PAGER``, else ``less -FRX``; an empty one, or ``cat``, prints at once.
"""

from __future__ import annotations

import os
import sys

from vramfit.errors import VramfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TextIO

    from vramfit.workload.keys import Key

USUAL_PAGER = "less"
LESS = "FRX"
"""Options of less, where its variable states none: leave at once if all is on one screen, show colours, leave the text."""
TEXT_STYLES = ("json", "ndjson")


def answered(
    values: Mapping[str, Any], declared: Sequence[Key], tell: Callable[[str, Mapping[str, Any]], int]
) -> int:
    """Have ``tell(style, values)`` print an answer from parsed option values, into a file where one is asked.

    Returns the exit code; an error is printed in the requested style.
    """
    from vramfit.cli.check import format_of, report_error
    from vramfit.workload.keys import parse_value

    style = "json" if values.get("json") else str(values.get("format", ""))
    try:
        style = format_of(values)
        known = {key.name: key for key in declared if key.kind != "switch"}
        given = {name: parse_value(known[name], value) if name in known else value for name, value in values.items()}
        if given.get("output", "-") == "-":
            return tell(style, given)
        from vramfit.cli.written import written

        with written(str(given["output"])):
            return tell(style, given)
    except VramfitError as error:
        return report_error(error, as_json=style in TEXT_STYLES, indent=None if style == "ndjson" else 2)


def print_lines(style: str, lines: Iterable[str]) -> None:
    """Write lines of a format to stdout, with the line ends it has."""
    from vramfit.cli.console import write_lines

    write_lines(sys.stdout, lines, "\r\n" if style == "csv" else "\n")


def colour_of(given: Mapping[str, Any]) -> bool:
    """True if stdout gets colour."""
    from vramfit.cli.console import wants_colour

    return wants_colour(sys.stdout, str(given.get("color", "auto")))


class paged:  # noqa: N801  (used as a function)
    """Stream for a text that goes to stdout, through a pager where it is longer than the terminal.

    >>> with paged({}) as stream:
    ...     print("two", "words", file=stream)
    two words
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._pages = "no_pager" not in given and sys.stdout.isatty() and sys.stdin.isatty()
        self._kept: TextIO | None = None

    def __enter__(self) -> TextIO:
        """The stream to print to."""
        if not self._pages:
            return sys.stdout
        from io import StringIO

        self._kept = StringIO()
        return self._kept

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Show what was printed."""
        if self._kept is None or kind is not None:
            return
        show(self._kept.getvalue())


def show(text: str) -> None:
    """Print a text to the terminal, through a pager where it has more lines than that."""
    words = _pager()
    if words and text.count("\n") >= _terminal_lines() and _runs(words, text):
        return
    sys.stdout.write(text)


def _pager() -> list[str]:
    """Words of the pager; empty where none is wanted."""
    asked = os.environ.get("VRAMFIT_PAGER", os.environ.get("PAGER"))
    if asked is not None and asked.strip() in ("", "cat"):
        return []
    if os.environ.get("TERM") == "dumb":
        return []
    import shlex
    import shutil

    words = [USUAL_PAGER] if asked is None else shlex.split(asked)
    return words if shutil.which(words[0]) else []


def _terminal_lines() -> int:
    import shutil

    return shutil.get_terminal_size((80, 24)).lines


def _runs(words: list[str], text: str) -> bool:
    """Run a pager on a text; False where it cannot be started."""
    import subprocess

    try:
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, env={"LESS": LESS, **os.environ}, encoding=sys.stdout.encoding, errors="replace"
        ) as process:
            try:
                process.communicate(text)
            except (BrokenPipeError, KeyboardInterrupt):
                process.wait()
    except OSError:
        return False
    return True
