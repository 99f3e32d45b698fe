"""Engines made known for the time of a test."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from vramfit import engines

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def registered(*registrations: engines.Registration) -> Iterator[None]:
    """The registry with these engines, and as it was before once the block is left."""
    before = dict(engines._registered)
    try:
        for registration in registrations:
            engines.register(registration)
        yield
    finally:
        engines._registered.clear()
        engines._registered.update(before)
