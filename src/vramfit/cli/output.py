"""What ``list``, ``show`` and ``catalogue`` share: the options about printing, and errors as lines."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Optional

import typer

from vramfit.cli.options import FORMATS
from vramfit.errors import UsageError, VramfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vramfit.catalogue import Catalogue

# Typer evaluates annotations at run time; these are the ones that several commands have.
Json = Annotated[bool, typer.Option("--json", help="JSON; the same as --format json")]
Format = Annotated[
    Optional[str],
    typer.Option(
        "--format",
        metavar="WORD",
        help=f"how to print ({', '.join(FORMATS)}) [default: table on a terminal, plain in a pipe]",
    ),
]  # noqa: E501, UP045
NoHeader = Annotated[bool, typer.Option("--no-header", help="leave out the header line")]
Color = Annotated[str, typer.Option("--color", metavar="WORD", help="colour (auto, always, never)")]
Extra = Annotated[
    Optional[list[str]], typer.Option("--catalogue", metavar="FILE", help="a catalogue file of your own; repeatable")
]  # noqa: E501, UP045


def style_of(as_json: bool, style: str | None) -> str:
    """The format asked for, or the usual one for where stdout goes; raises ``UsageError``."""
    if style is not None and style not in FORMATS:
        raise UsageError(f'format: "{style}" is not a valid value', f"expected one of: {', '.join(FORMATS)}")
    if as_json:
        if style not in (None, "json"):
            raise UsageError("--json and --format exclude each other", "give one of them")
        return "json"
    return style or ("table" if sys.stdout.isatty() else "plain")


def colour_of(asked: str) -> bool:
    """Whether stdout gets colour; raises ``UsageError`` for another word."""
    from vramfit.cli.console import wants_colour

    if asked not in ("auto", "always", "never"):
        raise UsageError(f'color: "{asked}" is not a valid value', "expected one of: auto, always, never")
    return wants_colour(sys.stdout, asked)


def opened(extra: list[str] | None) -> Catalogue:
    """The catalogue with the user's files over it; what was wrong with those left out goes to stderr."""
    from vramfit.catalogue import open_catalogue

    catalogue = open_catalogue(tuple(extra or ()))
    for warning in catalogue.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    return catalogue


def guarded(run: Callable[[], int | None], *, as_json: bool) -> None:
    """Run a command and leave with its exit code; an error becomes a line and a hint, under JSON an object too."""
    from vramfit.cli.check import report_error

    try:
        code: Any = run()
    except VramfitError as error:
        code = report_error(error, as_json=as_json)
    raise typer.Exit(code or 0)


def write_lines(lines: Any) -> None:
    """Lines to stdout."""
    for line in lines:
        sys.stdout.write(line + "\n")
