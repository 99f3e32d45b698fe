"""Light stand-in for ``dataclasses.dataclass`` on the fast path.

``dataclasses`` imports ``inspect`` and costs more than the rest of a check together (measured in
docs/architecture.md, "Start-up"). To a type checker ``record`` *is* a frozen dataclass; at run time it gives
the class an ``__init__``, ``__eq__`` and ``__repr__``. Records are frozen by custom: nothing assigns to a
field after construction, and ``replace`` makes the changed copy.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar, dataclass_transform

    T = TypeVar("T")
    R = TypeVar("R")

    @dataclass_transform(frozen_default=True)
    def record(cls: type[T]) -> type[T]:
        """See the run-time definition below."""

else:

    def record(cls):
        """Make ``cls`` a record of its annotated fields, in order; class-level values are the defaults.

        A record that it derives from gives its own fields first. Defaults must be immutable: all instances share them.
        """
        space = cls.__dict__
        own = space.get("__annotations__", ())
        defaults = [f in space for f in own]
        required = defaults.count(False)
        inherited = getattr(cls, "__fields__", ())
        if True in defaults[:required] or (required and getattr(cls, "__required__", 0) < len(inherited)):
            raise TypeError(f"{cls.__name__} has a field without a default behind one with")
        cls.__required__ = getattr(cls, "__required__", 0) + required
        cls.__fields__ = fields = (*inherited, *own)
        cls.__names__ = frozenset(fields)
        for name, method in _METHODS.items():
            if name not in space:
                setattr(cls, name, method)
        return cls

    def _init(self, *args, **kwargs):
        """Take the fields in order or by name; a field left out keeps the class's value.

        One function serves all records: compiling one for each, as dataclasses does, costs more than a check
        constructs.
        """
        kind = type(self)
        fields = kind.__fields__
        self.__dict__.update(zip(fields, args))  # noqa: B905  (shorter on purpose: the rest is named or default)
        if not kwargs and kind.__required__ <= len(args) <= len(fields):
            return
        if kwargs:
            if not kwargs.keys() <= kind.__names__ or (args and not kwargs.keys().isdisjoint(fields[: len(args)])):
                rest = fields[len(args) :]
                wrong = next(name for name in kwargs if name not in rest)
                raise TypeError(f"{kind.__name__} has no field {wrong} left to fill")
            self.__dict__.update(kwargs)
        if len(args) < kind.__required__:
            for name in fields[len(args) : kind.__required__]:
                if name not in kwargs:
                    raise TypeError(f"{kind.__name__} lacks {name}")
        elif len(args) > len(fields):
            raise TypeError(f"{kind.__name__} takes {len(fields)} values, not {len(args)}")

    def _values(self):
        return tuple(getattr(self, f) for f in self.__fields__)

    def _equal(self, other):
        return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

    def _hash(self):
        return hash(_values(self))

    def _repr(self):
        return f"{type(self).__name__}({', '.join(f'{f}={getattr(self, f)!r}' for f in self.__fields__)})"

    _METHODS = {"__init__": _init, "__eq__": _equal, "__hash__": _hash, "__repr__": _repr}


def fields(kind: type) -> tuple[str, ...]:
    """Field names of a record class, in order."""
    names: tuple[str, ...] = kind.__fields__  # type: ignore[attr-defined]
    return names


def replace(instance: R, **changes: object) -> R:
    """Copy a record with some fields changed; an unknown field name raises ``TypeError``."""
    kind = type(instance)
    if not changes.keys() <= kind.__names__:  # type: ignore[attr-defined]
        wrong = ", ".join(sorted(changes.keys() - kind.__names__))  # type: ignore[attr-defined]
        raise TypeError(f"{kind.__name__} has no field {wrong}")
    copy = object.__new__(kind)
    # What else an instance remembers (``answer.once``) was worked out from the old values.
    known = instance.__dict__
    copy.__dict__.update({field: known[field] for field in kind.__fields__ if field in known})  # type: ignore[attr-defined]
    for field in kind.__fields__[: kind.__required__]:  # type: ignore[attr-defined]
        if field not in known:  # a field that its class makes when it is asked for (``Model``)
            copy.__dict__[field] = getattr(instance, field)
    copy.__dict__.update(changes)
    return copy
