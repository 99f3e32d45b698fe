"""Loops of tests, which must be entered to check anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

Item = TypeVar("Item")


def each(items: Iterable[Item]) -> list[Item]:
    """The items, of which there must be one at least."""
    found = list(items)
    assert found, "there is nothing to look at"
    return found
