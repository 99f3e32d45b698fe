"""Words of commands with the places that they stand in, and the processes that they make.

A word remembers where it was read, so that a changed flag can be put back into the user's own command (``launch.edit``).
"""

from __future__ import annotations

from vramfit._record import Record, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.launch.code import Call


class Spent:
    """Work that a command has made so far, all of the texts inside of it together, since variables multiply."""

    def __init__(self) -> None:
        self.characters = 0
        """Number of characters that were read or put in for variables."""
        self.processes = 0
        self.texts = 0
        """Number of texts that are being read, each inside of another."""


class Source:
    """Text that words stand in: a user's own, or the value of a word that a shell is started with."""

    def __init__(self, text: str, parent: Word | None = None, spent: Spent | None = None) -> None:
        self.text = text
        self.parent = parent
        """Word whose value the text is; None for the user's own text."""
        self.spent: Spent = spent or (
            parent.source.spent if parent is not None and parent.source is not None else Spent()
        )


class Word(str):
    """Word of a command, with the place that it was read from."""

    source: Source | None = None
    start = 0
    """Number of the first character in the source's text."""
    end = 0
    """Number behind the last character."""
    unset: tuple[str, ...] = ()
    """Names of variables in it that are not set, and what stands for programs' output."""
    whole = True
    """False if the place has further words, as a variable's that a shell splits."""
    name = ""
    """Beginning of the word at its place that is not of this value: ``NAME=`` of a quoted assignment."""

    @classmethod
    def at(cls, text: str, source: Source | None, start: int, end: int, unset: tuple[str, ...] = ()) -> Word:
        """Make a word of a place; without a source it is not to be edited."""
        word = cls(text)
        word.source, word.start, word.end, word.unset = source, start, end, unset
        return word


class Process(Record):
    """Program as a shell would start it."""

    variables: dict[str, str]
    """Environment variables that are set for it."""
    words: tuple[str, ...]
    """Program and its arguments; only the arguments if ``image`` has an entry point."""
    output: str | None = None
    """File that its output goes to; None for none."""
    image: str | None = None
    """Container image that it runs in; if the words do not start a program that is known, the image's own is meant."""
    gpus: str | None = None
    """GPUs that its container gets: ``all``, a number, or their numbers or names behind ``device=``; None if not said."""
    mounts: tuple[tuple[str, str], ...] = ()
    """Folders of the machine, each with its place in the container."""
    files: tuple[str, ...] = ()
    """Files with further environment variables of it."""
    input: str | None = None
    """Here-document that it reads; None for none."""
    calls: tuple[Call, ...] = ()
    """Calls of the Python script that it is; none for another program, and for a script that is not at hand."""
    begin: str = ""
    """Word that the whole command begins with, an assignment or the outermost program; empty if it is not known."""

    def __eq__(self, other: object) -> bool:
        """Compare what is started, wherever it was read."""
        if type(other) is not type(self):
            return NotImplemented
        names = [name for name in fields(Process) if name != "begin"]
        return [getattr(self, name) for name in names] == [getattr(other, name) for name in names]

    __hash__ = Record.__hash__


def assigned(words: Sequence[str]) -> Process:
    """Make a process of words, whose leading assignments are its variables."""
    rest, begin = list(words), words[0] if words else ""
    variables: dict[str, str] = {}
    while rest and (pair := assignment(rest[0])) is not None:
        variables[pair[0]] = pair[1]
        del rest[0]
    return Process(variables, tuple(rest), begin=begin)


def assignment(word: str) -> tuple[str, Word] | None:
    """Name and value of ``NAME=value``; None for any other word."""
    name, equals, value = word.partition("=")
    if not equals or not name.isidentifier():
        return None
    if not isinstance(word, Word):
        return name, Word(value)
    found = Word.at(value, word.source, word.start, word.end, word.unset)
    found.whole = word.whole
    if word.source is not None and word.source.text.startswith(f"{name}=", word.start):
        found.start += len(name) + 1
    else:
        found.name = f"{name}="
    return name, found


def references(word: str) -> tuple[str, ...]:
    """Names behind each ``$`` of a word that no shell expanded."""
    found = []
    for part in word.split("$")[1:]:
        name = part[1:].partition("}")[0] if part.startswith("{") else name_in(part)
        name = name_in(name)
        if name:
            found.append(name)
    return tuple(found)


def name_in(text: str, start: int = 0) -> str:
    """Name at a place of a text, its beginning unless another is given; empty if none stands there."""
    end = start
    while end < len(text) and (text[end] == "_" or (text[end].isascii() and text[end].isalnum())):
        end += 1
    return text[start:end] if text[start : start + 1].isalpha() or text[start : start + 1] == "_" else ""
