"""A small evaluator of the arithmetic of terms' formulas, in exact fractions."""

from __future__ import annotations

import ast
import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FUNCTIONS: dict[str, Callable[..., Fraction | int]] = {
    "max": max, "min": min, "ceil": math.ceil, "floor": math.floor, "round": round,
}  # fmt: skip


def value(formula: str, inputs: Mapping[str, float]) -> Fraction:
    """The result of a formula with the inputs in the place of their names."""
    return _of(ast.parse(formula.replace("×", "*"), mode="eval").body, inputs)


def names(formula: str) -> set[str]:
    """The names of inputs that a formula has."""
    tree = ast.parse(formula.replace("×", "*"), mode="eval")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - set(FUNCTIONS)


def _of(node: ast.AST, inputs: Mapping[str, float]) -> Fraction:
    if isinstance(node, ast.BinOp):
        left, right = _of(node.left, inputs), _of(node.right, inputs)
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.Div():
                return left / right
            case _:
                pass
    if isinstance(node, ast.Name):
        return Fraction(inputs[node.id])
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Fraction(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return Fraction(FUNCTIONS[node.func.id](*[_of(one, inputs) for one in node.args]))
    raise ValueError(f"no arithmetic: {ast.dump(node)}")
