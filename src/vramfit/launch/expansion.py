"""Expansion of shell text: variables with what to use where they are not set, quotes, and programs' output, which is unknown.

The grammar is that of POSIX.1-2024, "Shell Command Language", 2.2 and 2.6, with Bash's arrays. Nothing is run, and no file is
opened.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.errors import UsageError
from vramfit.launch import arithmetic
from vramfit.launch.words import Source, name_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_READ = 2**18
"""Number of characters that are read of a command, those that its variables stand for and the texts inside of it too."""
DEEPEST_TEXT = 20
"""Number of texts inside of one another: lists in brackets, values where a variable is not set."""
PLACES = {"HOME": "~", "PWD": "."}
"""Variables that every shell has, and how their folders are written without knowing them."""


class Piece(Record):
    """Part of a word: text, and whether a shell would split it at blanks."""

    text: str
    splits: bool = False


class Expander:
    """Reading of one text from left to right, with the variables that are set."""

    def __init__(self, source: Source, variables: Mapping[str, str]) -> None:
        self.source = source
        self.text = source.text
        self.spent = source.spent
        self.place = 0
        self.known: dict[str, str] = dict(variables)
        self.arrays: dict[str, list[str]] = {}

    def expanded(self) -> str:
        """Text with its variables replaced, like a here-document's."""
        pieces = []
        self._begin()
        while self.place < len(self.text):
            if self.text[self.place] == "$":
                pieces += [piece.text for piece in self._dollar(True, [])]
            else:
                pieces.append(self.text[self.place])
                self.place += 1
        self.spent.texts -= 1
        return "".join(pieces)

    def _begin(self) -> None:
        """Count the text and what it stands in."""
        self.spent.texts += 1
        if self.spent.texts > DEEPEST_TEXT:
            raise UsageError(
                f"the command has more than {DEEPEST_TEXT} texts inside of one another", "write them apart"
            )
        self._spend(len(self.text))

    def _spend(self, characters: int) -> None:
        """Count characters that are read; raises ``UsageError`` for more than a command's."""
        self.spent.characters += characters
        if self.spent.characters > MOST_READ:
            raise UsageError(
                f"the command has more than {MOST_READ:,} characters with what its variables stand for",
                "give the lines that start it",
            )

    def _balanced(self) -> None:
        """Skip from an opening bracket to behind the closing one."""
        depth = 0
        while self.place < len(self.text):
            letter = self.text[self.place]
            self.place += 1
            depth += (letter == "(") - (letter == ")")
            if letter in "'\"":
                end = self.text.find(letter, self.place)
                self.place = len(self.text) if end < 0 else end + 1
            if not depth:
                return
        raise UsageError("cannot read the command: a bracket is not closed", "close every bracket")

    def _until(self, quote: str) -> str:
        """Text between the quote here and the next, behind which reading goes on."""
        end = self.text.find(quote, self.place + 1)
        if end < 0:
            raise UsageError("cannot read the command: no closing quotation", "close every quote")
        text = self.text[self.place + 1 : end]
        self.place = end + 1
        return text

    def _escaped(self, start: int) -> str:
        """Character behind a backslash; both in the path of a Windows file."""
        path = self.text[start + 1 : start + 3] == ":\\" or self.text.startswith(".\\", start)
        letter = self.text[self.place + 1 : self.place + 2]
        self.place += 1 + len(letter)
        return "\\" + letter if path and (letter.isalnum() or letter in "._-") else letter

    def _double(self, unset: list[str]) -> list[Piece]:
        """Pieces between double quotes."""
        pieces: list[Piece] = []
        self.place += 1
        while self.place < len(self.text):
            letter = self.text[self.place]
            if letter == '"':
                self.place += 1
                return pieces
            if letter == "\\":
                behind = self.text[self.place + 1 : self.place + 2]
                self.place += 2
                pieces.append(Piece("" if behind == "\n" else behind if behind in '$`"\\' else letter + behind))
            elif letter == "`":
                self._until("`")
                unset.append("`…`")
            elif letter == "$":
                pieces += self._dollar(True, unset)
            else:
                pieces.append(Piece(letter))
                self.place += 1
        raise UsageError("cannot read the command: no closing quotation", "close every quote")

    def _dollar(self, quoted: bool, unset: list[str]) -> list[Piece]:
        """Pieces of what begins with a dollar: a variable, quoted text with escapes, or a program's output."""
        behind = self.text[self.place + 1 : self.place + 2]
        if behind == "'" and not quoted:
            self.place += 1
            return [Piece(self._until("'").replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\"))]
        if behind == "(":
            begin = self.place
            self.place += 1
            self._balanced()
            inside = self.text[begin : self.place]
            if inside == "$(pwd)":
                return [Piece(PLACES["PWD"])]
            if inside.startswith("$((") and (number := arithmetic.value(inside[3:-2], self.known)) is not None:
                return [Piece(str(number))]
            unset.append(self.text[begin : self.place][:40])
            return []
        if behind == "{":
            end = self.text.find("}", self.place)
            if end < 0:
                raise UsageError("cannot read the command: ${ is not closed", "close every bracket")
            inside = self.text[self.place + 2 : end]
            self.place = end + 1
            return self._parameter(inside, quoted, unset)
        name = name_in(self.text, self.place + 1)
        if not name and behind and behind in "@*#?$!0123456789":
            self.place += 2
            if behind.isdecimal() and behind != "0":
                unset.append(behind)
            return []
        if not name or self.text.startswith("env:", self.place + 1):
            self.place += 1
            return [Piece("$")]
        self.place += 1 + len(name)
        return self._parameter(name, quoted, unset)

    def _parameter(self, inside: str, quoted: bool, unset: list[str]) -> list[Piece]:
        """Pieces of a variable, which count like text that is read, by what stands between its braces."""
        pieces = self._pieces(inside, quoted, unset)
        self._spend(sum([len(piece.text) for piece in pieces]))
        return pieces

    def _pieces(self, inside: str, quoted: bool, unset: list[str]) -> list[Piece]:
        """Pieces of a variable by what stands between its braces: its name, and what to use where it is not set."""
        name = name_in(inside)
        rest = inside[len(name) :]
        if rest in ("[@]", "[*]"):
            found = []
            for number, one in enumerate(self.arrays.get(name, ())):
                found += [Piece(" ", True)] if number else []
                found.append(Piece(one))
            return [Piece("", True), *found]
        value = self.known.get(name, PLACES.get(name))
        sign = rest.lstrip(":")[:1]
        if value is None or (not value and rest.startswith(":")):
            if sign in ("-", "=") and rest:
                default = rest.lstrip(":")[1:]
                text = Expander(Source(default.strip("\"'"), None, self.spent), self.known).expanded()
                return [Piece(text, not quoted)]
            if sign == "+":
                return []
            if value is None:
                unset.append(name or inside)
                return []
        elif sign == "+":
            return [Piece(rest.lstrip(":")[1:], not quoted)]
        unset += getattr(value, "unset", ())
        return [Piece(value, not quoted)]
