"""Flags of engines' own programs on a command line of ours: switches that stand for a key, and what changes no memory.

Looked at only where a command line has flags that are no declared option.
"""

from __future__ import annotations

from vramfit.cli.options import options, spellings
from vramfit.engines import engine, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def translated(arguments: Sequence[str]) -> list[str]:
    """Arguments of a command with engines' switches put into flags of keys, and their neutral flags left out.

    A flag that is an option of the command itself stays what it is, and so does what no engine has.
    """
    declared = {flag for key in options(arguments[0]) for flag in spellings(key)}
    switches: dict[str, tuple[str, ...]] = {}
    neutral: dict[str, int] = {}
    for name in reversed(names()):
        switches.update(engine(name).switches)
        neutral.update(engine(name).neutral_flags())
    found = [arguments[0]]
    rest = list(arguments[1:])
    while rest:
        word = rest.pop(0)
        flag, inline, _ = word.partition("=") if word.startswith("--") else (word, "", "")
        if word in switches and word not in declared:
            found += switches[word]
        elif flag in neutral and flag not in declared and word.startswith("-"):
            del rest[: 0 if inline else neutral[flag]]
        else:
            found.append(word)
    return found
