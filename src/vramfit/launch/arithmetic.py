"""Arithmetic of a shell, ``$((2 * N))``: whole numbers, variables, ``+ - * / %`` and brackets (POSIX.1-2024, 2.6.4)."""

from __future__ import annotations

from vramfit.launch.words import name_in
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 2**63
"""Numbers are below it, as those of a shell."""
LONGEST = 200
"""Number of characters of arithmetic that is read."""
PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2}


def value(text: str, known: Mapping[str, str]) -> int | None:
    """Value of an expression; None for one with anything else in it, or a variable that is no number."""
    tokens = _tokens(text, known) if len(text) <= LONGEST else None
    if not tokens:
        return None
    found = _sum(tokens, 1)
    return found if not tokens else None


def _tokens(text: str, known: Mapping[str, str]) -> list[str] | None:
    """Numbers and signs of an expression, variables replaced; None for anything else."""
    found = []
    place = 0
    while place < len(text):
        letter = text[place]
        plain = text[place:].removeprefix("$").removeprefix("{")
        name = name_in(plain)
        if letter.isspace():
            place += 1
        elif name:
            braced = text[place : place + 2] == "${"
            number = known.get(name, "").strip()
            if not number.isdecimal():
                return None
            found.append(number)
            place = len(text) - len(plain) + len(name) + braced
        elif letter.isdecimal():
            end = place
            while end < len(text) and text[end].isdecimal():
                end += 1
            found.append(text[place:end])
            place = end
        elif letter in "+-*/%()":
            found.append(letter)
            place += 1
        else:
            return None
    return found


def _sum(tokens: list[str], least: int) -> int | None:
    """Value of what stands in front, as far as its signs bind at least so tightly; its tokens are taken off."""
    left = _one(tokens)
    while left is not None and tokens and PRECEDENCE.get(tokens[0], 0) >= least:
        sign = tokens.pop(0)
        right = _sum(tokens, PRECEDENCE[sign] + 1)
        left = None if right is None else _applied(sign, left, right)
    return left


def _one(tokens: list[str]) -> int | None:
    """Value of a number, or of what stands in brackets."""
    first = tokens.pop(0) if tokens else ""
    if first == "(":
        inside = _sum(tokens, 1)
        return inside if tokens and tokens.pop(0) == ")" else None
    return whole(first)


def _applied(sign: str, left: int, right: int) -> int | None:
    """Value of one operation; None for a number that is too large, and for a division by nothing."""
    if sign in "/%":
        return None if not right else left // right if sign == "/" else left % right
    found = left + right if sign == "+" else left - right if sign == "-" else left * right
    return found if 0 <= found < LARGEST else None
