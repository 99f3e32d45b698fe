"""Mutants: every place cosmic-ray's operators find in a module, less what has no behaviour, and a seeded draw of them."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    Position = tuple[int, int]
    """Line from 1 and column from 0, in characters."""

ROOMS = ("src/vramfit/engines", "src/vramfit/memory")
"""Folders mutants are drawn from, from the root of the repository."""

SKIPPED = ("RemoveDecorator",)
"""Operators whose mutants mean nothing here: decorators make records and caches, and both are the same without."""


@dataclass(frozen=True, order=True)
class Mutant:
    """One change of one module."""

    module: str
    """Path from the root of the repository."""
    start: Position
    end: Position
    operator: str
    """Operator of cosmic-ray, without its provider: ``NumberReplacer``."""
    occurrence: int
    """Which of the operator's places in the module."""

    @property
    def group(self) -> tuple[str, Position, str]:
        """What one mutant is drawn of: a place and a kind of operator, however many variants that has."""
        return self.module, self.start, self.operator.partition("_")[0]

    @property
    def label(self) -> str:
        """``src/vramfit/memory/weights.py:31 NumberReplacer``."""
        return f"{self.module}:{self.start[0]} {self.operator}"

    def apply(self, source: str) -> str:
        """The module's source with the change made."""
        from cosmic_ray.mutating import mutate_code
        from cosmic_ray.plugins import get_operator

        mutated = mutate_code(source, get_operator(f"core/{self.operator}")(), self.occurrence)
        if mutated is None:
            raise ValueError(f"{self.label} changes nothing")
        return str(mutated)


def modules(root: Path, pattern: str = "") -> list[Path]:
    """Files of the rooms in a stable order, those whose path contains ``pattern``."""
    files = sorted(file for room in ROOMS for file in (root / room).rglob("*.py"))
    return [file for file in files if pattern in file.relative_to(root).as_posix()]


def mutants(file: Path, root: Path) -> Iterator[Mutant]:
    """Every mutant of a module that could behave otherwise."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    source = file.read_text(encoding="utf-8")
    without = list(spans_without_behaviour(source))
    nodes = list(ast_nodes(get_ast(source)))
    for name in sorted(operator_names()):
        kind = get_operator(name)
        short = name.rpartition("/")[2]
        if kind.arguments() or short in SKIPPED:
            continue
        operator = kind()
        places = (place for node in nodes for place in operator.mutation_positions(node))
        for occurrence, (start, end) in enumerate(places):
            if not any(first <= start and end <= last for first, last in without):
                yield Mutant(file.relative_to(root).as_posix(), start, end, short, occurrence)


def draw(found: Iterable[Mutant], seed: int, count: int) -> list[Mutant]:
    """``count`` mutants, at most one of each ``group``; all groups where there are fewer.

    Each has a rank of its own, so that a module that changes leaves what is drawn of the others nearly as it was.
    """

    def rank(one: object) -> str:
        return sha256(f"{seed} {one}".encode()).hexdigest()

    groups: dict[object, list[Mutant]] = {}
    for one in found:
        groups.setdefault(one.group, []).append(one)
    drawn = sorted(groups, key=rank)[:count]
    return sorted(min(groups[group], key=lambda one: rank((one.operator, one.occurrence, group))) for group in drawn)


def spans_without_behaviour(source: str) -> Iterator[tuple[Position, Position]]:
    """Places whose change nobody could notice.

    They are annotations, the types that a base class is generic in, blocks for the type checker, and words of messages.
    """
    lines = source.splitlines()

    def position(line: int, byte: int) -> Position:
        return line, len(lines[line - 1].encode()[:byte].decode())

    for node in _without_behaviour(ast.parse(source)):
        assert isinstance(node, ast.expr | ast.stmt | ast.arg)
        last = node.end_lineno, node.end_col_offset
        assert last[0] is not None
        assert last[1] is not None
        yield position(node.lineno, node.col_offset), position(last[0], last[1])


def _without_behaviour(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            yield node.annotation
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            yield node.returns
        elif isinstance(node, ast.ClassDef):
            yield from (base.slice for base in node.bases if isinstance(base, ast.Subscript))
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield node.test
            yield from node.body
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TYPE_CHECKING":
            yield node


def function_at(source: str, line: int) -> str:
    """Dotted name of the innermost function or class around a line; empty at the top of the module."""
    inside = []
    for node in ast.walk(ast.parse(source)):
        named = isinstance(node, ast.FunctionDef | ast.ClassDef)
        if named and node.lineno <= line <= (node.end_lineno or node.lineno):  # type: ignore[attr-defined]
            inside.append((node.lineno, node.name))  # type: ignore[attr-defined]
    return ".".join(name for _, name in sorted(inside))


def changed_lines(before: str, after: str) -> tuple[str, str]:
    """What stands before and after in the lines that differ, without indentation."""
    changes = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[:2] in ("- ", "+ ")]
    sides = (" ".join(line[2:].strip() for line in changes if line[0] == sign) for sign in "-+")
    return next(sides), next(sides)
