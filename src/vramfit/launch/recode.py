"""A user's Python script with the arguments of the call that loads a model changed, and nothing else touched."""

from __future__ import annotations

import ast

from vramfit.launch.code import literal
from vramfit.launch.read import scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.launch import Program
    from vramfit.launch.words import Process


def recoded(program: Program, text: str, before: Process, after: Process) -> str | None:
    """Script whose call has the arguments that make ``after`` of ``before``, both written with the program's flags.

    None where the script has not one such call, or where arguments are not called like the program's flags.
    """
    old, new = scan(program, before), scan(program, after)
    found = list(_calls(program, text)) if program.call_words is None and old and new else []
    if len(found) != 1 or old is None or new is None:
        return None
    call, first = found[0]
    stated = {spot.flag.flag: _value(spot.value, spot.name) for spot in new.spots}
    known = {spot.flag.flag: _value(spot.value, spot.name) for spot in old.spots}
    wanted = {_argument(flag): stated.get(flag) for flag in {**known, **stated} if stated.get(flag) != known.get(flag)}
    if new.positional != old.positional:
        wanted[first] = new.positional[-1]
    lines = [0]
    for one in text.encode().splitlines(keepends=True):
        lines.append(lines[-1] + len(one))
    return _changed(text.encode(), lines, call, first, wanted)


def _calls(program: Program, text: str) -> Iterator[tuple[ast.Call, str]]:
    """Calls of a script that start the program, each with the name of its first argument."""
    names = {name.rpartition(".")[2]: first for name, first in program.calls.items()}
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in names and (not names[name] or node.args or names[name] in [one.arg for one in node.keywords]):
                yield node, names[name]


def _changed(text: bytes, lines: list[int], call: ast.Call, first: str, wanted: dict[str, str | None]) -> str | None:
    """Text with arguments of a call replaced, added or taken away (None)."""
    edits: list[tuple[int, int, str]] = []
    keywords = {one.arg: one.value for one in call.keywords}
    if None in keywords or any(isinstance(one, ast.Starred) for one in call.args):
        return None  # arguments that stand elsewhere
    added = []
    for name, value in wanted.items():
        node = keywords.get(name) or (call.args[0] if name == first and call.args else None)
        if node is not None and value is not None:
            edits.append((*_span(node, lines), _literal(value)))
        elif node is not None:
            edits.append((*_span(node, lines), "None"))
        elif value is not None:
            added.append(f"{name}={_literal(value)}")
    if added:
        nodes = [*call.args, *keywords.values()]
        end = max([_span(node, lines)[1] for node in nodes], default=_span(call, lines)[1] - 1)
        edits.append((end, end, ("" if not nodes else ", ") + ", ".join(added)))
    for start, end, fresh in sorted(edits, reverse=True):
        text = text[:start] + fresh.encode() + text[end:]
    return text.decode()


def _span(node: ast.expr, lines: list[int]) -> tuple[int, int]:
    """Numbers of the first byte of an expression and of the one behind it."""
    end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
    return lines[node.lineno - 1] + node.col_offset, lines[end_line - 1] + end


def _value(value: tuple[str, ...], name: str) -> str:
    """Text of a flag's value; of a switch that it is on."""
    return str(value[0]) if value else name.partition("=")[2] or "True"


def _argument(flag: str) -> str:
    """Name of the argument of a flag."""
    return flag.lstrip("-").replace("-", "_")


def _literal(text: str) -> str:
    """Text of a value in a script; JSON is a mapping there too."""
    return text if text.startswith("{") else repr(literal(text))
