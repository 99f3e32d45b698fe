"""The light stand-in for dataclasses."""

from __future__ import annotations

import pytest

from vramfit._record import record, replace


@record
class Point:
    """A place."""

    x: int
    y: int = 2
    """Above."""

    @property
    def total(self) -> int:
        """Both."""
        return self.x + self.y


@record
class Nothing:
    """No fields at all."""


def test_fields_are_arguments_in_order_with_their_defaults() -> None:
    """``Point(1)``, ``Point(1, 2)`` and ``Point(y=2, x=1)`` are the same record."""
    assert Point(1) == Point(1, 2) == Point(y=2, x=1)
    assert Point(1, 3).total == 4


@pytest.mark.parametrize(("arguments", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"z": 3})])
def test_wrong_arguments_are_refused(arguments: tuple[int, ...], named: dict[str, int]) -> None:
    """A missing, a surplus and an unknown argument raise ``TypeError``."""
    with pytest.raises(TypeError):
        Point(*arguments, **named)


def test_records_compare_by_their_values_and_class() -> None:
    """Equal values make equal records that share a hash; another class never compares equal."""
    assert Point(1, 2) != Point(1, 3)
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert len({Point(1, 2), Point(1, 2), Point(2, 1)}) == 2
    assert Point(1, 2) != (1, 2)
    assert Nothing() == Nothing()


def test_repr_shows_every_field() -> None:
    """What a failing test prints names the class and each field."""
    assert "Point(x=1, y=2)" == repr(Point(1))
    assert "Nothing()" == repr(Nothing())


def test_records_have_slots_and_keep_their_docstring() -> None:
    """No field can be misspelt into existence."""
    point = Point(1)
    with pytest.raises(AttributeError):
        point.z = 3  # type: ignore[attr-defined]
    assert not hasattr(point, "__dict__")
    assert Point.__doc__ == "A place."


def test_replace_copies() -> None:
    """The original stays as it was; an unknown field is refused."""
    point = Point(1)
    assert Point(1, 9) == replace(point, y=9)
    assert Point(1, 2) == point
    with pytest.raises(TypeError):
        replace(point, z=1)
