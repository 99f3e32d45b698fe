"""Lines of a shell's history: the commands in them, without the numbers and times that a shell puts in front.

Formats: GNU Bash 5.3 ``history`` (number, an asterisk for a changed line, a time by ``HISTTIMEFORMAT``) and its file with
lines ``#SECONDS``; zsh 5.9 ``EXTENDED_HISTORY`` (``: SECONDS:ELAPSED;command``); fish 4.1 (``- cmd: …`` with ``when:``).
"""

from __future__ import annotations

import re

NUMBERED = re.compile(r"^ *\d+\*? +(?:\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?\]? +)?(?=\S)")
EXTENDED = re.compile(r"^: \d+:\d+;")
FISH = re.compile(r"^- cmd: ")
FISH_BESIDE = re.compile(r"^ +(?:when:|paths:|- )")
TIME = re.compile(r"^#\d{9,11}$")
MOST_ENTRIES = 5000
"""Number of the last entries that are looked at."""


def entries(text: str) -> tuple[str, ...]:
    """Commands of a history, the oldest first; none for any other text, such as a script."""
    lines = [line for line in text.splitlines() if line.strip()][-MOST_ENTRIES:]
    if any(TIME.match(line) for line in lines):
        return tuple([line for line in lines if not TIME.match(line)])
    for form, beside in ((EXTENDED, None), (FISH, FISH_BESIDE), (NUMBERED, None)):
        found = _entries(lines, form, beside)
        if found:
            return found
    return ()


def _entries(lines: list[str], form: re.Pattern[str], beside: re.Pattern[str] | None) -> tuple[str, ...]:
    """Commands of lines that begin in a form; further lines belong to the command in front. None if the first has not."""
    found: list[str] = []
    for line in lines:
        begin = form.match(line)
        if begin is not None:
            found.append(line[begin.end() :])
        elif beside is not None and beside.match(line):
            continue
        elif not found:
            return ()
        else:
            found[-1] += f"\n{line}"
    return tuple(found)
