"""The light stand-in for dataclasses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit._record import Record, replace


class Point(Record):
    """A place."""

    x: int
    y: int = 2
    """Above."""

    @property
    def total(self) -> int:
        """Both."""
        return self.x + self.y


class Nothing(Record):
    """No fields at all."""


def fresh(made: int) -> Any:
    """A record class of which ``made`` instances exist already: the first ones are made without compiling anything."""

    class Pair(Record):
        """Two values."""

        x: int
        y: int = 2

    for _ in range(made):
        Pair(0)
    return Pair


MADE = pytest.mark.parametrize("made", [0, 1, 11, 12, 13, 50])


@MADE
def test_fields_are_arguments_in_order_with_their_defaults(made: int) -> None:
    """``Pair(1)``, ``Pair(1, 2)`` and ``Pair(y=2, x=1)`` are the same record, the first as the fiftieth."""
    pair = fresh(made)
    assert pair(1) == pair(1, 2) == pair(y=2, x=1) == pair(1, y=2)
    assert (5, 6) == (pair(5, 6).x, pair(x=5, y=6).y)


@MADE
@pytest.mark.parametrize(
    ("arguments", "named"),
    [((), {}), ((), {"y": 2}), ((1, 2, 3), {}), ((1,), {"z": 3}), ((1,), {"x": 3}), ((1, 2), {"y": 3})],
)
def test_wrong_arguments_are_refused(made: int, arguments: tuple[int, ...], named: dict[str, int]) -> None:
    """A missing, a surplus, an unknown and a repeated argument raise ``TypeError``."""
    pair = fresh(made)
    with pytest.raises(TypeError):
        pair(*arguments, **named)


def test_records_compare_by_their_values_and_class() -> None:
    """Equal values make equal records that share a hash; another class never compares equal."""
    assert Point(1, 2) != Point(1, 3)
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert len({Point(1, 2), Point(1, 2), Point(2, 1)}) == 2
    assert Point(1, 2).__eq__((1, 2)) is NotImplemented
    assert fresh(0)(1, 2) != Point(1, 2)
    assert Nothing() == Nothing()


def test_repr_shows_every_field() -> None:
    """What a failing test prints names the class and each field."""
    assert "Point(x=1, y=2)" == repr(Point(1))
    assert "Nothing()" == repr(Nothing())


def test_the_class_keeps_what_it_defines() -> None:
    """Docstring, properties and methods are the class's own."""
    assert "A place." == Point.__doc__
    assert 4 == Point(1, 3).total


@given(st.integers(), st.integers(), st.integers())
def test_replace_copies(x: int, y: int, other: int) -> None:
    """The original stays as it was."""
    point = Point(x, y)
    assert Point(x, other) == replace(point, y=other)
    assert Point(x, y) == point == replace(point)


def test_replace_refuses_an_unknown_field() -> None:
    """A misspelt field is never lost."""
    with pytest.raises(TypeError):
        replace(Point(1), z=1)
