"""Bound on the time of what may hang: calls into drivers, and the look-up of a host's name, which no time-out covers."""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T | None:
    """Result of a function; None where it took longer, and is left behind until the program ends.

    Raises what the function raised.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            results.append(work())
        except BaseException as error:  # handed to the caller below
            errors.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    return results[0] if results else None
