"""Memory for results derived from a model or a checkpoint, which a check and its remedies need dozens of times.

The functions stay pure: both are values that nothing changes, so the remembered result is the computed one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

    S = TypeVar("S")
    P = ParamSpec("P")
    T = TypeVar("T")

    class _Base(Generic[S, P, T]):
        """Base of ``PerModel`` for a type checker."""

else:
    from vramfit._record import Parametric as _Base


_MISSING: Any = object()
MOST_KEPT = 4096
"""Models of which a function keeps the results: more than any question has, and none too many for a program that reads models
for days. Of more, those go that came first."""


class PerModel(_Base["S", "P", "T"]):
    """Function of a model (or a checkpoint) and more, whose results are remembered.

    The model is kept alive with its results, so that its identity is never another's.
    """

    def __init__(self, function: Callable[Concatenate[S, P], T]) -> None:
        self._function = function
        self._known: dict[int, tuple[S, dict[tuple[object, ...], T]]] = {}
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__

    def __call__(self, model: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Remembered result, computed at the first call."""
        entry = self._known.get(id(model))
        if entry is None:
            if len(self._known) >= MOST_KEPT:
                self._forget()
            entry = self._known[id(model)] = (model, {})
        results = entry[1]
        found: T = results.get(args, _MISSING)
        if found is _MISSING:
            found = results[args] = self._function(model, *args, **kwargs)
        return found

    def remember(self, model: S, result: T) -> None:
        """Store the result for ``model`` alone that was computed before, with its catalogue entry for instance."""
        if len(self._known) >= MOST_KEPT:
            self._forget()
        self._known.setdefault(id(model), (model, {}))[1][()] = result

    def _forget(self) -> None:
        """Drop the results for the model that came first."""
        del self._known[next(iter(self._known))]


def per_model(function: Callable[Concatenate[S, P], T]) -> PerModel[S, P, T]:
    """Decorator form of ``PerModel``."""
    return PerModel(function)
