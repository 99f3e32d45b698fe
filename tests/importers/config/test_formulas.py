"""Formulas over configuration fields: every form of the notation, and what they refuse."""

from __future__ import annotations

import pytest

from vramfit.importers.config.formulas import MissingField, evaluate, holds, parse

FIELDS = {
    "hidden": 8, "heads": 3, "share": 1.5, "flag": True, "kinds": ["full", "sliding"], "table": {"a": 5, "1": 6},
    "text.width": 7, "pattern": "M*",
}  # fmt: skip


def value(formula: str, layer: int | None = None) -> object:
    return evaluate(parse(formula), lambda name, _layer: FIELDS.get(name), layer)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("hidden * heads + 1", 25),
        ("hidden // heads", 2),
        ("hidden % heads", 2),
        ("hidden - heads", 5),
        ("hidden / 2", 4.0),
        ("2 ** heads", 8),
        ("-heads", -3),
        ("int(share * heads)", 4),
        ("max(hidden, heads, 9)", 9),
        ("ceil(hidden / heads)", 3),
        ("text.width", 7),
        ("table['a']", 5),
        ("table[1]", 6),
        ("table['none']", None),
        ("pattern[1]", "*"),
        ("['x'] * 2 + ['y']", ["x", "x", "y"]),
        ("1 if missing is None else 2", 1),
        ("list(range(1, 6, 2))", [1, 3, 5]),
        ("len(kinds)", 2),
        ("numbers('3,4,12')", [3, 4, 12]),
        ("numbers('')", []),
        ("numbers([1, 2])", [1, 2]),
        ("count(kinds, 'full', 0)", 0),
        ("count(kinds, 'full', 1)", 1),
        ("count(kinds, 'full', 2)", 1),
        ("count(['x'] * 5, 'x', 4)", 4),
    ],
)
def test_values(formula: str, expected: object) -> None:
    assert value(formula) == expected


@pytest.mark.parametrize(
    ("formula", "layer", "expected"),
    [
        ("kinds[i] == 'full'", 0, True),
        ("kinds[i] != 'full'", 0, False),
        ("i in [1, 2]", 1, True),
        ("i not in [1, 2]", 1, False),
        ("i >= 2 and flag", 1, False),
        ("i >= 2 or flag", 1, True),
        ("not flag", None, False),
        ("missing is None", None, True),
        ("missing is not None", None, False),
        ("missing > 3 or flag", None, True),
        ("missing > 3 and not flag", None, False),
    ],
)
def test_conditions(formula: str, layer: int | None, expected: bool) -> None:
    assert holds(parse(formula), lambda name, _layer: FIELDS.get(name), layer) is expected


@pytest.mark.parametrize(
    ("formula", "field"),
    [
        ("missing * 2", "missing"),
        ("missing > 3", "missing"),
        ("missing > 3 and flag", "missing"),
        ("i + 1", "i"),
        ("kinds[2]", "kinds[2]"),
    ],
)
def test_a_missing_field_is_named(formula: str, field: str) -> None:
    with pytest.raises(MissingField) as caught:
        value(formula)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "formula", ["kinds * hidden * 1000000", "'a' * 3", "2 ** 1000", "kinds + 1", "open('x')", "hidden / 0"]
)
def test_what_is_no_number_is_refused(formula: str) -> None:
    with pytest.raises((TypeError, ValueError, KeyError, ZeroDivisionError)):
        value(formula)
