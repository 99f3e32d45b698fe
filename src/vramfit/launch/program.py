"""The records that a command line is declared with: a program, and its flags."""

from __future__ import annotations

from vramfit._record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

SWITCH = "switch"
"""Kind of a flag that has no value of its own."""
VALUE = "value"
"""Kind of a flag whose value follows, or stands behind ``=``."""


@record
class Flag:
    """One flag, environment variable or parameter of a program, and the key it stands for."""

    flag: str
    """As commands are written with it."""
    key: str
    """A deployment key, or a name of the engine's own for what several flags say together."""
    also: tuple[str, ...] = ()
    """Other spellings that are read."""
    kind: str = VALUE
    spell: Callable[[Any], str] = str
    """Text of a value."""
    read: Callable[[str], Any] | None = None
    """Value of a text, None for a word that leaves the choice to the program; None where the text is the value."""
    on: object = True
    """What a switch stands for."""
    off: tuple[str, ...] = ()
    """Flags that say the opposite of a switch."""


@record
class Program:
    """A program, by the words it is started with."""

    words: tuple[str, ...]
    """As commands are written: ``("vllm", "serve")``."""
    flags: tuple[Flag, ...] = ()
    """In the order in which they are written."""
    also: tuple[tuple[str, ...], ...] = ()
    """Other words that start it."""
    positional: str = ""
    """Key of the word that belongs to no flag; empty where there is none."""
    variables: tuple[Flag, ...] = ()
    """Environment variables."""
    prefix: str = ""
    """How the names of the program's own environment variables begin; a name like it that is not known is refused."""
    neutral: Mapping[str, int] = {}
    """Flags and variables that change nothing of the memory, and how many words follow each: -1 is all up to a flag."""

    @property
    def title(self) -> str:
        """The program as messages name it."""
        return " ".join(self.words)


def neutral(switches: str, values: str, many: str = "") -> dict[str, int]:
    """The table of neutral flags from lists with spaces between: without a value, with one, and with any number."""
    table = {**dict.fromkeys(switches.split(), 0), **dict.fromkeys(values.split(), 1)}
    return {**table, **dict.fromkeys(many.split(), -1)}
