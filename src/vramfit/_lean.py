"""Lean code of a module: compiled without what only a reader or a type checker wants of the source.

Annotations of functions, docstrings but those of classes, which a schema shows, and the imports for types alone are a fifth
of what a check unpacks; lines and columns of the positions in the source, which only a traceback needs, are a quarter, so that
all of a function is in its first line. A command with ``VRAMFIT_DEBUG`` set, which shows a traceback, runs no lean code. Only
the groups of modules
(``vramfit._groups``) have such code; the .pyc files are Python's own.
"""

from __future__ import annotations
import __future__

import ast

from vramfit._boot import state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    from vramfit._boot import Member

READ_WHOLE = ("typer", "pydantic")
"""Names in the source of a module whose annotations, docstrings and positions are read when the program runs: pydantic finds
the texts of a class's fields by the line on which the class begins."""


def lean(member: Member, code: CodeType) -> CodeType:
    """Compile a member's source to lean code; its own code where the source is not what it was, or needs all of it."""
    _, _, path, state = member
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return code
    if state_of(path) != state or any(name in text for name in READ_WHOLE):
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
    """Copy a code object, and all in it, with one line for all of it and without the name of what a function stands in."""
    constants = tuple([_slim(one) if isinstance(one, type(code)) else one for one in code.co_consts])
    lines = _one_line(len(code.co_code) // UNIT_BYTES)
    return code.replace(co_consts=constants, co_qualname=code.co_name, co_linetable=lines)


UNIT_BYTES = 2
"""Length of an instruction, and of a cache entry behind it."""
MOST_UNITS = 8
"""The most units that one entry of a table of positions covers."""
SAME_LINE = 0b1_1101_000
"""First byte of an entry for one unit (python/cpython 3.11 to 3.14, ``Objects/locations.md``, kind 13): a line without columns,
and behind it how many lines further it is."""


def _one_line(units: int) -> bytes:
    """Table of positions in which so many units are in the first line; tables of one length are equal, and written once.

    Libraries reckon with the line of who calls them, so that there must be one.
    """
    whole, rest = divmod(units, MOST_UNITS)
    return bytes([SAME_LINE | MOST_UNITS - 1, 0]) * whole + (bytes([SAME_LINE | rest - 1, 0]) if rest else b"")


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
