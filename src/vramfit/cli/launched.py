"""``vramfit check [keys] -- COMMAND``: a deployment read from the command that starts it."""

from __future__ import annotations

from vramfit.cli.options import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

BEHIND = "--"
"""Word behind which the command stands."""


def run_launched(arguments: Sequence[str]) -> int:
    """Check the command behind ``--`` with the keys in front of it, which count for more; returns the exit code."""
    at = list(arguments).index(BEHIND)
    own, words = list(arguments[:at]), list(arguments[at + 1 :])
    values = read(own)
    if values is None:
        from vramfit.cli.flags import own_words

        translated = own_words(own)
        if isinstance(translated, int):
            return translated
        own, values = translated, read(translated)
    if values is None:
        from vramfit.cli.app import run_app

        return run_app(own)
    from vramfit.cli.check import run

    return run({**values, "command": words})
