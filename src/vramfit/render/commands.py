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
INLINE = "python -c '"
"""Beginning of a shell line that has a program of Python in quotes, where a backslash joins Python's lines."""
_CONTINUED = " \\"
"""End of a line that the next one continues, in a shell and in Python."""


def wrapped(command: str, width: int) -> list[str]:
    """Lines of ``command``, of at most ``width`` columns where its words allow; no word is ever broken."""
    inline = _inline(command, width)
    if inline is not None:
        return inline
    lines: list[str] = []
    for line in command.splitlines():
        python = "(" in line.split(" ", 1)[0] or " = " in line
        for statement in _statements(line) if python else [line]:
            lines += _fill(list(_pieces(statement, python)), width, "" if python else _CONTINUED, python)
    return lines


def _inline(command: str, width: int) -> list[str] | None:
    """Lines of ``python -c '…'``, the program within the quotes broken as Python; None for any other command, or a short one."""
    begun, quote, program = command.partition(INLINE)
    if begun or not quote or not program.endswith("'") or "'" in program[:-1] or len(command) <= width:
        return None
    first, *others = [f"{one}; " for one in _statements(program[:-1])]
    lines: list[str] = []
    for text in (INLINE + first, *[" " * HANG + one for one in others]):
        lines += _fill(list(_pieces(text.rstrip(), True)), width - len(_CONTINUED), "", True)
        lines[-1] += _CONTINUED
    lines[-1] = f"{lines[-1].removesuffix(f';{_CONTINUED}')}'"
    return lines


def _fill(pieces: list[str], width: int, end: str, python: bool) -> list[str]:
    """Lines of pieces, each with ``end`` where the next one follows; a piece that is too long is broken once more."""
    lines: list[str] = []
    current = ""
    for number, piece in enumerate(pieces):
        room = width - (0 if number == len(pieces) - 1 else len(end))
        if current and len(current) + 1 + len(piece) > room:
            lines.append(current + end)
            current = " " * HANG + piece
        else:
            current = f"{current} {piece}" if current else piece
        if len(current) > room:
            *whole, current = _broken(current, room, python)
            lines += whole
    return [*lines, current] if current else lines


def _broken(line: str, width: int, python: bool) -> list[str]:
    """Lines of a piece that is too long: broken behind an opening parenthesis, at a space, or not at all."""
    found = []
    indent = " " * (HANG if line.startswith(" ") else 0)
    places = list(_places(line, python))
    start = 0
    while len(indent) * (start > 0) + len(line) - start > width and places:
        within = [(at, end) for at, end in places if len(indent) * (start > 0) + at - start + len(end) <= width]
        at, end = within[-1] if within else places[0]
        found.append((indent + line[start:at].strip() if start else line[:at].rstrip()) + end)
        start = at
        places = [place for place in places if place[0] > at]
        indent = " " * HANG
    return [*found, (indent if start else "") + line[start:].lstrip()]


def _places(line: str, python: bool) -> Iterator[tuple[int, str]]:
    """Positions at which a piece may be broken if it must, with what the broken line ends in."""
    begun = False
    for i, depth, quoted in _scan(line):
        if quoted:
            continue
        if begun and line[i] == " " and line[i - 1] != " ":
            comment = line.startswith("  #", i)
            yield i, "" if comment or (python and depth) else _CONTINUED
            if comment:
                return
        elif python and line[i] == "(":
            yield i + 1, ""
        begun = begun or line[i] != " "


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
            flag = line.startswith(" -", i) and not line.startswith(" - ", i)  # a dash alone is a value
            breakable = flag or (line.startswith("printf ") and line.startswith(" '", i)) or _sets(line[start:i])
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
