"""A light stand-in for ``dataclasses.dataclass`` on the fast path.

``dataclasses`` imports ``inspect`` and costs more than the rest of a check together (measured in
docs/architecture.md, "Start-up"). To a type checker ``record`` *is* a frozen dataclass; at run time it makes a
slotted class with an ``__init__``, ``__eq__`` and ``__repr__``. Records are frozen by custom: nothing assigns to a
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
        """Make ``cls`` a slotted record of its annotated fields, in order; class-level values are the defaults.

        Defaults must be immutable: they are shared by all instances.
        """
        fields = tuple(cls.__annotations__)
        namespace = {k: v for k, v in cls.__dict__.items() if k not in ("__dict__", "__weakref__")}
        defaults = {f: namespace.pop(f) for f in fields if f in namespace}
        namespace |= {"__slots__": fields, "__fields__": fields, "__field_defaults__": defaults, "__init__": _first}
        namespace.setdefault("__eq__", _equal)
        namespace.setdefault("__hash__", _hash)
        namespace.setdefault("__repr__", _repr)
        return type(cls)(cls.__name__, cls.__bases__, namespace)

    def _first(self, *args, **kwargs):
        """Compile the real ``__init__`` at the first construction: most records of a run are never made."""
        kind = type(self)
        defaults = kind.__field_defaults__
        arguments = ", ".join(f"{f}=_d[{f!r}]" if f in defaults else f for f in kind.__fields__)
        body = "".join(f"\n    self.{f} = {f}" for f in kind.__fields__) or "\n    pass"
        scope = {"_d": defaults}
        exec(f"def __init__(self, {arguments}):{body}", scope)  # noqa: S102  (names come from this source tree)
        kind.__init__ = scope["__init__"]
        kind.__init__(self, *args, **kwargs)

    def _values(self):
        return tuple(getattr(self, f) for f in self.__fields__)

    def _equal(self, other):
        return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

    def _hash(self):
        return hash(_values(self))

    def _repr(self):
        return f"{type(self).__name__}({', '.join(f'{f}={getattr(self, f)!r}' for f in self.__fields__)})"


def replace(instance: R, **changes: object) -> R:
    """A copy of a record with some fields changed; an unknown field name raises ``TypeError``."""
    kind = type(instance)
    values = {f: getattr(instance, f) for f in kind.__fields__}  # type: ignore[attr-defined]
    return kind(**(values | changes))
