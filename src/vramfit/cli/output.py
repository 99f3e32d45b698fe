"""Options about printing, and errors as lines: the common part of ``list``, ``show`` and ``catalogue``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Annotated, Any

import typer

from vramfit.cli.check import opened, report_error
from vramfit.cli.options import FORMATS
from vramfit.errors import UsageError, VramfitError

__all__ = [
    "Color", "Extra", "Format", "Json", "NoHeader", "Output", "Quiet", "Verbose", "colour_of", "guarded", "into", "opened",
    "style_of", "write_lines",
]  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager


# Typer evaluates annotations at run time; these are the ones that several commands have.
Json = Annotated[bool, typer.Option("--json", help="JSON; the same as --format json")]
_STYLES = f"how to print ({', '.join(FORMATS)}) [default: table on a terminal, plain in a pipe]"
Format = Annotated[str | None, typer.Option("--format", metavar="WORD", help=_STYLES)]
NoHeader = Annotated[bool, typer.Option("--no-header", help="leave out the header line")]
Color = Annotated[str, typer.Option("--color", metavar="WORD", help="colour (auto, always, never)")]
_EXTRA = "a file of your own GPUs or models to lay over the catalogue; may be repeated"
Extra = Annotated[list[str] | None, typer.Option("--catalogue", metavar="FILE", help=_EXTRA)]

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="no note, warning or progress on stderr; errors are printed")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="say on stderr what was read")]
Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="write it to a file, in one step; - is stdout")
]


def style_of(as_json: bool, style: str | None) -> str:
    """Format that was requested, or the usual one for where stdout goes; raises ``UsageError``."""
    if style is not None and style not in FORMATS:
        raise UsageError(f'format: "{style}" is not a valid value', f"expected one of: {', '.join(FORMATS)}")
    if as_json:
        if style not in (None, "json"):
            raise UsageError("--json and --format exclude each other", "give one of them")
        return "json"
    return style or ("table" if sys.stdout.isatty() else "plain")


def colour_of(asked: str) -> bool:
    """True if stdout gets colour; raises ``UsageError`` for another word."""
    from vramfit.cli.console import wants_colour

    if asked not in ("auto", "always", "never"):
        raise UsageError(f'color: "{asked}" is not a valid value', "expected one of: auto, always, never")
    return wants_colour(sys.stdout, asked)


def guarded(run: Callable[[], int | None], *, as_json: bool) -> None:
    """Run a command and leave with its exit code; an error becomes a line and a hint, under JSON an object too."""
    try:
        code: Any = run()
    except VramfitError as error:
        code = report_error(error, as_json=as_json)
    raise typer.Exit(code or 0)


def into(path: str | None) -> AbstractContextManager[None]:
    """Context in which stdout is the file that was asked for, if any."""
    if path in (None, "-"):
        return nullcontext()
    from vramfit.cli.written import written

    return written(str(path))


def write_lines(style: str, lines: Iterable[str]) -> None:
    """Write lines of a format to stdout, with the line ends it has."""
    from vramfit.cli.console import write_lines as write
    from vramfit.render.csv import LINE_END

    write(sys.stdout, lines, LINE_END if style == "csv" else "\n")
