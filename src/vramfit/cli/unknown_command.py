"""Error for a line that begins with no command: a slip, another word for one, or a question without its command."""

from __future__ import annotations

import shlex

from vramfit.cli.manual import SUMMARIES
from vramfit.cli.options import options, spellings
from vramfit.errors import UsageError
from vramfit.similar import close

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = tuple(dict.fromkeys(name.partition(" ")[0] for name in SUMMARIES))
"""First words of the commands."""
WORDS = {
    **dict.fromkeys(("fit", "fits", "can", "run", "will", "does", "estimate", "calc", "calculate", "vram", "memory"), "check"),
    **dict.fromkeys(("suggest", "best", "buy", "advise", "advisor"), "recommend"),
    **dict.fromkeys(("diff", "vs"), "compare"),
    **dict.fromkeys(("info", "describe", "inspect"), "show"),
    **dict.fromkeys(("table", "grid"), "matrix"),
    **dict.fromkeys(("graph", "chart", "draw"), "plot"),
    **dict.fromkeys(("ls", "models", "gpus", "search"), "list"),
    "log": "verify",
}  # fmt: skip
"""Commands by other words for them."""
MOST_WORDS = 12
"""Number of words of a line that a hint repeats."""


def unknown_command(arguments: Sequence[str]) -> UsageError | None:
    """Error with the command that was meant; None for a line that begins with a command, or with a flag of none."""
    first, rest = arguments[0], list(arguments[1:])
    if first in COMMANDS:
        return None
    flags = {flag for key in options("check") for flag in spellings(key)}
    if first.startswith("-") and first.partition("=")[0] not in flags:
        return None
    meant = WORDS.get(first.lower())
    near = close(first.lower(), COMMANDS, 1, 0.7)
    if first.startswith("-"):
        return UsageError("no command is given", f"say what is asked: `{_line(['check', *arguments])}`")
    if meant == "list":
        kind = first if first in ("models", "gpus") else "models"
        hint = f"did you mean `vramfit list {kind}`?"
    elif meant is not None or near:
        hint = f"did you mean `{_line([meant or near[0], *rest])}`?"
    elif rest:
        hint = f"to ask whether a model fits a GPU: `{_line(['check', *arguments])}`"
    else:
        hint = f"the commands are {', '.join(COMMANDS)}"
    return UsageError(f'there is no command "{first}"', hint)


def _line(words: Sequence[str]) -> str:
    """Command line of the words, cut where it is long."""
    dots = " …" if len(words) > MOST_WORDS else ""
    return f"vramfit {shlex.join(words[:MOST_WORDS])}{dots}"
