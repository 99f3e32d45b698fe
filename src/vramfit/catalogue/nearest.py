"""Known names that an unknown one may have meant. Loaded on the error path only."""

from __future__ import annotations

from difflib import get_close_matches

from vramfit.errors import AmbiguousName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

CUTOFF = 0.7
CANDIDATES = 30
"""Number of names compared closely: more than are ever shown, because several may lead to one entry."""
MAX_SUGGESTIONS = 3
MAX_LISTED = 12


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


def suggestions(kind: str, ids: Iterable[str]) -> str:
    """Hint for an unknown name of a ``kind`` (``gpu``, ``model``): the first of the entries that may have been meant."""
    found = list(dict.fromkeys(ids))[:MAX_SUGGESTIONS]
    return f"did you mean {_either(found)}? See `vramfit list {kind}s`" if found else f"see `vramfit list {kind}s`"


def ambiguous(kind: str, name: str, ids: Sequence[str], command: str) -> AmbiguousName:
    """Error for a name that several entries have; ``command`` lists them all."""
    listed = list(ids[:MAX_LISTED]) + ([f"… ({len(ids) - MAX_LISTED} more)"] if len(ids) > MAX_LISTED else [])
    problem = f'"{name}" is not one {kind}: {_either(listed, "and")}'
    return AmbiguousName(problem, f"give one of these ids; see `{command}`")


def _either(words: list[str], joiner: str = "or") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {joiner} {words[-1]}"
