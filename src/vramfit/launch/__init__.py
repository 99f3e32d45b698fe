"""Launch commands in both directions: records that an engine declares its command lines with.

``write`` makes words of values and quotes them, ``read`` makes values of words. No engine is named here: each has its
tables of flags in its own folder.
"""

from __future__ import annotations

from vramfit._record import Record, once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

SWITCH = "switch"
"""Kind of a flag that has no value of its own."""
VALUE = "value"
"""Kind of a flag whose value follows, or stands behind ``=``."""
OPTIONAL = "optional"
"""Kind of a flag that may stand without its value, and then stands for ``on``."""
WORDS = "words"
"""Kind of a flag whose value is every word up to the next flag, with commas between."""


class Flag(Record):
    """One flag, environment variable or parameter of a program, and the key it stands for."""

    flag: str
    """Spelling used in written commands."""
    key: str
    """Deployment key, or a name of the engine's own for what several flags say together."""
    also: tuple[str, ...] = ()
    """Other spellings that are read."""
    kind: str = VALUE
    spell: Callable[[Any], str] = str
    """Function giving the text of a value."""
    read: Callable[[str], Any] | None = None
    """Function giving the value of a text, None for a word that leaves the choice to the program; None where text is
    the value."""
    on: object = True
    """Value that a switch stands for, and text of an optional value that is left out."""
    off: tuple[str, ...] = ()
    """Flags that negate a switch."""
    many: bool = False
    """True if the flag may be repeated: its values are tuples, and follow one another."""
    of_model: str = ""
    """Deployment key that the program takes from the model where the flag is absent; empty for any other flag."""
    part_of: str = ""
    """Key of another flag whose value states this too: where that one changes, this one goes. Empty for any other flag."""


class Program(Record):
    """Program, identified by the words it is started with."""

    words: tuple[str, ...]
    """Words that start it in written commands: ``("vllm", "serve")``."""
    flags: tuple[Flag, ...] = ()
    """Flags in the order in which they are written."""
    also: tuple[tuple[str, ...], ...] = ()
    """Other words that start it."""
    positional: str = ""
    """Key of the word that belongs to no flag; empty where there is none."""
    variables: tuple[Flag, ...] = ()
    """Environment variables."""
    prefix: str = ""
    """Prefix of the program's own environment variables; an unknown name with it is refused."""
    neutral: Mapping[str, int] = {}
    """Flags and variables that do not affect memory, with the number of words after each: -1 for all up to a flag."""
    unmodelled: Mapping[str, int] = {}
    """Flags and variables that may change the memory in a way that is not in the estimate, like ``neutral``."""
    refused: Mapping[str, tuple[str, str]] = {}
    """Flags that change the memory so much that no answer is right without them: the reason, and what to do."""
    named: tuple[str, ...] = ()
    """Flags that state the positional word instead."""
    shortens: bool = False
    """True if the beginning of a flag stands for it where no other begins like it (Python's ``argparse``)."""
    settings: tuple[str, ...] = ()
    """Flags whose value is a file of settings, in YAML or JSON."""
    settings_words: Callable[[Mapping[str, Any]], list[str]] | None = None
    """Function giving the words of such a file; None where it has flags without their dashes."""
    settings_win: bool = False
    """True if the file counts for more than the line."""
    texts: tuple[str, ...] = ()
    """Flags whose value is a text file that the engine reads itself, and the name of the file where none is stated."""
    documents: tuple[str, ...] = ()
    """Flags whose value is a file with all settings, every one of which is stated; empty text for a word of no flag."""
    document_values: tuple[str, ...] = ()
    """Names of flags whose value may be a file of YAML or JSON, which then stands for its contents."""
    assigns: bool = False
    """True if words ``name=value`` are flags without their dashes, and ``~name`` takes one away."""
    dotted: bool = False
    """True if a mapping in such a file of settings is many flags with dots in their names."""
    launches: tuple[str, ...] = ()
    """Flags behind which a launcher has a module instead of a script; empty for a program that is no launcher."""
    counts: tuple[tuple[str, ...], ...] = ()
    """Spellings of each flag or variable whose numbers are multiplied to that of its processes, one for each GPU; without
    the first of them it is not stated."""
    images: tuple[str, ...] = ()
    """Container images whose entry point the program is: the end of a repository's name, and behind a colon how the tag
    begins (``ggml-org/llama.cpp:server``)."""
    releases: tuple[str, ...] = ()
    """Images, as in ``images``, whose tags begin with the release of the program."""
    calls: Mapping[str, str] = {}
    """Classes and functions of Python whose arguments are its flags, each with the name of its first argument."""
    call_words: Callable[[Mapping[str, Any]], list[str]] | None = None
    """Function giving the words of such arguments; None where they are called like the flags."""
    call_flags: tuple[str, ...] = ()
    """Words in front of those of a call, which state what the program takes otherwise there."""
    scripts: tuple[tuple[str, ...], ...] = ()
    """Words that start it where one of ``own`` is a flag: its script has a name that others have too."""
    own: tuple[str, ...] = ()
    """Flags that no other program with such a script has."""

    @property
    def title(self) -> str:
        """Name of the program in messages."""
        return " ".join(self.words)

    @once
    def table(self) -> Mapping[str, Flag]:
        """Flag by each of its spellings."""
        return {name: flag for flag in self.flags for name in (flag.flag, *flag.also, *flag.off)}


def neutral(switches: str, values: str, many: str = "") -> dict[str, int]:
    """Make a table of neutral flags from space-separated names: without a value, with one, and with any number."""
    table = {**dict.fromkeys(switches.split(), 0), **dict.fromkeys(values.split(), 1)}
    return {**table, **dict.fromkeys(many.split(), -1)}


def runs(pattern: str, image: str) -> bool:
    """Return True if a pattern of ``Program.images`` means an image, whichever registry it comes from."""
    name, _, beginning = pattern.partition(":")
    repository, _, _ = image.partition("@")
    path, colon, tag = repository.rpartition(":")
    path, tag = (path, tag) if colon and "/" not in tag else (repository, "")
    return (path == name or path.endswith(f"/{name}")) and tag.startswith(beginning)
