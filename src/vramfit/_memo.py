"""Remembering what was derived from a model: a check and its remedies ask for the same inventory dozens of times.

The functions stay pure: a model is a value that nothing changes, so the remembered result is the computed one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Concatenate, ParamSpec, TypeVar

    from vramfit.model.architecture import Model

    P = ParamSpec("P")
    T = TypeVar("T")


def per_model(function: Callable[Concatenate[Model, P], T]) -> Callable[Concatenate[Model, P], T]:
    """Remember ``function(model, *rest)`` by the model's identity and the rest's value.

    The model is kept alive with its results, so that its identity is never another's.
    """
    known: dict[int, tuple[Model, dict[tuple[object, ...], T]]] = {}

    def remembered(model: Model, /, *args: P.args, **kwargs: P.kwargs) -> T:
        entry = known.get(id(model))
        if entry is None:
            entry = known[id(model)] = (model, {})
        results = entry[1]
        if args not in results:
            results[args] = function(model, *args, **kwargs)
        return results[args]

    remembered.__name__ = function.__name__
    remembered.__doc__ = function.__doc__
    return remembered
