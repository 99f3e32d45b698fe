"""``vramfit list gpus --here``: this machine's GPUs, and what was asked of whom."""

from __future__ import annotations

import sys

from vramfit.cli.check import opened
from vramfit.cli.console import wants_colour
from vramfit.cli.failing import report_error
from vramfit.cli.printing import print_lines
from vramfit.cli.this_machine import this_machine
from vramfit.errors import VramfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.catalogue import Catalogue


def list_here(*, as_json: bool) -> int:
    """Print this machine as ``list gpus --here`` does without further options, and return the exit code.

    The answer is often that there is no GPU, and that takes less time than reading the options of ``list``.
    """
    style = "json" if as_json else "table" if sys.stdout.isatty() else "plain"
    try:
        write_here(opened(()), style, colour=wants_colour(sys.stdout, "auto"))
    except VramfitError as error:
        return report_error(error, as_json=as_json)
    return 0


def write_here(catalogue: Catalogue, style: str, *, colour: bool, header: bool = True) -> None:
    """Print this machine's GPUs and what was asked of whom; raises ``NoGpu`` where it has none."""
    from vramfit.importers.machine.listing import machine_object

    found = machine_object(this_machine().machine, catalogue)
    from vramfit.render import machine

    if style == "table":
        machine.print_machine(found, stream=sys.stdout, colour=colour, header=header)
    else:
        print_lines(style, machine.lines(style, found, header=header))
