"""Breaking a long command over lines so that what is copied still runs.

A terminal would wrap it too, but in the middle of words. Shell lines end in a backslash where they are broken; Python
is broken inside its parentheses, where a line may end freely, and between its statements.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

HANG = 4
"""Columns by which the continued lines are indented."""


def wrapped(command: str, width: int) -> list[str]:
    """Lines of ``command``, of at most ``width`` columns where its words allow; no word is ever broken."""
    lines: list[str] = []
    for line in command.splitlines():
        python = "(" in line.split(" ", 1)[0] or " = " in line
        for statement in _statements(line) if python else [line]:
            lines += _fill(list(_pieces(statement, python)), width, "" if python else " \\")
    return lines


def _fill(pieces: list[str], width: int, end: str) -> list[str]:
    lines: list[str] = []
    current = ""
    for number, piece in enumerate(pieces):
        room = width - (0 if number == len(pieces) - 1 else len(end))
        if current and len(current) + 1 + len(piece) > room:
            lines.append(current + end)
            current = " " * HANG + piece
        else:
            current = f"{current} {piece}" if current else piece
    return [*lines, current] if current else lines


def _statements(line: str) -> list[str]:
    """Python statements that ``; `` joins, outside quotes and parentheses."""
    statements, start = [], 0
    for i, depth, quoted in _scan(line):
        if line.startswith("; ", i) and depth == 0 and not quoted:
            statements.append(line[start:i])
            start = i + 2
    return [*statements, line[start:]]


def _pieces(line: str, python: bool) -> Iterator[str]:
    """Parts that may stand on a line of their own: a shell option with its value, Python up to a comma in parentheses.

    In a shell line also variables set before a command, and the lines that ``printf`` is given.
    """
    start = 0
    for i, depth, quoted in _scan(line):
        if python:
            breakable = depth > 0 and line[i - 1] == ","
        else:
            breakable = line.startswith((" -", " '") if line.startswith("printf ") else " -", i) or _sets(line[start:i])
        if line[i] == " " and breakable and not quoted:
            yield line[start:i]
            start = i + 1
    yield line[start:]


def _sets(words: str) -> bool:
    """True for ``NAME=value``, which stands before a command."""
    name, equals, _ = words.partition("=")
    return bool(equals) and name.isupper() and name.replace("_", "").isalnum()


def _scan(line: str) -> Iterator[tuple[int, int, bool]]:
    """Position of each character with its depth of parentheses and whether it is inside quotes."""
    depth, quote = 0, ""
    for i, c in enumerate(line):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        yield i, depth, bool(quote)
