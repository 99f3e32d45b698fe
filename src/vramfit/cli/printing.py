"""Printing of commands that look things up: formats, colour, a file, and a pager for what is longer than a terminal."""

from __future__ import annotations

import sys

from vramfit.errors import VramfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from io import StringIO
    from typing import Any, TextIO

    from vramfit.workload.keys import Key

TEXT_STYLES = ("json", "ndjson")


def answered(values: Mapping[str, Any], declared: Sequence[Key], tell: Callable[[str, Mapping[str, Any]], int]) -> int:
    """Print an answer by ``tell(style, values)``, from parsed option values, into a file where one is asked.

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
        self._kept: StringIO | None = None

    def __enter__(self) -> TextIO:
        """The stream to print to."""
        if not self._pages:
            return sys.stdout
        from io import StringIO

        class Kept(StringIO):
            """Text in memory that is drawn as the terminal takes it."""

            encoding = sys.stdout.encoding

        self._kept = Kept()
        return self._kept

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Show what was printed."""
        if self._kept is not None and kind is None:
            from vramfit.cli.pager import show

            show(self._kept.getvalue())
