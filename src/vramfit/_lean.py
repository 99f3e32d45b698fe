"""Lean code of a module: compiled without what only a reader or a type checker wants of the source.

Annotations of functions, docstrings but those of classes, which a schema shows, and the imports for types alone are a fifth
of what a check unpacks; columns of the positions in the source, which only the carets of a traceback need, are another
sixth. Only the groups of modules (``vramfit._groups``) have such code; the .pyc files are Python's own.
"""

from __future__ import annotations
import __future__

import ast

from vramfit._boot import state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    from vramfit._boot import Member

READS_ANNOTATIONS = "typer"
"""Name in the source of a module whose functions' annotations and docstrings are read when the program runs."""


def lean(member: Member, code: CodeType) -> CodeType:
    """Compile a member's source to lean code; its own code where the source is not what it was, or needs all of it."""
    _, _, path, state = member
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return code
    if state_of(path) != state or READS_ANNOTATIONS in text:
        return code
    tree = ast.parse(text)
    tree.body = [
        one for one in tree.body if not (isinstance(one, ast.ImportFrom) and one.module == __future__.__name__)
    ]
    if ast.get_docstring(tree, clean=False) is not None:
        del tree.body[0]
    _strip(tree.body)
    lean_code: CodeType = compile(tree, path, "exec", __future__.annotations.compiler_flag, dont_inherit=True)
    return _slim(lean_code)


def _slim(code: CodeType) -> CodeType:
    """Copy a code object, and all in it, without columns and without the name of what a function stands in."""
    constants = tuple([_slim(one) if isinstance(one, type(code)) else one for one in code.co_consts])
    slim = code.replace(co_consts=constants, co_qualname=code.co_name, co_linetable=_lines_alone(code.co_linetable))
    return slim if _lines(slim) == _lines(code) else code


def _lines(code: CodeType) -> list[int | None]:
    """Line of each pair of bytes of a code object's instructions."""
    return [line for start, end, line in code.co_lines() for _ in range(start, end, UNIT_BYTES)]


UNIT_BYTES = 2
"""Length of an instruction, and of a cache entry behind it."""
MOST_UNITS = 8
"""The most units that one entry of a table of positions covers."""
SHORT, ONE_LINE, LINE_ALONE, LONG, NO_POSITION = 9, 12, 13, 14, 15
"""Kinds of entries (python/cpython 3.11 ``Objects/locations.md``): up to 9 no line further and columns in one byte, 10 to 12
so many lines less 10 and columns in two, 13 the line alone, 14 the line, the last line and two columns, 15 nothing."""


def _lines_alone(table: bytes) -> bytes:
    """Table of positions with the lines alone: entries of the first kind that has no column, one for each run of a line.

    The format is python/cpython 3.11's to 3.14's (``Objects/locations.md``).
    """
    runs: list[tuple[int, int | None]] = []
    place = 0
    while place < len(table):
        kind, units = table[place] >> 3 & 15, (table[place] & 7) + 1
        place += 1
        delta: int | None = 0
        if kind <= SHORT:
            place += 1
        elif kind <= ONE_LINE:
            delta, place = kind - SHORT - 1, place + 2
        elif kind == NO_POSITION:
            delta = None
        else:
            number, place = _number(table, place)
            delta = -(number >> 1) if number & 1 else number >> 1
            for _ in range(3 if kind == LONG else 0):
                _, place = _number(table, place)
        goes_on = delta == 0 if runs and runs[-1][1] is not None else delta is None
        if runs and goes_on:
            runs[-1] = (runs[-1][0] + units, runs[-1][1])
        else:
            runs.append((units, delta))
    return b"".join([_entry(units, delta) for units, delta in runs])


def _number(table: bytes, place: int) -> tuple[int, int]:
    """Number of six bits a byte, the least first, and the place behind it."""
    number = shift = 0
    while True:
        byte = table[place]
        number |= (byte & 63) << shift
        place, shift = place + 1, shift + 6
        if not byte & 64:
            return number, place


def _entry(units: int, delta: int | None) -> bytes:
    """Entries for a run of units that are so many lines further than the run before; None for a run without a line."""
    entries = bytearray()
    while units:
        count = min(units, MOST_UNITS)
        units -= count
        if delta is None:
            entries.append(128 | NO_POSITION << 3 | count - 1)
            continue
        entries.append(128 | LINE_ALONE << 3 | count - 1)
        number = -delta << 1 | 1 if delta < 0 else delta << 1
        while number > 63:
            entries.append(64 | number & 63)
            number >>= 6
        entries.append(number)
        delta = 0
    return bytes(entries)


def _strip(body: list[ast.stmt]) -> None:
    """Take out of statements what nothing reads when they run; fields of classes are read, and stay.

    Only what stands in a module, a class or a function itself is looked at: a walk through every expression takes as long
    as the compilation.
    """
    for place, node in enumerate(body):
        if isinstance(node, ast.ClassDef):
            _strip(node.body)
        elif isinstance(node, ast.FunctionDef):
            _strip_function(node)
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            _strip(node.orelse)
            never = ast.Constant(False)  # the compiler leaves such a block out
            body[place] = ast.fix_missing_locations(ast.copy_location(ast.If(never, [ast.Pass()], node.orelse), node))


def _strip_function(node: ast.FunctionDef) -> None:
    """Take out the annotations and the docstring."""
    node.returns, arguments = None, node.args
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if one is not None:
            one.annotation = None
    if ast.get_docstring(node, clean=False) is not None:
        node.body[0] = ast.copy_location(ast.Pass(), node.body[0])
    _strip(node.body)
