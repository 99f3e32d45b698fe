"""Quoting of words for a POSIX shell."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")
"""Characters a POSIX shell takes literally (``shlex.quote``'s set; shlex imports re)."""


def quote(word: str) -> str:
    """Quote ``word`` where a shell would change it."""
    return word if word and SAFE.issuperset(word) else "'" + word.replace("'", "'\"'\"'") + "'"


def line(words: Iterable[str]) -> str:
    """One shell line of ``words``."""
    return " ".join([quote(word) for word in words])
