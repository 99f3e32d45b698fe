"""Source text with the numbers of a loaded module put in: how a fit is written down."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

WIDTH = 120


def rewritten(text: str, module: ModuleType) -> str:
    """The text of a module with every literal whose value has changed since it was loaded; all else stays.

    Looked at are assigned constants and records, and defaults of classes; names inside of them stay names.
    """
    edits = [edit for node in ast.parse(text).body for edit in _edits_of_statement(node, module)]
    lines = text.splitlines(keepends=True)
    for node, value in reversed(edits):
        assert node.end_lineno is not None
        first, last = lines[node.lineno - 1], lines[node.end_lineno - 1]
        indent = len(first) - len(first.lstrip())
        literal = written(value, indent, node.col_offset)
        lines[node.lineno - 1 : node.end_lineno] = [first[: node.col_offset] + literal + last[node.end_col_offset :]]
    return "".join(lines)


def _edits_of_statement(node: ast.stmt, live: Any) -> Iterator[tuple[ast.expr, Any]]:
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        yield from _edits(node.value, getattr(live, node.targets[0].id))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        yield from _edits(node.value, getattr(live, node.target.id))
    elif isinstance(node, ast.ClassDef):
        for inside in node.body:
            yield from _edits_of_statement(inside, getattr(live, node.name))


def _edits(node: ast.expr, live: Any) -> Iterator[tuple[ast.expr, Any]]:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                yield from _edits(keyword.value, getattr(live, str(keyword.arg)))
        elif isinstance(node, ast.Dict):
            for key, inside in zip(node.keys, node.values, strict=True):
                assert isinstance(key, ast.Constant)
                yield from _edits(inside, live[key.value])
    else:
        if value != live or (isinstance(live, dict) and list(value) != list(live)):
            yield node, live


def written(value: Any, indent: int, column: int) -> str:
    """A number, string, tuple or table as a literal: in one line where it and a comma fit, else in several.

    It begins at ``column``, in a line with ``indent`` spaces before it.
    """
    if isinstance(value, str):
        return f'"{value}"'
    if not isinstance(value, dict | tuple):
        return repr(value)
    opening, closing = "{}" if isinstance(value, dict) else "()"
    inside = indent + 4
    if isinstance(value, dict):
        words = [f'"{key}": {written(each, inside, inside + len(key) + 4)}' for key, each in value.items()]
    else:
        words = [written(each, inside, inside) for each in value]
    short = f"{opening}{', '.join(words)}{',' if isinstance(value, tuple) and len(value) == 1 else ''}{closing}"
    if "\n" not in short and column + len(short) + 1 <= WIDTH:
        return short
    lines: list[str] = []
    for word in words:
        if lines and "\n" not in lines[-1] and len(lines[-1]) + len(word) + 2 <= WIDTH - 2:
            lines[-1] += f" {word},"
        else:
            lines.append(f"{' ' * inside}{word},")
    return "\n".join([opening, *lines, " " * indent + closing])
