"""Memory for results derived from a model or a checkpoint, which a check and its remedies need dozens of times.

The functions stay pure: both are values that nothing changes, so the remembered result is the computed one.
"""

from __future__ import annotations

from _weakref import ref

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
"""Models of which a function keeps what it worked out: more than any question has, and none too many for a program that reads
models for days. Of more, those go that came first."""


class PerModel(_Base["S", "P", "T"]):
    """Function of a model (or a checkpoint) and more, whose results are remembered.

    The model is kept alive with results that were worked out, so that its identity is never another's; a result that was
    read with it goes when the model does.
    """

    def __init__(self, function: Callable[Concatenate[S, P], T]) -> None:
        self._function = function
        self._known: dict[int, tuple[S, dict[tuple[object, ...], T]]] = {}
        self._given: dict[int, tuple[ref[S], dict[tuple[object, ...], T]]] = {}
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__

    def __call__(self, model: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Remembered result, computed at the first call."""
        place = id(model)
        entry = self._known.get(place) or self._given.get(place)
        if entry is None:
            if len(self._known) >= MOST_KEPT:
                del self._known[next(iter(self._known))]
            entry = self._known[place] = (model, {})
        results = entry[1]
        found: T = results.get(args, _MISSING)
        if found is _MISSING:
            found = results[args] = self._function(model, *args, **kwargs)
        return found

    def remember(self, model: S, result: T) -> None:
        """Store the result for ``model`` alone that was read with it, from its catalogue entry or its file.

        It may be more than can be worked out of the model, and stays as long as the model is there.
        """
        place = id(model)
        _, results = self._known.pop(place, None) or self._given.get(place) or (model, {})
        results[()] = result
        self._given[place] = (ref(model, lambda _: self._given.pop(place, None)), results)


def per_model(function: Callable[Concatenate[S, P], T]) -> PerModel[S, P, T]:
    """Decorator form of ``PerModel``."""
    return PerModel(function)
