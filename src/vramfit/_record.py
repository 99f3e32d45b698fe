"""A light stand-in for ``dataclasses.dataclass`` on the fast path.

``dataclasses`` imports ``inspect`` and costs more than the rest of a check together (measured in
docs/architecture.md, "Start-up"). To a type checker ``record`` *is* a frozen dataclass; at run time it gives
the class an ``__init__``, ``__eq__`` and ``__repr__``. Records are frozen by custom: nothing assigns to a
field after construction, and ``replace`` makes the changed copy.
"""

from __future__ import annotations

COMPILE_AFTER = 12
"""Constructions of one kind of record before its own ``__init__`` is compiled."""

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
        """Make ``cls`` a slotted record of its annotated fields, in order; class-level values are the defaults.

        Defaults must be immutable: they are shared by all instances.
        """
        cls.__fields__ = fields = tuple(cls.__annotations__)
        cls.__field_defaults__ = {f: cls.__dict__[f] for f in fields if f in cls.__dict__}
        cls.__made__ = 0
        cls.__init__ = _first
        for name, method in _METHODS.items():
            if name not in cls.__dict__:
                setattr(cls, name, method)
        return cls

    def _first(self, *args, **kwargs):
        """``__init__`` without compiling one, which costs as much as some dozen constructions; those then pay for it.

        Most records of a run are made once or never, and a few hundreds of times.
        """
        kind = type(self)
        fields, defaults = kind.__fields__, kind.__field_defaults__
        kind.__made__ += 1
        if kind.__made__ > COMPILE_AFTER:
            _compile(kind)
            kind.__init__(self, *args, **kwargs)
            return
        if len(args) > len(fields):
            raise TypeError(f"{kind.__name__} takes {len(fields)} values, not {len(args)}")
        for field, value in zip(fields, args):  # noqa: B905  (shorter on purpose: the rest is named or default)
            setattr(self, field, value)
        for field in fields[len(args) :]:
            if field in kwargs:
                setattr(self, field, kwargs.pop(field))
            elif field in defaults:
                setattr(self, field, defaults[field])
            else:
                raise TypeError(f"{kind.__name__} lacks {field}")
        if kwargs:
            raise TypeError(f"{kind.__name__} has no field {next(iter(kwargs))} left to fill")

    def _compile(kind):
        """Give ``kind`` an ``__init__`` with its own arguments."""
        defaults = kind.__field_defaults__
        arguments = ", ".join(f"{f}=_d[{f!r}]" if f in defaults else f for f in kind.__fields__)
        body = "".join(f"\n    self.{f} = {f}" for f in kind.__fields__) or "\n    pass"
        scope = {"_d": defaults}
        exec(f"def __init__(self, {arguments}):{body}", scope)  # noqa: S102  (names come from this source tree)
        kind.__init__ = scope["__init__"]

    def _values(self):
        return tuple(getattr(self, f) for f in self.__fields__)

    def _equal(self, other):
        return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

    def _hash(self):
        return hash(_values(self))

    def _repr(self):
        return f"{type(self).__name__}({', '.join(f'{f}={getattr(self, f)!r}' for f in self.__fields__)})"

    _METHODS = {"__eq__": _equal, "__hash__": _hash, "__repr__": _repr}


def fields(kind: type) -> tuple[str, ...]:
    """The field names of a record class, in order."""
    names: tuple[str, ...] = kind.__fields__  # type: ignore[attr-defined]
    return names


def replace(instance: R, **changes: object) -> R:
    """A copy of a record with some fields changed; an unknown field name raises ``TypeError``."""
    kind = type(instance)
    values = {f: getattr(instance, f) for f in kind.__fields__}  # type: ignore[attr-defined]
    return kind(**(values | changes))
