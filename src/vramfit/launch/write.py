"""Writing of a command line from values, by a program's table of flags, and quoting for a POSIX shell."""

from __future__ import annotations

from vramfit.launch import SWITCH, WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from vramfit.launch import Flag, Program

SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")
"""Characters a POSIX shell takes literally (``shlex.quote``'s set; shlex imports re)."""


def words(program: Program, values: Mapping[str, object]) -> list[str]:
    """Words of the program, its positional word, and each flag whose key has a value, in the table's order.

    A value None, and False of a switch, leave the flag out. Raises ``KeyError`` where the positional word is missing.
    """
    found = [*program.words]
    if program.positional:
        found.append(str(values[program.positional]))
    for flag in program.flags:
        value = None if flag.key and flag.key == program.positional else values.get(flag.key)
        if flag.kind == SWITCH:
            if value == flag.on:
                found.append(flag.flag)
        elif value is not None:
            text = flag.spell(value)
            found += [flag.flag, *(text.split(",") if flag.kind == WORDS else [text])]
    return found


def pairs(flags: Iterable[Flag], values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Name and text of each variable or parameter whose key has a value."""
    for flag in flags:
        value = values.get(flag.key)
        if value is not None:
            yield flag.flag, flag.spell(value)


def quote(word: str) -> str:
    """Quote ``word`` where a shell would change it."""
    return word if word and SAFE.issuperset(word) else "'" + word.replace("'", "'\"'\"'") + "'"


def line(words: Iterable[str]) -> str:
    """One shell line of ``words``."""
    return " ".join([quote(word) for word in words])
