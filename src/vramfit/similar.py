"""Known names that look like a misspelled one: what ``difflib.get_close_matches`` finds, for a tenth of its time.

The longest common subsequence of two names is never shorter than the blocks that ``difflib`` matches, and the letters that
they share are never fewer than that: both are counted with the bits of whole numbers, so that only the names which may be
among the nearest are compared as ``difflib`` does it. Loaded on the error path only.
"""

from __future__ import annotations

from contextlib import contextmanager
from difflib import SequenceMatcher
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST = 60
"""Number of characters of a name that are compared."""
MOST_SEARCHES = 500
"""Number of different names of one command that are looked for: whoever misspells more than that is helped by the first."""

_left: list[int | None] = [None]
"""Number of names that this command may still look for; None where no command is run, as from Python."""


@contextmanager
def few() -> Iterator[None]:
    """Bound the number of names that are looked for while one command is run."""
    _left[0] = MOST_SEARCHES
    similar.cache_clear()
    try:
        yield
    finally:
        _left[0] = None


def may_search() -> bool:
    """Count a name that is looked for among all known ones; False where this command has looked for too many."""
    if _left[0] is not None:
        if _left[0] <= 0:
            return False
        _left[0] -= 1
    return True


def close(word: str, known: Iterable[str], most: int = 3, cutoff: float = 0.6) -> list[str]:
    """Names that look like a word, the nearest first, at most so many; none where the command has looked for too many."""
    return list(similar(word[:LONGEST], tuple(known), most, cutoff))


@lru_cache(maxsize=256)
def similar(word: str, known: tuple[str, ...], most: int, cutoff: float) -> tuple[str, ...]:
    """Names of ``known`` with at least the share ``cutoff`` of letters in common; see ``close``."""
    if not may_search():
        return ()
    own, letters = _letters(word), _places(word)
    size = len(word)
    candidates: list[tuple[float, str]] = []
    for name in known:
        shared = 2 * (own & _letters(name)).bit_count()
        if shared >= cutoff * (size + len(name)):
            candidates.append((shared / (size + len(name)) if size + len(name) else 1.0, name))
    candidates.sort(reverse=True)
    matcher = SequenceMatcher()
    matcher.set_seq2(word)
    found: list[tuple[float, str]] = []
    for bound, name in candidates:
        whole = len(found) >= most
        least = found[-1][0] if whole else cutoff
        if bound < least:
            break
        if 2 * _common(letters, size, name) < least * (size + len(name)):
            continue
        matcher.set_seq1(name)
        ratio = matcher.ratio()
        if ratio >= cutoff and (not whole or (ratio, name) > found[-1]):
            found = sorted([*found, (ratio, name)], reverse=True)[:most]
    return tuple([name for _, name in found])


@lru_cache(maxsize=8192)
def _letters(word: str) -> int:
    """The letters of a word as bits: the first and the second ``a`` have one each, so that common bits are common letters."""
    found, count = 0, dict[int, int]()
    for letter in word:
        place = ord(letter) % 128  # letters that share a place only make the bound weaker
        number = count.get(place, 0)
        count[place] = number + 1
        found |= 1 << (place + 128 * number)
    return found


def _places(word: str) -> dict[str, int]:
    """Places of each letter of a word as bits."""
    found: dict[str, int] = {}
    for place, letter in enumerate(word):
        found[letter] = found.get(letter, 0) | 1 << place
    return found


def _common(places: dict[str, int], size: int, name: str) -> int:
    """Length of the longest common subsequence of a name and a word of that size (Hyyrö 2004, one bit for each place)."""
    whole = (1 << size) - 1
    row = whole
    for letter in name:
        here = row & places.get(letter, 0)
        row = ((row + here) | (row - here)) & whole
    return size - row.bit_count()
