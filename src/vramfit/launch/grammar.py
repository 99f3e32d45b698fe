"""Reading of shell text from left to right: commands, their words, redirections and here-documents.

The grammar is that of POSIX.1-2024, "Shell Command Language", with Bash's arrays; what would run a program (``$(…)``,
backquotes) is unknown, like a variable that is not set. Nothing is run, and no file is opened.
"""

from __future__ import annotations

import re

from vramfit._record import replace
from vramfit.errors import UsageError
from vramfit.launch.expansion import Expander, Piece
from vramfit.launch.words import Process, Source, Word, assigned, assignment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_PROCESSES = 500
"""Number of programs that a command may start: scripts of people have some dozens, and each is compared with every known one."""
ENDS = ";&|()\n"
"""Characters that end a command."""
BLANKS = " \t\r"
PLAIN = re.compile(r"""[^ \t\r\n;&|()<>'"\\`$^]+""")
"""Characters of a word that mean themselves."""
ARGUMENTS = ("$@", "${@}", "$*", "${*}")
"""Words that stand for the arguments of a script."""
PROMPTS = ("$", "#", "%", "❯", "➜")
"""Last characters of prompts."""
SETTERS = ("export", "declare", "typeset", "readonly", "local", "set")
"""Commands that set variables; ``set`` is that of Windows."""


def _split(pieces: list[Piece]) -> list[str]:
    """Words that pieces make: those that a shell splits are so at their blanks, others belong to the word they touch."""
    parts: list[list[str]] = [[]]
    fresh = False
    for piece in pieces:
        if not piece.splits:
            if fresh:
                parts.append([])
            parts[-1].append(piece.text)
            fresh = False
            continue
        for number, part in enumerate(piece.text.split()):
            if number or fresh or (piece.text[:1].isspace() and any(parts[-1])):
                parts.append([])
            parts[-1].append(part)
            fresh = False
        fresh = piece.text[-1:].isspace()
    return ["".join(part) for part in parts]


def _is_prompt(word: str) -> bool:
    """True for the end of a prompt, as terminals show one in front of a command: ``$``, ``user@host:~$``, ``root@id:/#``."""
    return word[-1:] in PROMPTS and not set(word[:-1]) & set("=<>$")


def few(processes: int) -> None:
    """Raise ``UsageError`` for more processes than a script of people has."""
    if processes > MOST_PROCESSES:
        raise UsageError(
            f"the command starts more than {MOST_PROCESSES:,} programs", "give the one that starts the server"
        )


