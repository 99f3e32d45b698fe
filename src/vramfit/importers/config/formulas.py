"""Formulas over the fields of a configuration, the notation of shapes, counts and conditions in
``data/model_classes.json``.

The notation is that of Python's expressions, which the constructors of the model classes use. Names are fields
(``vision_config.hidden_size``), ``i`` is the number of the layer and ``x[i]`` its entry of a list. The operators ``+ -
* / // % **``, comparisons, ``and or not``, ``in``, ``is None`` and a few functions have their meaning in Python;
``count(x, word, i)`` is the number of entries before ``i`` that equal ``word``. Nothing else is evaluated, because a
formula is data.
"""

from __future__ import annotations

import ast
import math
import operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Lookup = Callable[[str, int | None], Any]
    """Function from a field's dotted name and the number of the layer to the field's value; None for a field that is
    not stated."""

_OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv, ast.Mod: operator.mod,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.In: lambda one, many: one in many, ast.NotIn: lambda one, many: one not in many,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "int": int, "round": round, "ceil": math.ceil, "floor": math.floor, "max": max, "min": min, "sum": sum, "len": len,
    "list": list, "range": lambda *bounds: list(range(*bounds))[:MOST_LAYERS],
    "count": lambda many, one, end: list(many)[:end].count(one),
    "numbers": lambda text: [int(word) for word in (text.split(",") if isinstance(text, str) else text) if word != ""],
}  # fmt: skip
MOST_LAYERS = 10_000
"""Largest number of layers that is read. A file with more is at fault."""
_LARGEST_POWER = 64
"""Largest exponent that is computed. No width of a model needs more, and a hostile file gets no number of a billion
digits."""


class MissingField(Exception):
    """Error for a formula that needs a field which neither the file nor the class defaults state."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def parse(formula: str) -> ast.expr:
    """Parse a formula into its syntax tree; raises ``SyntaxError`` for text that is no formula."""
    return ast.parse(formula, mode="eval").body


def evaluate(node: ast.expr, fields: Lookup, layer: int | None = None) -> Any:
    """Evaluate a formula for one layer, or outside of layers if ``layer`` is None.

    Raises:
        MissingField: A needed field has no value.
        TypeError, ValueError, ZeroDivisionError, OverflowError: The file's values mean nothing to the formula.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name | ast.Attribute):
        return _field(node, fields, layer)
    if isinstance(node, ast.BinOp):
        return _calculated(node, fields, layer)
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.Not):
            return not evaluate(node.operand, fields, layer)
        return -_needed(node.operand, fields, layer)
    if isinstance(node, ast.BoolOp):
        return _connected(node, fields, layer)
    if isinstance(node, ast.Compare):
        return _compared(node, fields, layer)
    if isinstance(node, ast.Subscript):
        return _entry(node, fields, layer)
    if isinstance(node, ast.IfExp):
        return evaluate(node.body if evaluate(node.test, fields, layer) else node.orelse, fields, layer)
    if isinstance(node, ast.List):
        return [evaluate(entry, fields, layer) for entry in node.elts]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _FUNCTIONS[node.func.id](*[_needed(argument, fields, layer) for argument in node.args])
    raise TypeError(f"not a formula: {ast.unparse(node)}")


def written(node: ast.expr) -> str:
    """Return a formula in its notation, for messages."""
    return ast.unparse(node)


def holds(node: ast.expr, fields: Lookup, layer: int | None = None) -> bool:
    """Return True if a condition holds. Raises ``MissingField`` if a field that decides it is not stated."""
    return bool(evaluate(node, fields, layer))


def _field(node: ast.Name | ast.Attribute, fields: Lookup, layer: int | None) -> Any:
    name = ast.unparse(node)
    if name == "i":
        if layer is None:
            raise MissingField("i")
        return layer
    return fields(name, layer)


def _calculated(node: ast.BinOp, fields: Lookup, layer: int | None) -> Any:
    """Compute a number from two numbers. Lists can be repeated and joined, which configuration classes do for kinds of
    layers."""
    left, right = _needed(node.left, fields, layer), _needed(node.right, fields, layer)
    if isinstance(left, list):
        if isinstance(node.op, ast.Add) and isinstance(right, list):
            return left + right
        if isinstance(node.op, ast.Mult) and isinstance(right, int) and len(left) * right <= MOST_LAYERS:
            return left * right
        raise TypeError(f"not a formula of numbers: {ast.unparse(node)}")
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        raise TypeError(f"not numbers: {ast.unparse(node)}")
    if isinstance(node.op, ast.Pow):
        if abs(right) > _LARGEST_POWER:
            raise ValueError("not an exponent of a width")
        return left**right
    return _OPERATORS[type(node.op)](left, right)


def _needed(node: ast.expr, fields: Lookup, layer: int | None) -> Any:
    """Evaluate a part of a formula that must have a value."""
    value = evaluate(node, fields, layer)
    if value is None:
        raise MissingField(ast.unparse(node))
    return value


def _connected(node: ast.BoolOp, fields: Lookup, layer: int | None) -> bool:
    """Evaluate ``and`` or ``or``. A missing field matters only if no other part decides the result."""
    decisive = isinstance(node.op, ast.Or)
    missing: MissingField | None = None
    for part in node.values:
        try:
            if bool(evaluate(part, fields, layer)) is decisive:
                return decisive
        except MissingField as error:
            missing = error
    if missing is not None:
        raise missing
    return not decisive


def _compared(node: ast.Compare, fields: Lookup, layer: int | None) -> bool:
    kind, right = node.ops[0], node.comparators[0]
    if isinstance(kind, ast.Is | ast.IsNot):
        return (evaluate(node.left, fields, layer) is None) is isinstance(kind, ast.Is)
    if isinstance(kind, ast.Eq | ast.NotEq):
        return (evaluate(node.left, fields, layer) == evaluate(right, fields, layer)) is isinstance(kind, ast.Eq)
    return bool(_OPERATORS[type(kind)](_needed(node.left, fields, layer), _needed(right, fields, layer)))


def _entry(node: ast.Subscript, fields: Lookup, layer: int | None) -> Any:
    """Return one entry of a list or a mapping; None for a key that the mapping lacks."""
    many, key = _needed(node.value, fields, layer), _needed(node.slice, fields, layer)
    if isinstance(many, dict):
        return many.get(key, many.get(str(key)))
    if isinstance(many, list | str) and isinstance(key, int) and -len(many) <= key < len(many):
        return many[key]
    raise MissingField(ast.unparse(node))
