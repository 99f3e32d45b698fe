"""Values of a Python script: what its text states, what it does not, and calls with their arguments."""

from __future__ import annotations

import ast

from vramfit._record import Record
from vramfit.errors import UsageError
from vramfit.launch.words import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST = 2**40
"""Largest operand of arithmetic."""
LONGEST = 2**16
"""Number of characters of a value written out; a larger one (rows of data) counts as unknown. Values that hold one another
would else grow with a power of the script's lines."""
LONGEST_SHOWN = 40
"""Number of characters of an unknown expression that a message shows."""


class Call(Record):
    """Call of a function or class."""

    name: str
    """Name with its module, ``vllm.LLM``; a method of a value has a dot in front, ``.generate``. A comment behind code is a
    call of ``#`` with its ``text``."""
    arguments: tuple[object, ...]
    keywords: dict[str, object]

    def value(self, name: str, place: int = -1) -> object:
        """Argument of a name, or at a place; None if neither is given."""
        if name in self.keywords:
            return self.keywords[name]
        return self.arguments[place] if 0 <= place < len(self.arguments) else None

    @property
    def last(self) -> str:
        """Name without module and class."""
        return self.name.rpartition(".")[2]


class Reference(str):
    """Name of something of a module, such as ``torch.bfloat16``."""

    __slots__ = ()


def is_unknown(value: object) -> bool:
    """True for a value that the script's text does not state."""
    return isinstance(value, Word) and bool(value.unset)


def stated_name(value: object, what: str = "model") -> str:
    """Name of what a script loads; raises ``UsageError`` where its text does not state one."""
    if is_unknown(value) or not isinstance(value, str):
        raise UsageError(f"the script does not state the {what} that it loads", "give -m MODEL")
    return str(value)


def options(words: Iterable[str]) -> dict[str, object]:
    """Values of flags behind a script by their names: text, numbers and truths; a flag without a value is true."""
    found: dict[str, object] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            name = name.replace("-", "_")
            found[name] = literal(value) if equals else True
            name = "" if equals else name
        elif name:
            found[name] = literal(word) if found[name] is True else f"{found[name]} {word}"
    return found


def literal(text: str) -> object:
    """Number or truth that a text is; else the text."""
    if text in ("True", "False", "true", "false"):
        return text.lower() == "true"
    try:
        return int(text) if len(text) < 20 else text
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def is_open(value: object) -> bool:
    """True for a value whose truth the text does not state: an unknown one, or what a call returns."""
    return is_unknown(value) or isinstance(value, Call)


def unknown(node: ast.expr) -> Word:
    """Word that stands for an expression of unknown value."""
    shown = " ".join(ast.unparse(node).split())
    shown = shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
    return Word.at("", None, 0, 0, (f"`{shown}`",))


def arithmetic(node: ast.BinOp, left: object, right: object) -> object:
    """Value of arithmetic with numbers, or of texts one behind another; unknown for anything else."""
    if isinstance(node.op, ast.Add) and isinstance(left, str) and isinstance(right, str):
        known = not is_unknown(left) and not is_unknown(right) and len(left) + len(right) <= LONGEST
        return left + right if known else unknown(node)
    if not isinstance(left, int | float) or not isinstance(right, int | float) or max(abs(left), abs(right)) > LARGEST:
        return unknown(node)
    if isinstance(node.op, ast.Add | ast.Sub):
        return left + right if isinstance(node.op, ast.Add) else left - right
    if isinstance(node.op, ast.Mult):
        return left * right
    if isinstance(node.op, ast.Pow) and 0 <= right <= 64 and abs(left) <= 1024:
        return left**right
    if isinstance(node.op, ast.Div | ast.FloorDiv) and right:
        return left / right if isinstance(node.op, ast.Div) else left // right
    return unknown(node)
