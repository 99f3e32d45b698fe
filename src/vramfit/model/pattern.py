"""Layer patterns: the short notation in which the catalogue writes which kind of layer stands where.

``5*sliding full`` is five sliding layers and a full one, over and over until the layers are used up (Gemma 3 ends in the
middle of a cycle). ``4*(mamba moe) full`` repeats a group. A word names a kind of layer, several joined by ``+`` mixers
that work side by side in one layer; ``build`` knows the kinds.
"""

from __future__ import annotations


def expand(pattern: str, layers: int) -> list[str]:
    """One word per layer: ``pattern`` written out and cycled to ``layers`` words.

    Raises:
        ValueError: the pattern is empty, unbalanced or repeats something zero times or less.
    """
    if pattern.isalnum():
        return [pattern] * layers
    words, rest = _sequence(pattern.replace("(", " ( ").replace(")", " ) ").replace("*  (", "* (").split(), 0)
    if rest is not None or not words:
        raise ValueError(f"not a layer pattern: {pattern!r}")
    return (words * (-(-layers // len(words))))[:layers]


def _sequence(tokens: list[str], depth: int) -> tuple[list[str], list[str] | None]:
    """The words up to the closing bracket of this depth, and the tokens behind it (None at the end of the pattern)."""
    words: list[str] = []
    times = 1
    while tokens:
        token, tokens = tokens[0], tokens[1:]
        if token == ")":
            if depth == 0:
                raise ValueError("unbalanced ) in a layer pattern")
            return words, tokens
        count, star, word = token.rpartition("*")
        if star:
            if not count.isdigit() or int(count) < 1:
                raise ValueError(f"not a repetition in a layer pattern: {token!r}")
            times = int(count)
            if not word:  # ``3*(`` was split before its bracket
                continue
        if word == "(":
            group, rest = _sequence(tokens, depth + 1)
            words += group * times
            tokens = rest or []
        else:
            words += [word] * times
        times = 1
    if depth:
        raise ValueError("unbalanced ( in a layer pattern")
    return words, None
