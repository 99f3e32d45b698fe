"""Known names that an unknown one may have meant. Loaded on the error path only."""

from __future__ import annotations

from itertools import permutations

from vramfit.errors import AmbiguousName
from vramfit.similar import close

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

CUTOFF = 0.7
MOST_ORDERED = 5
"""Number of words that are tried in every order."""
CANDIDATES = 30
"""Number of names compared closely: more than are ever shown, because several may lead to one entry."""
MAX_SUGGESTIONS = 3
MAX_LISTED = 12
FURTHER = {
    "gpu": "See `vramfit list gpus`; a card that is not there is custom:24GB",
    "model": (
        "See `vramfit list models`; any other model is read where it is: a Hub repository (org/name), an Ollama tag"
        " (ollama:name:tag), a GGUF file, a folder"
    ),
}
"""Next step for a name that is in no catalogue, by kind."""


def nearest(key: str, known: Iterable[str], preferred: Container[str] = ()) -> list[str]:
    """Names of ``known`` that look like ``key``, nearest first.

    A slip of the finger (a letter wrong, missing, doubled, or two swapped) counts as one step, so that ``rtx4900``
    is nearer to ``rtx4090`` than to ``rtxa400``, which shares as many letters. Among equals the ``preferred`` go first.
    """
    near = close(key, known, CANDIDATES, CUTOFF)
    return sorted(near, key=lambda match: (slips(key, match), match not in preferred))


def in_another_order(name: str, look_up: Callable[[str], int | tuple[int, ...] | None]) -> int | None:
    """Number of the one entry that the words of a name mean in another order (``llama 70b 3.3``); None for none, or several."""
    words = name.split()
    if not 2 < len(words) <= MOST_ORDERED:
        return None
    found = {look_up(" ".join(order)) for order in permutations(words)} - {None}
    (one, *others) = found or (None,)
    return one if isinstance(one, int) and not others else None


def with_words_between(name: str, ids: Sequence[str]) -> int | None:
    """Number of the one entry whose id has all words of a name, and more: ``nemotron 49b`` for ``nemotron-super-49b``.

    The name has blanks and states a size, which the id's words then have too, or is the size of a mixture alone (``8x7b``);
    of several that have them it is the one with which the others begin, else None.
    """
    words = {part for word in name.lower().split() for part in _parts(word)}
    size = _size(name.lower())
    if "/" in name or size is None or (len(words) < 2 and "x" not in name.lower()):
        return None
    found = [
        number
        for number, entry in enumerate(ids)
        if words.issubset([part for word in entry.split("-") for part in _parts(word)])
    ]
    first = min(found, key=lambda number: len(ids[number]), default=None)
    return first if first is not None and all(ids[one].startswith(ids[first]) for one in found) else None


def _parts(word: str) -> tuple[str, ...]:
    """Letters and the number behind them as two words (``qwen2.5``); any other word as it is."""
    letters = word.rstrip("0123456789.")
    return (letters, word[len(letters) :]) if letters.isalpha() and letters != word else (word,)


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
    return f"did you mean {_either(found)}? {FURTHER[kind]}" if found else FURTHER[kind][0].lower() + FURTHER[kind][1:]


def of_size(key: str, near: Iterable[str]) -> list[str]:
    """Names, those first that state the size which ``key`` does: ``llama-3-70b`` before ``llama-7b`` for ``llama-70b``."""
    size = _size(key)
    return sorted(near, key=lambda match: size is not None and _size(match) != size)


def siblings(key: str, known: Iterable[str]) -> list[str]:
    """Names of models that begin with the same letters, nearest in size first; none for fewer than three letters.

    A model that nobody lists yet mostly has the architecture of its elder sister.
    """
    stem = key[: next((n for n, letter in enumerate(key) if not letter.isalpha()), len(key))]
    size = _size(key)
    found = [name for name in known if name.startswith(stem)] if len(stem) > 2 else []
    return sorted(found, key=lambda name: (abs((_size(name) or 0) - (size or 0)), name))


def _size(key: str) -> float | None:
    """Billions of parameters that a folded name states; None for a name without."""
    for end in range(len(key) - 1, 0, -1):
        if key[end] == "b" and key[end - 1].isdecimal() and not key[end + 1 : end + 2].isalpha():
            begin = end
            while begin and (key[begin - 1].isdecimal() or key[begin - 1] == "."):
                begin -= 1
            return float(key[begin:end]) if key[begin:end].count(".") < 2 and key[begin] != "." else None
    return None


def ambiguous(kind: str, name: str, ids: Sequence[str], command: str, what: str = "ids") -> AmbiguousName:
    """Error for a name that several entries have: their ids, or other names; ``command`` lists them all."""
    listed = list(ids[:MAX_LISTED]) + ([f"… ({len(ids) - MAX_LISTED} more)"] if len(ids) > MAX_LISTED else [])
    problem = f'"{name}" is not one {kind}: {_either(listed, "and")}'
    return AmbiguousName(problem, f"give one of these {what}; see `{command}`")


def _either(words: list[str], joiner: str = "or") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {joiner} {words[-1]}"