class Reader(Expander):
    """Reading of the commands in a text, with the variables that it has set so far."""

    def __init__(self, source: Source, variables: Mapping[str, str]) -> None:
        super().__init__(source, variables)
        self.exported: dict[str, str] = {}
        self.found: list[Process] = []
        self.words: list[Word] = []
        self.output: str | None = None
        self.input: str | None = None
        self.into = ""
        self.waiting: list[tuple[str, bool, bool]] = []
        """Here-documents whose text begins on the next line: their ends, and whether tabs go and variables are read."""

    def read(self) -> list[Process]:
        """Read the whole text."""
        self._begin()
        while self.place < len(self.text):
            letter = self.text[self.place]
            if letter in BLANKS or self._continues():
                self.place += 1 if letter in BLANKS else self._continues()
            elif letter == "#":
                self._skip_line()
            elif letter in ENDS:
                self._end(letter)
            elif letter in "<>":
                self._redirect()
            else:
                self._word()
        self._finish()
        self.spent.texts -= 1
        return self.found

    def _continues(self) -> int:
        """Number of characters of a line's continuation here: a backslash, or ``^`` or a backquote of Windows; else 0."""
        if self.text[self.place] not in "\\^`":
            return 0
        for end in ("\n", "\r\n"):
            if self.text.startswith(end, self.place + 1):
                return 1 + len(end)
        return 0

    def _skip_line(self) -> None:
        end = self.text.find("\n", self.place)
        self.place = len(self.text) if end < 0 else end

    def _end(self, letter: str) -> None:
        """End a command at ``;``, a pipe, a bracket or a line's end; behind a line's end stand its here-documents."""
        if letter == "&" and self.text.startswith("&>", self.place):
            self.place += 1
            return
        self.place += 1
        if letter == "\n" and self.waiting:
            waiting, self.waiting = self.waiting, []
            for document in waiting:
                self._document(*document)
        self._finish()

    def _document(self, end: str, tabs: bool, reads: bool) -> None:
        """Take the here-document that begins here as the command's input."""
        lines = []
        while True:
            if self.place >= len(self.text):
                raise UsageError(
                    f"cannot read the command: the here-document has no end {end}", "end it with that line"
                )
            newline = self.text.find("\n", self.place)
            line = self.text[self.place : newline if newline >= 0 else len(self.text)]
            self.place += len(line) + (newline >= 0)
            line = line.rstrip("\r").lstrip("\t") if tabs else line.rstrip("\r")
            if line == end:
                break
            lines.append(line)
        text = "\n".join(lines) + "\n" if lines else ""
        self.input = self._within(text).expanded() if reads else text

    def _within(self, text: str) -> Reader:
        """Reader of a text inside of this one, with its variables."""
        return Reader(Source(text, None, self.spent), self.known)

    def _redirect(self) -> None:
        """Read a redirection with the word behind it."""
        begin = self.place
        while self.place < len(self.text) and self.text[self.place] in "<>&|-" and self.place - begin < 3:
            self.place += 1
            if self.text[begin : self.place] in (">&", "<&", "<<-", "<<<", ">|"):
                break
        sign = self.text[begin : self.place].rstrip("-") if "<<" not in self.text[begin : self.place] else ""
        sign = sign or self.text[begin : self.place]
        if self.words and self.words[-1].isdecimal() and self.words[-1].end == begin:
            del self.words[-1]
            sign = "2" + sign
        while self.place < len(self.text) and self.text[self.place] in BLANKS:
            self.place += 1
        if self.place < len(self.text) and self.text[self.place] == "(":
            self._balanced()
            return
        start, before = self.place, len(self.words)
        if self.place < len(self.text) and self.text[self.place] not in ENDS + "<>":
            self._word()
        target = "".join(self.words[before:])
        del self.words[before:]
        if sign in ("<<", "<<-"):
            quoted = self.text[start : start + 1] in "'\"\\"
            self.waiting.append((target, sign == "<<-", not quoted))
        elif sign == "<<<":
            self.input = target
        elif sign in (">", ">>", ">|"):
            self.output = target

    def _word(self) -> None:
        """Read one word, which may become several where an unquoted variable has blanks in it."""
        start = self.place
        pieces: list[Piece] = []
        unset: list[str] = []
        quoted = False
        while self.place < len(self.text):
            letter = self.text[self.place]
            if letter in BLANKS + ENDS + "<>" or self._continues():
                if letter == "(" and self._array(start):
                    return
                break
            if letter == "'":
                pieces.append(Piece(self._until("'")))
                quoted = True
            elif letter == '"':
                pieces += self._double(unset)
                quoted = True
            elif letter == "\\":
                pieces.append(Piece(self._escaped(start)))
            elif letter == "`":
                self._until("`")
                unset.append("`…`")
            elif letter == "$":
                pieces += self._dollar(False, unset)
            else:
                plain = PLAIN.match(self.text, self.place)
                pieces.append(Piece(letter if plain is None else plain[0]))
                self.place += len(pieces[-1].text)
        self._add(start, pieces, tuple(unset), quoted)

    def _add(self, start: int, pieces: list[Piece], unset: tuple[str, ...], quoted: bool) -> None:
        """Add the word of these pieces, or the words that they split into."""
        text = "".join([piece.text for piece in pieces])
        if not text and self.text[start : self.place].strip('"') in ARGUMENTS:
            return  # what a script is called with, which is nothing here
        whole = Word.at(text, self.source, start, self.place, unset)
        if assignment(text) is not None or not any(piece.splits for piece in pieces):
            if text or quoted or unset:
                self.words.append(whole)
            return
        parts = [part for part in _split(pieces) if part or quoted]
        if len(parts) == 1:
            self.words.append(Word.at(parts[0], self.source, start, self.place, unset))
        else:
            for part in parts:
                word = Word.at(part, self.source, start, self.place, unset)
                word.whole = False
                self.words.append(word)

    def _array(self, start: int) -> bool:
        """Read ``NAME=(words)`` or ``NAME+=(words)`` whose bracket is here; False for any other word."""
        name, equals, rest = self.text[start : self.place].partition("=")
        more = name.endswith("+")
        if not equals or rest or not name.removesuffix("+").isidentifier():
            return False
        begin = self.place
        self._balanced()
        within = self._within(self.text[begin + 1 : self.place - 1].replace("\n", " "))
        within.arrays = self.arrays
        found = within.read()
        listed = [text for one in found for text in (*[f"{k}={v}" for k, v in one.variables.items()], *one.words)]
        name = name.removesuffix("+")
        self.arrays[name] = [*(self.arrays.get(name, []) if more else []), *listed]
        return True

    def _finish(self) -> None:
        """End the command, if one has begun: it sets variables, or is a process."""
        words, output, given = self.words, self.output, self.input
        self.words, self.output = [], None
        if not words or self.waiting:
            self.words, self.output = words, output
            return
        self.input = None
        while len(words) > 1 and _is_prompt(words[0]):
            del words[0]
        made = assigned(words)
        if words[0].startswith("$env:"):
            name, _, value = "".join(words).removeprefix("$env:").partition("=")
            self.exported[name.strip()] = self.known[name.strip()] = value
        elif not made.words:
            self.known.update(made.variables)
            self.exported.update({name: text for name, text in made.variables.items() if name in self.exported})
        elif made.words[0] in SETTERS:
            pairs = dict([pair for word in made.words[1:] if (pair := assignment(word)) is not None])
            self.known.update(pairs)
            self.exported.update(pairs)
            names = [word for word in made.words[1:] if word in self.known]
            self.exported.update({name: self.known[name] for name in names})
        else:
            variables = {**self.exported, **made.variables}
            self.found.append(replace(made, variables=variables, output=output, input=given))
            self.spent.processes += 1
            few(self.spent.processes)
