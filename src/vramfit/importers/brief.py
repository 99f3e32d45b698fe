"""Bound on the time of a question to the network, names of hosts included, which no time-out of a request covers."""

from __future__ import annotations

from vramfit.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


def within(seconds: float, ask: Callable[[], T]) -> T:
    """Result of a function that is done in so many seconds, or what it raises.

    Raises ``InputError`` for one that takes longer. It is then left behind, and ends with the program.
    """
    import threading

    results: list[T] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            results.append(ask())
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if faults:
        raise faults[0]
    if not results:
        raise InputError(f"nothing answers within {seconds:g} s", "try again, or give it more: --timeout SECONDS")
    return results[0]
