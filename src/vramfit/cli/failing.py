"""Errors on the command line: one line and a hint on stderr, and an object on stdout where JSON was asked for."""

from __future__ import annotations

import sys

from vramfit.cli.options import exit_codes
from vramfit.launch.mask import one_line
from vramfit.report import error_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.errors import VramfitError


def report_error(error: VramfitError, *, as_json: bool, indent: int | None = 2) -> int:
    """Print an error as one line and a hint on stderr (as JSON also on stdout); returns its exit code."""
    exit_codes.append(error.exit_code)
    message, hint = one_line(error.message), None if error.hint is None else one_line(error.hint)
    if as_json:
        from vramfit.render.json import write

        write(sys.stdout, error_document(type(error)(message, hint)), indent)
        sys.stdout.flush()
    sys.stderr.write(f"error: {message}\n")
    if hint:
        sys.stderr.write(f"hint: {hint}\n")
    return error.exit_code
