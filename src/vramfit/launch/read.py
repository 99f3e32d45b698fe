"""Values from a command line, by a program's table of flags.

A flag that is in no table is passed over and named, with the nearest that is known: a program refuses what it does not know
itself, so a word that is misspelled starts nothing, and what a newer release has added is said to be left out.
"""

from __future__ import annotations

from functools import lru_cache

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.errors import CannotTell, UsageError
from vramfit.launch import OPTIONAL, SWITCH, WORDS
from vramfit.launch.words import Word
from vramfit.similar import LONGEST as LONGEST_NAME
from vramfit.similar import close
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from vramfit.launch import Flag, Program
    from vramfit.launch.words import Process

MOST_WORDS = 1000
"""Number of words of a command that is read; those of people have some dozens."""
DEEPEST_PART = 20
"""Number of names behind one another in a part of a flag's JSON (``--flag.a.b value``)."""
MOST_UNKNOWN = 8
"""Number of unknown flags that are named; further ones are counted."""


class Spot(Record):
    """Place of a flag on a line."""

    flag: Flag
    name: str
    """Word that names it, with what stands behind ``=``."""
    value: tuple[str, ...]
    """Words behind it that are its value."""


class Scan(Record):
    """Contents of a command line, by a program's table."""

    found: dict[str, Any]
    """Value of each flag and variable by key."""
    spots: tuple[Spot, ...]
    positional: tuple[str, ...]
    """Positional word, or the flag for it and its value; empty if there is none."""
    unknown: tuple[str, ...]
    """Flags and variables that are in no table."""
    unmodelled: tuple[str, ...]


def arguments(program: Program, given: Process) -> tuple[str, ...] | None:
    """Words behind those that start ``program``; None for another program.

    A folder in front of the program, the version behind ``python`` and options of Python make no difference.
    """
    heads = _heads(program)
    if "" not in heads and not (given.words and plain(given.words[0]) in heads):
        return None  # most programs are another one by the first word, and there are some two hundred
    words = _started(given.words)
    for start in (program.words, *program.also):
        if len(words) >= len(start) and all(map(_starts, words, start)):
            return words[len(start) :]
    if program.scripts and not _flags_of(words).isdisjoint(program.own):
        for start in program.scripts:
            if len(words) >= len(start) and all(map(_starts, words, start)):
                return words[len(start) :]
    return None


@per_model
def _heads(program: Program) -> frozenset[str]:
    """First words of a program's starts; of one without words, which any command starts, the empty word."""
    return frozenset([plain(start[0]) if start else "" for start in (program.words, *program.also, *program.scripts)])


def _flags_of(words: tuple[str, ...]) -> set[str]:
    """Flags among words, with dashes for underscores."""
    return {word.partition("=")[0].replace("_", "-") for word in words if word.startswith("-")}


def _starts(word: str, start: str) -> bool:
    """Return True if a word is one that starts a program; a folder that the program's own word has must be there."""
    return plain(word) == plain(start) and ("/" not in start or word.replace("\\", "/").endswith(start))


def scan(program: Program, given: Process) -> Scan | None:
    """Read what a process says; None for another program.

    Raises ``UsageError`` for a flag without its value and for a word that belongs to none, and ``CannotTell`` for a flag
    that the table refuses.
    """
    words = arguments(program, given)
    if words is not None and len(words) > MOST_WORDS:
        raise UsageError(
            f"the command has {len(words):,} words, more than {MOST_WORDS:,}", "leave out what changes nothing"
        )
    return None if words is None else _Scanner(program, given, words).scan()


def values(program: Program, given: Process) -> dict[str, Any] | None:
    """Key and value of each flag and variable; None for another program. Raises as ``scan`` does.

    A value is text where the table has no function to read it, and of a flag given twice the last counts.
    """
    read = scan(program, given)
    return None if read is None else {key: value for key, value in read.found.items() if value is not None}


def first(program: Program, given: Iterable[Process]) -> dict[str, Any] | None:
    """Values of the first process that is ``program``; None where none is. Raises as ``values`` does."""
    for one in given:
        found = values(program, one)
        if found is not None:
            return found
    return None


def notes(program: Program, given: Process) -> tuple[str, ...]:
    """Sentences on what a process says that is not in the estimate; empty for another program."""
    read = scan(program, given)
    if read is None:
        return ()
    found = [f"{name} of {program.title} is not in the estimate" for name in dict.fromkeys(read.unmodelled)]
    known = [*program.table, *program.neutral, *program.unmodelled, *[flag.flag for flag in program.variables]]
    unknown = list(dict.fromkeys(read.unknown))
    for name in unknown[:MOST_UNKNOWN]:
        near = _near(program, name, known)
        hint = f": did you mean {' or '.join(near)}?" if near else ""
        found.append(f"{_short(name)} of {program.title} is not known, and left out of the estimate{hint}")
    if len(unknown) > MOST_UNKNOWN:
        found.append(f"{len(unknown) - MOST_UNKNOWN} more flags of {program.title} are not known")
    return tuple(found)


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
            found[flag.key] = value_of(flag, name, text)
        elif name not in passed:
            near = close(name[:LONGEST_NAME], [*table, *passed], 2)
            hint = f"did you mean {' or '.join(near)}?" if near else "leave it out if it changes nothing of the memory"
            raise UsageError(f'no {what} is called "{_short(name)}"', hint)
    return found


