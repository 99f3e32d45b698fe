"""Lines that ask about the program itself: help, the version, completion."""

from __future__ import annotations

import sys

from vramfit import __version__
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def early(arguments: Sequence[str]) -> int | None:
    """Answer a line whose first word is none of the commands that estimate; None where Typer has to.

    Returns the exit code.
    """
    first, rest = (arguments[0], list(arguments[1:])) if arguments else ("--help", [])
    if first == "__complete":
        from vramfit.cli.completing import print_candidates

        return print_candidates(rest)
    if first == "completion":
        from vramfit.cli.completion import print_script

        return print_script(rest)
    if first in ("-V", "--version") and not rest:
        sys.stdout.write(f"vramfit {__version__}\n")
        return 0
    from vramfit.cli.help import print_help

    if first == "help":
        return _help(rest)
    return print_help() if not rest else None


def _help(words: list[str]) -> int | None:
    """Print the help of the command that ``words`` name; None for a command of Typer's."""
    from vramfit.cli.help import man_page, print_help
    from vramfit.cli.manual import SUMMARIES
    from vramfit.cli.options import COMMANDS

    if words == ["--man"]:
        from vramfit.cli.console import write_lines

        write_lines(sys.stdout, man_page(), "\n")
        return 0
    name = " ".join(words)
    if not words or name in ("-h", "--help"):
        return print_help()
    if name in COMMANDS:
        return print_help(name)
    if name in SUMMARIES or words[0] in ("list", "catalogue"):
        from vramfit.cli.app import run_app

        return run_app([*words, "--help"]) if words[0] not in ("help", "completion") else print_help(name)
    from vramfit.cli.failing import report_error
    from vramfit.similar import close

    near = close(name.lower(), SUMMARIES, 1, 0.7)
    hint = f"did you mean `vramfit help {near[0]}`?" if near else f"the commands are {', '.join(SUMMARIES)}"
    return report_error(UsageError(f'there is no command "{name}"', hint), as_json=False)
