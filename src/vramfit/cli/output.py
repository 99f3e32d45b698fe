"""Options about printing, and errors as lines: the common part of ``import`` and ``catalogue``, which Typer reads."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated, Any

import typer

from vramfit.cli.check import opened
from vramfit.cli.failing import report_error
from vramfit.errors import VramfitError

__all__ = ["Extra", "Json", "Output", "Quiet", "Verbose", "guarded", "into", "opened"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


# Typer evaluates annotations at run time; these are the ones that several commands have.
Json = Annotated[bool, typer.Option("--json", help="JSON; the same as --format json")]
_EXTRA = "a file of your own GPUs or models to lay over the catalogue; may be repeated"
Extra = Annotated[list[str] | None, typer.Option("--catalogue", metavar="FILE", help=_EXTRA)]

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="no note, warning or progress on stderr; errors are printed")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="say on stderr what was read")]
Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="write it to a file, in one step; - is stdout")
]


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
