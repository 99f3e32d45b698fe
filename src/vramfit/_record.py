"""Light stand-in for ``dataclasses.dataclass`` on the fast path.

``dataclasses`` imports ``inspect`` and costs more than the rest of a check together (measured in
docs/architecture.md, "Start-up"). To a type checker a class derived from ``Record`` *is* a frozen dataclass; at run time
it inherits ``__init__``, ``__eq__``, ``__hash__`` and ``__repr__``. Nothing is prepared when such a class is made, since
a command makes more of them than it constructs: the fields are read off the class when the first instance is. Records
are frozen by custom: nothing assigns to a field after construction, and ``replace`` makes the changed copy.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeGuard, TypeVar, dataclass_transform

    R = TypeVar("R")
    Shape = tuple[tuple[str, ...], frozenset[str], int]

    @dataclass_transform(frozen_default=True)
    class Record:
        """See the run-time definition below."""

else:

    class Record:
        """Base of classes whose instances are their annotated fields, in order; class-level values are the defaults.

        A record class derived from another has that one's fields first. Defaults must be immutable: all instances share
        them.
        """

        def __init__(self, *args, **kwargs):
            """Take the fields in order or by name; a field left out keeps the class's value.

            One function serves all records: compiling one for each, as dataclasses does, costs more than a check
            constructs.
            """
            kind = type(self)
            try:
                fields, names, required = _SHAPES[kind]
            except KeyError:
                fields, names, required = shape(kind)
            # A new dict of its own is read quicker than one whose keys all instances share.
            count = len(args)
            if not kwargs:
                self.__dict__ = dict(zip(fields, args))  # noqa: B905  (shorter on purpose: the rest has defaults)
                if required <= count <= len(fields):
                    return
            else:
                self.__dict__ = values = {**dict(zip(fields, args)), **kwargs} if args else kwargs  # noqa: B905
                if (
                    names.issuperset(kwargs)
                    and len(values) == count + len(kwargs)
                    and (count >= required or values.keys() >= set(fields[count:required]))
                ):
                    return
            raise _wrong(kind, args, kwargs)

        def __eq__(self, other):
            if type(other) is not type(self):
                return NotImplemented
            return self.__dict__ == other.__dict__ or _values(self) == _values(other)

        def __hash__(self):
            return hash(_values(self))

        def __repr__(self):
            return f"{type(self).__name__}({', '.join(f'{f}={getattr(self, f)!r}' for f in fields(type(self)))})"


_SHAPES: dict[type, Shape] = {}
"""Shapes of the record classes used so far: the fields in order, the set of them, how many have no default."""


def _wrong(kind: type, args: tuple[object, ...], kwargs: dict[str, object]) -> TypeError:
    """Error for arguments that do not make a record of a class."""
    fields, _, required = shape(kind)
    if len(args) > len(fields):
        return TypeError(f"{kind.__name__} takes {len(fields)} values, not {len(args)}")
    surplus = [name for name in kwargs if name not in fields[len(args) :]]
    if surplus:
        return TypeError(f"{kind.__name__} has no field {surplus[0]} left to fill")
    missing = [name for name in fields[len(args) : required] if name not in kwargs]
    return TypeError(f"{kind.__name__} lacks {missing[0]}")


def shape(kind: type) -> Shape:
    """Read a record class's fields in order, the set of them, and how many have no default (they come first).

    A field without a default behind one with raises ``TypeError``.
    """
    known = _SHAPES.get(kind)
    if known is not None:
        return known
    inherited: tuple[str, ...] = ()
    required = 0
    for base in kind.__bases__:
        if base is not Record and issubclass(base, Record):
            inherited, _, required = shape(base)
    space = kind.__dict__
    own = tuple(space.get("__annotations__", ()))
    needed = len(own) - len(space.keys() & own)
    if not space.keys().isdisjoint(own[:needed]) or (needed and required < len(inherited)):
        raise TypeError(f"{kind.__name__} has a field without a default behind one with")
    fields = (*inherited, *own)
    required += needed
    _SHAPES[kind] = found = (fields, frozenset(fields), required)
    return found


def _values(record: object) -> tuple[object, ...]:
    fields, known = shape(type(record))[0], record.__dict__
    try:
        return tuple([known[field] for field in fields])
    except KeyError:  # a field with its default, or one that its class makes when it is asked for (``Model``)
        return tuple([getattr(record, field) for field in fields])


def fields(kind: type) -> tuple[str, ...]:
    """Field names of a record class, in order."""
    return shape(kind)[0]


def is_record(kind: object) -> TypeGuard[type]:
    """Tell whether this is a record class."""
    return isinstance(kind, type) and issubclass(kind, Record)


def replace(instance: R, **changes: object) -> R:
    """Copy a record with some fields changed; an unknown field name raises ``TypeError``."""
    kind = type(instance)
    in_order, names, required = shape(kind)
    if not names.issuperset(changes):
        wrong = ", ".join(sorted(changes.keys() - names))
        raise TypeError(f"{kind.__name__} has no field {wrong}")
    copy = object.__new__(kind)
    known = instance.__dict__
    if len(known) == len(in_order) and names.issuperset(known):
        copy.__dict__ = {**known, **changes}
        return copy
    if names.issuperset(known):
        copy.__dict__.update(known)
    else:  # what else an instance remembers (``once``) was worked out from the old values
        copy.__dict__.update({field: known[field] for field in in_order if field in known})
    for field in in_order[:required]:
        if field not in known:  # a field that its class makes when it is asked for (``Model``)
            copy.__dict__[field] = getattr(instance, field)
    copy.__dict__.update(changes)
    return copy


if TYPE_CHECKING:
    once = property
else:

    class once:  # noqa: N801  (read as a decorator)
        """Property computed at its first use: ``functools.cached_property`` without ``functools``."""

        def __init__(self, function):
            self._function, self.__doc__ = function, function.__doc__

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            value = instance.__dict__[self._function.__name__] = self._function(instance)
            return value


class Parametric:
    """Stand-in for ``typing.Generic`` at run time, where loading that would cost more than it serves."""

    def __class_getitem__(cls, _: object) -> type[Parametric]:
        """Return the class itself, whatever its parameters."""
        return cls
