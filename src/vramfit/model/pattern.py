"""Layer patterns: the short notation in which the catalogue writes which kind of layer stands where.

``5*sliding full`` is five sliding layers and a full one, over and over until the layers are used up (Gemma 3 ends in
the middle of a cycle). ``4*(mamba moe) full`` repeats a group. A word names a kind of layer, several joined by ``+``
mixers that work side by side in one layer; ``build`` knows the kinds.
"""

from __future__ import annotations


def expand(pattern: str, layers: int) -> list[str]:
    """One word per layer: ``pattern`` written out and cycled to ``layers`` words.

    Raises:
        ValueError: the pattern is empty, unbalanced or repeats something zero times or less.
    """
    if pattern.isalnum():
        return [pattern] * layers
    words, _ = _sequence(pattern.replace("(", " ( ").replace(")", " ) ").split(), 0)
    if not words:
        raise ValueError(f"not a layer pattern: {pattern!r}")
    return (words * (-(-layers // len(words))))[:layers]


def _sequence(pieces: list[str], depth: int) -> tuple[list[str], list[str] | None]:
    """The words up to the closing bracket of this depth, and the pieces behind it (None at the end of the pattern)."""
    words: list[str] = []
    times = 1
    while pieces:
        piece, pieces = pieces[0], pieces[1:]
        if piece == ")":
            if depth == 0:
                raise ValueError("unbalanced ) in a layer pattern")
            return words, pieces
        count, star, word = piece.rpartition("*")
        if star:
            if not count.isdigit() or int(count) < 1:
                raise ValueError(f"not a repetition in a layer pattern: {piece!r}")
            times = int(count)
            if not word:  # ``3*(`` was split before its bracket
                continue
        if word == "(":
            group, rest = _sequence(pieces, depth + 1)
            words += group * times
            pieces = rest or []
        else:
            words += [word] * times
        times = 1
    if depth:
        raise ValueError("unbalanced ( in a layer pattern")
    return words, None
