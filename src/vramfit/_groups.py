"""Writer of the groups of modules that ``vramfit._finder`` loads at once.

Loaded only by a command that had to find modules one by one, after its answer is out. The file is the user's own, in a
folder that is made for the user alone.

A group holds *lean* code, compiled from the sources without what only a reader or a type checker wants of them:
annotations and docstrings of functions, and the imports for types alone. They are a sixth of what a check unpacks.
"""

from __future__ import annotations
import __future__

import ast
from marshal import dumps

from vramfit._finder import GROUPS_MAGIC, INDEX_LENGTH_BYTES, MOST_INDEX_BYTES, CompiledFinder, state_of
from vramfit.catalogue.files import write_atomically

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    from vramfit._finder import Member

READS_ANNOTATIONS = "typer"
"""Name in the source of a module whose functions' annotations and docstrings are read when the program runs."""

MOST_GROUPS = 400
"""Number of groups beyond which none is added, more than the package has modules, so that the file cannot grow for ever."""


def write(finder: CompiledFinder) -> bool:
    """Add a group for each module that a function loaded and no group holds; tell whether the file was written.

    Groups that are there stay, but for those whose sources changed, which the finder has dropped. A file that cannot be
    written is no error: the next command finds its modules one by one again.
    """
    if finder.path is None:
        return False
    bodies: dict[str, list[tuple[Member, CodeType]]] = {}
    for outermost, member, code in finder.alone:
        if outermost not in finder.places:
            bodies.setdefault(outermost, []).append((member, code))
    # A module that failed was never finished, so what it had loaded until then is no group.
    new = {name: body for name, body in bodies.items() if body[-1][0][0] == name}
    if not new or len(new) + len(finder.places) > MOST_GROUPS:
        return False
    try:
        groups = {name: finder.data(name) for name in finder.places}
    except OSError:
        groups = {}
    for name, body in new.items():
        members, codes = zip(*body, strict=True)
        groups[name] = dumps(
            (members, tuple([lean(member, code) for member, code in zip(members, codes, strict=True)]))
        )
    return _replace(finder.path, groups)


def _replace(path: str, groups: dict[str, bytes]) -> bool:
    """Write the file anew beside the old one, and put it in its place."""
    places, offset = {}, 0
    for name, data in groups.items():
        places[name] = (offset, len(data))
        offset += len(data)
    index = dumps(places)
    head = GROUPS_MAGIC + len(index).to_bytes(INDEX_LENGTH_BYTES, "little") + index
    if len(head) > MOST_INDEX_BYTES:
        return False
    return write_atomically(path, b"".join((head, *groups.values())))


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
    tree = _Lean().visit(ast.parse(text))
    return compile(
        ast.fix_missing_locations(tree), path, "exec", __future__.annotations.compiler_flag, dont_inherit=True
    )


class _Lean(ast.NodeTransformer):
    """Takes out of a module what nothing reads when it runs; fields of classes are read, and stay."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Take out the annotations and the docstring."""
        self.generic_visit(node)
        node.returns = None
        arguments = node.args
        for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
            if one is not None:
                one.annotation = None
        if ast.get_docstring(node, clean=False) is not None:
            node.body[:1] = [ast.copy_location(ast.Pass(), node.body[0])]
        return node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """Leave of a block for the type checker what stands there for the run: its ``else``."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse or ast.copy_location(ast.Pass(), node)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """Take out the import of the future, which is a flag of the compilation."""
        return None if node.module == __future__.__name__ else node
