"""Layer patterns: a short notation for the kind of each layer of a model.

``5*sliding full`` means five sliding layers and a full one, repeated until every layer has a kind (Gemma 3 ends in the
middle of a cycle). ``4*(mamba moe) full`` repeats a group. Each word names a kind of layer; words joined by ``+`` name
mixers that run in parallel in one layer. ``build`` defines the kinds.
"""

from __future__ import annotations

from vramfit.units import whole

MOST_LAYERS = 10_000
"""Number of layers that a model may have; the deepest known have 126."""


def expand(pattern: str, layers: int) -> list[str]:
    """Expand ``pattern`` into one word per layer, ``layers`` words in total.

    Raises ``ValueError`` if the pattern is empty, has unbalanced brackets or repeats something less than once.
    """
    if layers > MOST_LAYERS:
        raise ValueError(f"{layers:,} layers, of which no model has more than {MOST_LAYERS:,}")
    if pattern.isalnum():
        return [pattern] * layers
    words, _ = _sequence(pattern.replace("(", " ( ").replace(")", " ) ").split(), 0)
    if not words:
        raise ValueError(f"not a layer pattern: {pattern!r}")
    return (words * (-(-layers // len(words))))[:layers]


def _sequence(pieces: list[str], depth: int) -> tuple[list[str], list[str] | None]:
    """Words up to the closing bracket of this depth, and the pieces after it (None at the end of the pattern)."""
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
            times = whole(count) or 0
            if not 1 <= times <= MOST_LAYERS:
                raise ValueError(f"not a repetition in a layer pattern: {piece!r}")
            if not word:  # the bracket of ``3*(`` is a piece of its own
                continue
        if word == "(":
            group, rest = _sequence(pieces, depth + 1)
            if len(group) * times > MOST_LAYERS:
                raise ValueError(f"a layer pattern of more than {MOST_LAYERS:,} layers")
            words += group * times
            pieces = rest or []
        else:
            words += [word] * times
        times = 1
    if depth:
        raise ValueError("unbalanced ( in a layer pattern")
    return words, None
