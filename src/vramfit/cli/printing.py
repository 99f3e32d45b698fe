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
    from vramfit.cli.check import format_of, in_place
    from vramfit.cli.failing import report_error
    from vramfit.workload.keys import parse_value

    style = "json" if values.get("json") else str(values.get("format", ""))
    try:
        style = format_of(values)
        known = {key.name: key for key in declared if key.kind != "switch"}
        given = {name: parse_value(known[name], value) if name in known else value for name, value in values.items()}
        return in_place(given, lambda: tell(style, given))
    except VramfitError as error:
        return report_error(error, as_json=style in TEXT_STYLES, indent=None if style == "ndjson" else 2)


def print_report(style: str, report: Any, output: Mapping[str, Any], room: str, **drawing: bool) -> None:
    """Print one report as JSON, drawn for people, or as lines, by the module ``room`` of ``render``.

    That module has ``draw(page, report, **drawing)`` and ``lines(style, report, header=...)``.
    """
    if style in TEXT_STYLES:
        from vramfit.render.json import write

        write(sys.stdout, report, 2 if style == "json" else None)
        return
    module = __import__(f"vramfit.render.{room}", fromlist=["draw"])
    if style == "table":
        from vramfit.render.table import terminal_page

        page = terminal_page(sys.stdout, colour=colour_of(output))
        module.draw(page, report, **drawing)
        sys.stdout.write(page.drawn())
    else:
        print_lines(style, module.lines(style, report, header=not output.get("no_header")))


def print_lines(style: str, lines: Iterable[str]) -> None:
    """Write lines of a format to stdout, with the line ends it has."""
    from vramfit.cli.console import write_lines
    from vramfit.render.csv import LINE_END

    write_lines(sys.stdout, lines, LINE_END if style == "csv" else "\n")


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
