"""Known names that an unknown one may have meant. Loaded on the error path only."""

from __future__ import annotations

from difflib import get_close_matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable

CUTOFF = 0.7
CANDIDATES = 30
"""Number of names compared closely: more than are ever shown, because several may lead to one entry."""


def nearest(key: str, known: Iterable[str], preferred: Container[str] = ()) -> list[str]:
    """Names of ``known`` that look like ``key``, nearest first.

    A slip of the finger (a letter wrong, missing, doubled, or two swapped) counts as one step, so that ``rtx4900``
    is nearer to ``rtx4090`` than to ``rtxa400``, which shares as many letters. Among equals the ``preferred`` go first.
    """
    near = get_close_matches(key, known, n=CANDIDATES, cutoff=CUTOFF)
    return sorted(near, key=lambda match: (slips(key, match), match not in preferred))


def slips(one: str, other: str) -> int:
    """Smallest number of insertions, deletions, substitutions and swaps of neighbours from ``one`` to ``other``.

    This is the optimal string alignment distance (Damerau 1964, restricted).
    """
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
