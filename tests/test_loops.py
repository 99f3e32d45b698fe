"""No test checks only inside a loop that may not be entered: one that finds nothing would always pass."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CHECKS = ("raises", "warns", "fail")
"""Functions of pytest that check as an assert does."""
KEEPING = (
    "zip",
    "enumerate",
    "sorted",
    "reversed",
    "tuple",
    "list",
    "set",
    "product",
    "items",
    "values",
    "keys",
    "pairwise",
)
"""Calls that give something where what they are given is not empty (``pairwise`` where it has two)."""


def literals(body: list[ast.stmt]) -> dict[str, ast.expr]:
    """Names that statements bind once, with what they bind them to."""
    found: dict[str, ast.expr] = {}
    for node in body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
    return found


def is_entered(iterable: ast.expr, names: dict[str, ast.expr]) -> bool:
    """Whether a loop over ``iterable`` is certainly entered: written out, or made of what is."""
    if isinstance(iterable, ast.Tuple | ast.List | ast.Set):
        return any(not isinstance(item, ast.Starred) or is_entered(item.value, names) for item in iterable.elts)
    if isinstance(iterable, ast.Dict):
        return bool(iterable.keys)
    if isinstance(iterable, ast.Constant):
        return bool(iterable.value)
    if isinstance(iterable, ast.Name):
        return iterable.id in names and is_entered(names[iterable.id], {**names, iterable.id: ast.Tuple([])})
    if isinstance(iterable, ast.IfExp):
        return is_entered(iterable.body, names) and is_entered(iterable.orelse, names)
    if isinstance(iterable, ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp):
        return all(not one.ifs and is_entered(one.iter, names) for one in iterable.generators)
    if isinstance(iterable, ast.BinOp) and isinstance(iterable.op, ast.Add | ast.BitOr):
        return is_entered(iterable.left, names) or is_entered(iterable.right, names)
    if isinstance(iterable, ast.Call):
        called = iterable.func.attr if isinstance(iterable.func, ast.Attribute) else getattr(iterable.func, "id", "")
        if called == "each":
            return True
        if called == "range":
            return _range_is_entered(iterable.args)
        sources = iterable.args or ([iterable.func.value] if isinstance(iterable.func, ast.Attribute) else [])
        # Strict zips end together.
        enough = any if any(one.arg == "strict" for one in iterable.keywords) else all
        return called in KEEPING and bool(sources) and enough(is_entered(one, names) for one in sources)
    return False


def _range_is_entered(arguments: list[ast.expr]) -> bool:
    try:
        return len(range(*[ast.literal_eval(one) for one in arguments])) > 0
    except (ValueError, TypeError):
        return False


def checks(body: list[ast.stmt], names: dict[str, ast.expr], certain: bool = True) -> list[bool]:
    """For each check whether it is certainly made, as far as loops go."""
    found: list[bool] = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        inside = certain
        if isinstance(node, ast.For | ast.AsyncFor):
            inside = certain and is_entered(node.iter, names)
        elif isinstance(node, ast.While):
            inside = False
        if isinstance(node, ast.Assert) or _calls_pytest(node):
            found.append(inside)
        for field in ("body", "orelse", "finalbody"):
            found += checks(getattr(node, field, []), names, inside if field == "body" else certain)
        for handler in getattr(node, "handlers", []):
            found += checks(handler.body, names, certain)
    return found


def _calls_pytest(node: ast.stmt) -> bool:
    calls = [item.context_expr for item in node.items] if isinstance(node, ast.With) else [getattr(node, "value", None)]
    return any(
        isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in CHECKS
        for call in calls
    )


def offenders(source: str) -> list[str]:
    """Tests of a file that check something, all of it inside loops that may not be entered."""
    tree = ast.parse(source)
    constants = literals(tree.body)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            made = checks(node.body, constants | literals(node.body))
            if made and not any(made):
                found.append(f"{node.name}:{node.lineno}")
    return found


@pytest.mark.parametrize(
    ("found", "body"),
    [
        ([], "assert 1"),
        (["test_it:1"], "for x in found(): assert x"),
        (["test_it:1"], "while more(): assert 1"),
        ([], "for x in found(): assert x\n    assert x"),
        ([], "rows = found()\n    assert rows\n    for x in rows: assert x"),
        ([], "for x in (1, 2): assert x"),
        (["test_it:1"], "for x in (): assert x"),
        (["test_it:1"], "for x in (*found(),): assert x"),
        ([], "for x in (*found(), 1): assert x"),
        ([], "rows = [1]\n    for x in rows: assert x"),
        ([], "rows: list[int] = [1]\n    for x in rows: assert x"),
        ([], "for x in range(3): assert x"),
        (["test_it:1"], "for x in range(3, 3): assert x"),
        (["test_it:1"], "for x in range(n): assert x"),
        ([], "for x, y in zip([1], 'a'): assert x"),
        (["test_it:1"], "for x, y in zip([1], found()): assert x"),
        ([], "for x, y in zip([1], found(), strict=True): assert x"),
        (["test_it:1"], "for x, y in zip(seen(), found(), strict=True): assert x"),
        ([], "for x in each(found()): assert x"),
        ([], "for number, x in enumerate(each(found())): assert x"),
        ([], "for x, y in {1: 2}.items(): assert x"),
        (["test_it:1"], "for x in {}.values(): assert x"),
        ([], "for x in (1,) if found() else (2,): assert x"),
        (["test_it:1"], "for x in (1,) if found() else (): assert x"),
        ([], "for x in [y for y in (1, 2)]: assert x"),
        (["test_it:1"], "for x in [y for y in (1, 2) if y > 2]: assert x"),
        (["test_it:1"], "for x in [y for y in found()]: assert x"),
        ([], "for x in (1, 2):\n        for y in (3, 4): assert x"),
        (["test_it:1"], "for x in (1, 2):\n        for y in found(): assert x"),
        (["test_it:1"], "for x in found():\n        if x: assert x"),
        (["test_it:1"], "for x in found():\n        with pytest.raises(E): f(x)"),
        ([], "with pytest.raises(E): f()"),
        (["test_it:1"], "for x in found():\n        pass\n    def inner():\n        assert 1\n    for y in inner(): assert y"),
        ([], "call()"),
    ],
)  # fmt: skip
def test_the_reader_of_loops(found: list[str], body: str) -> None:
    assert offenders(f"def test_it():\n    {body}\n") == found


def test_every_test_checks_outside_a_loop_or_in_one_that_is_entered() -> None:
    """``tests.each`` is for loops over what is found: there must be something."""
    files = sorted(TESTS.rglob("test_*.py"))
    found = [
        f"{file.relative_to(TESTS)}: {one}" for file in files for one in offenders(file.read_text(encoding="utf-8"))
    ]

    assert len(files) > 100
    assert found == []
