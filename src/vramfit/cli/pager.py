"""Texts longer than the terminal, through a program that shows them by the page.

It is the program of ``VRAMFIT_PAGER`` or ``PAGER``, else ``less -FRX``; an empty one, or ``cat``, prints at once.
"""

from __future__ import annotations

import os
import sys

USUAL_PAGER = "less"
LESS = "FRX"
"""Options of less, where its variable states none: leave at once if all is on one screen, show colours, leave the text."""


def show(text: str) -> None:
    """Print a text to the terminal, through a pager where it has more lines than that."""
    words = _pager()
    if words and text.count("\n") >= _terminal_lines() and _runs(words, text):
        return
    sys.stdout.write(text)


def _pager() -> list[str]:
    """Words of the pager; empty where none is wanted."""
    asked = os.environ.get("VRAMFIT_PAGER", os.environ.get("PAGER"))
    if asked is not None and asked.strip() in ("", "cat"):
        return []
    if os.environ.get("TERM") == "dumb":
        return []
    import shlex
    import shutil

    words = [USUAL_PAGER] if asked is None else shlex.split(asked)
    return words if shutil.which(words[0]) else []


def _terminal_lines() -> int:
    import shutil

    return shutil.get_terminal_size((80, 24)).lines


def _runs(words: list[str], text: str) -> bool:
    """Run a pager on a text; False where it cannot be started."""
    import subprocess

    try:
        with subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            env={"LESS": LESS, **os.environ},
            encoding=sys.stdout.encoding,
            errors="replace",
        ) as process:
            try:
                process.communicate(text)
            except (BrokenPipeError, KeyboardInterrupt):
                process.wait()
    except OSError:
        return False
    return True
