"""Lean code of a module: compiled without what only a reader or a type checker wants of the source.

Annotations of functions, docstrings but those of classes, which a schema shows, and the imports for types alone are a fifth
of what a check unpacks; lines and columns of the positions in the source, which only a traceback needs, are a quarter. A
command with ``VRAMFIT_DEBUG`` set, which shows a traceback, runs no lean code. Only the groups of modules
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
    """Copy a code object, and all in it, without positions and without the name of what a function stands in."""
    constants = tuple([_slim(one) if isinstance(one, type(code)) else one for one in code.co_consts])
    return code.replace(co_consts=constants, co_qualname=code.co_name, co_linetable=b"")


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
