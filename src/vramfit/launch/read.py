"""Values from a command line, by a program's table of flags.

What changes the memory must be understood, so a flag that is neither in the table nor known to be neutral is an error.
"""

from __future__ import annotations

import difflib

from vramfit.errors import UsageError
from vramfit.launch import SWITCH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from vramfit.launch import Flag, Program
    from vramfit.launch.words import Process

def arguments(program: Program, given: Process) -> tuple[str, ...] | None:
    """Words behind those that start ``program``; None for another program.

    A folder in front of the program and the version behind ``python`` make no difference.
    """
    for start in (program.words, *program.also):
        if tuple(map(_plain, given.words[: len(start)])) == tuple(map(_plain, start)):
            return given.words[len(start) :]
    return None


def values(program: Program, given: Process) -> dict[str, Any] | None:
    """Key and value of each flag and variable; None for another program.

    A value is text where the table has no function to read it, and of a flag given twice the last counts. Raises
    ``UsageError`` for an unknown flag and for one without its value.
    """
    words = arguments(program, given)
    if words is None:
        return None
    found = _variables(program, given.variables)
    table = {name: flag for flag in program.flags for name in (flag.flag, *flag.also, *flag.off)}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            if not program.positional or program.positional in found:
                raise UsageError(f'{program.title} has no place for "{word}"', "is a flag missing in front of it?")
            found[program.positional] = word
            continue
        name, equals, inline = word.partition("=") if word.startswith("--") else (word, "", "")
        name = name if name in table or name in program.neutral else name.replace("_", "-")
        flag = table.get(name)
        if flag is None:
            _pass_over(program, name, rest, bool(equals), [*table, *program.neutral])
        elif flag.kind == SWITCH:
            if equals:
                raise UsageError(f"{name} of {program.title} has no value", f"write {name} alone")
            found[flag.key] = False if name in flag.off else flag.on
        else:
            if not equals and not rest:
                raise UsageError(f"{name} of {program.title} has no value", f"write it behind {name}")
            value = _value(flag, inline if equals else rest.pop(0))
            found[flag.key] = (*found.get(flag.key, ()), *value) if flag.many else value
    return {key: value for key, value in found.items() if value is not None}


def first(program: Program, given: Iterable[Process]) -> dict[str, Any] | None:
    """Values of the first process that is ``program``; None where none is. Raises as ``values`` does."""
    for one in given:
        found = values(program, one)
        if found is not None:
            return found
    return None


def pairs(flags: Iterable[Flag], given: Iterable[tuple[str, str]], neutral: Iterable[str], what: str) -> dict[str, Any]:
    """Key and value of each variable or parameter; raises ``UsageError`` for one that is not known.

    ``what`` is what messages call one.
    """
    table = {name: flag for flag in flags for name in (flag.flag, *flag.also)}
    passed = tuple(neutral)
    found = {}
    for name, text in given:
        flag = table.get(name)
        if flag is not None:
            found[flag.key] = _value(flag, text)
        elif name not in passed:
            raise _unknown(f'no {what} is called "{name}"', name, [*table, *passed])
    return found


def _variables(program: Program, given: dict[str, str]) -> dict[str, Any]:
    """Values of the environment variables that are the program's own."""
    known = {flag.flag for flag in program.variables}
    own = [(n, text) for n, text in given.items() if n in known or (program.prefix and n.startswith(program.prefix))]
    return pairs(program.variables, own, program.neutral, f"variable of {program.title}")


def _value(flag: Flag, text: str) -> Any:
    return text if flag.read is None else flag.read(text)


def _pass_over(program: Program, name: str, rest: list[str], inline: bool, known: list[str]) -> None:
    """Drop the words of a neutral flag from the front of ``rest``; raises ``UsageError`` for any other flag."""
    follow = program.neutral.get(name)
    if follow is None:
        raise _unknown(f"{name} of {program.title} is not known here", name, known)
    if inline:
        return
    while rest and follow and (follow > 0 or not rest[0].startswith("-")):
        rest.pop(0)
        follow -= 1


def _unknown(message: str, name: str, known: list[str]) -> UsageError:
    near = difflib.get_close_matches(name, known, 2)
    hint = f"did you mean {' or '.join(near)}?" if near else "leave it out if it changes nothing of the memory"
    return UsageError(message, hint)


def _plain(word: str) -> str:
    """Word of a start without its folder, and ``python`` without its version."""
    name = word.rsplit("/", 1)[-1]
    return "python" if name.startswith("python") and name[6:].replace(".", "").isdigit() else name