def value_of(flag: Flag, name: str, text: str) -> Any:
    """Value of a text; raises ``UsageError`` for one that depends on a variable that is not set."""
    unset = getattr(text, "unset", ())
    if unset:
        raise _unset(unset[0], f"and {name} depends on it")
    try:
        return str(text) if flag.read is None else flag.read(str(text))
    except RecursionError:
        raise UsageError(f"the value of {name} is nested too deeply", "write it as the program documents it") from None


@lru_cache(maxsize=4096)
def plain(word: str) -> str:
    """Word of a start without its folder and ending, and ``python`` without its version."""
    from vramfit.launch.wrappers import program_name

    name = program_name(word)
    number = name[6:].replace(".", "")
    return "python" if name == "py" or (name.startswith("python") and (number.isdecimal() or not number)) else name


def _started(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words without Python's own options in front of ``-m`` or a script."""
    if not words or plain(words[0]) != "python":
        return words
    rest = list(words[1:])
    while rest and rest[0].startswith("-") and rest[0] not in ("-m", "-c", "-"):
        if rest.pop(0) in ("-W", "-X") and rest:
            del rest[0]
    return (words[0], *rest)


def _near(program: Program, name: str, known: list[str]) -> list[str]:
    """Known flags nearest to a flag, and variables nearest to a variable by what stands behind their common beginning."""
    if name.startswith("-"):
        return close(name[:LONGEST_NAME], [one for one in known if one.startswith("-")], 2)
    own = [one.removeprefix(program.prefix) for one in known if one.startswith(program.prefix)]
    near = close(name.removeprefix(program.prefix)[:LONGEST_NAME], own, 2)
    return [program.prefix + one for one in near]


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def _unset(name: str, why: str) -> UsageError:
    shown = name if name[:1] in "$`" else f"${name}"
    if shown[:2] == "$(" or shown[:1] == "`":
        return UsageError(f"{_short(shown)} is not run here, {why}", "write what it prints in its place")
    return UsageError(f"{_short(shown)} is not set, {why}", f"write a line {_short(name)}=… in front of the command")


class _Scanner:
    """Reading of one line's words from left to right."""

    def __init__(self, program: Program, given: Process, words: tuple[str, ...]) -> None:
        self.program = program
        self.table = program.table
        self.passed = {**program.neutral, **program.unmodelled, **dict.fromkeys((*program.settings, *program.texts), 1)}
        self.by_flag = False
        """True if the positional word was stated by a flag, which a word of its own replaces."""
        self.rest = list(words)
        self.found: dict[str, Any] = {}
        self.spots: list[Spot] = []
        self.positional: tuple[str, ...] = ()
        self.loose: list[str] = []
        """Words behind unknown flags, which are their values or else the positional word."""
        self.unknown: list[str] = []
        self.unmodelled: list[str] = []
        self.dotted: dict[str, dict[str, Any]] = {}
        """Parts of flags whose value is JSON, by flag: those that are stated one by one behind dots."""
        self._variables(given.variables)

    def scan(self) -> Scan:
        """Read all words."""
        while self.rest:
            word = self.rest.pop(0)
            unset: tuple[str, ...] = getattr(word, "unset", ())
            if not word and unset:
                raise _unset(unset[0], "and the command depends on it")
            if not word.startswith("-") or word == "-" or word[1:2].isdecimal():
                self._place(word)
            elif word != "--":
                self._flag(word)
        for flag, parts in self.dotted.items():
            import json

            self.found[self.table[flag].key] = value_of(self.table[flag], flag, json.dumps(parts))
        if self.program.positional and self.program.positional not in self.found and len(self.loose) == 1:
            self._place(self.loose[0])
        return Scan(self.found, tuple(self.spots), self.positional, tuple(self.unknown), tuple(self.unmodelled))

    def _variables(self, given: Mapping[str, str]) -> None:
        """Read the environment variables that are the program's own."""
        table = {name: flag for flag in self.program.variables for name in (flag.flag, *flag.also)}
        for name, text in given.items():
            if name in table:
                self.found[table[name].key] = value_of(table[name], name, text)
                self.spots.append(Spot(table[name], name, (text,)))
            elif name in self.program.unmodelled:
                self.unmodelled.append(name)
            elif self.program.prefix and name.startswith(self.program.prefix) and name not in self.program.neutral:
                self.unknown.append(name)

    def _place(self, word: str) -> None:
        """Take a word that belongs to no flag."""
        program = self.program
        if not program.positional or (program.positional in self.found and not self.by_flag):
            raise UsageError(f'{program.title} has no place for "{_short(word)}"', "is a flag missing in front of it?")
        if getattr(word, "unset", ()):
            raise _unset(word.unset[0], f"and the {program.positional} depends on it")  # type: ignore[attr-defined]
        self.found[program.positional] = str(word)
        self.positional = (word,)
        self.by_flag = False

    def _flag(self, word: str) -> None:
        """Take a flag with its value."""
        stated, equals, inline = word.partition("=")
        name = self._name(stated, word)
        reason = self.program.refused.get(name)
        if reason is not None:
            raise CannotTell(*reason)
        flag = self.table.get(name)
        if name in self.program.named:
            value = self._one(name, word, equals, inline)
            self.found.pop(self.program.positional, None)
            self._place(value)
            self.positional = (word,) if equals else (word, value)
            self.by_flag = True
        elif flag is None and not self._part(name, inline if equals else None):
            self._pass_over(name, bool(equals))
        elif flag is not None:
            self._known(flag, name, word, inline if equals else None)

    def _name(self, stated: str, word: str) -> str:
        """Name in the tables that a flag's spelling means: underscores for dashes, or only its beginning."""
        known = (self.table, self.passed, self.program.named, self.program.refused)
        for name in (stated, stated.replace("_", "-"), "--" + stated[2:].replace("-", "_")):
            if any(name in names for names in known):
                return name
        dashes = stated.replace("_", "-")
        if self.program.shortens and dashes.startswith("--") and len(dashes) > 4:
            whole = {name for names in known for name in names if name.startswith(dashes)}
            if len(whole) == 1:
                return whole.pop()
        return stated

    def _part(self, name: str, inline: str | None) -> bool:
        """Take one part of a flag whose value is JSON, ``--flag.part value``; False for any other word."""
        base, dot, part = name.partition(".")
        flag = self.table.get(base.replace("_", "-"))
        if not dot or flag is None or flag.kind == SWITCH:
            return False
        text = inline if inline is not None else self.rest.pop(0) if self.rest else ""
        inside = self.dotted.setdefault(base.replace("_", "-"), {})
        *outer, last = part.split(".")
        if len(outer) > DEEPEST_PART:
            raise UsageError(f"the value of {base} is nested too deeply", "write it as the program documents it")
        for key in outer:
            inside = inside.setdefault(key, {})
        number = whole(text)
        inside[last] = str(text) if number is None else number
        return True

    def _known(self, flag: Flag, name: str, word: str, inline: str | None) -> None:
        """Take a flag of the table."""
        if flag.kind == SWITCH:
            if inline is not None and inline.lower() not in ("true", "false"):
                raise UsageError(f"{name} of {self.program.title} has no value", f"write {name} alone")
            off = (name in flag.off) != (inline is not None and inline.lower() == "false")
            self.found[flag.key] = False if off else flag.on
            self.spots.append(Spot(flag, word, ()))
            return
        if flag.kind == WORDS and inline is None:
            taken = []
            while self.rest and not self.rest[0].startswith("-"):
                taken.append(self.rest.pop(0))
            self.spots.append(Spot(flag, word, tuple(taken)))
            text: str = _joined(taken)
        elif flag.kind == OPTIONAL and inline is None and not self._follows():
            self.spots.append(Spot(flag, word, ()))
            text = str(flag.on)
        else:
            text = self._one(name, word, "" if inline is None else "=", inline or "")
            self.spots.append(Spot(flag, word, () if inline is not None else (text,)))
        value = value_of(flag, name, text)
        self.found[flag.key] = (*self.found.get(flag.key, ()), *value) if flag.many else value

    def _follows(self) -> bool:
        """True if the next word is a value: no flag, and no file that belongs to the program itself."""
        if not self.rest:
            return False
        word = self.rest[0]
        return not word.startswith("-") or word[1:].isdecimal()

    def _one(self, name: str, word: str, equals: str, inline: str) -> str:
        """The single value of a flag; raises ``UsageError`` where there is none."""
        if equals:
            return Word.at(inline, None, 0, 0, getattr(word, "unset", ()))
        if not self.rest:
            raise UsageError(f"{name} of {self.program.title} has no value", f"write it behind {name}")
        return self.rest.pop(0)

    def _pass_over(self, name: str, inline: bool) -> None:
        """Drop the words of a flag that changes no key."""
        follow = self.passed.get(name)
        base = name.partition(".")[0].replace("_", "-")
        if name in self.program.unmodelled or (follow is None and base in self.program.unmodelled and base != name):
            self.unmodelled.append(name)
            follow = 1 if follow is None else follow
        elif follow is None and base in self.passed and base != name:
            follow = 1
        if follow is None and name.startswith("--no-") and f"--{name[5:]}" in self.passed:
            return  # what turns off a flag of no effect has none
        if follow is None:
            self.unknown.append(name)
            if not inline and self.rest and not self.rest[0].startswith("-"):
                self.loose.append(self.rest.pop(0))
            return
        while not inline and self.rest and follow and (follow > 0 or not self.rest[0].startswith("-")):
            self.rest.pop(0)
            follow -= 1


def _joined(words: list[str]) -> Word:
    """Words with commas between, as one."""
    unset = tuple([name for word in words for name in getattr(word, "unset", ())])
    return Word.at(",".join(words), None, 0, 0, unset)
