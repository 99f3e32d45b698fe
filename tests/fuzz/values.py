"""Values at random: words and numbers at the edges, and parsed JSON of which parts are changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.fuzz.changed import CHANGES, NUMBERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

SCALARS: tuple[Any, ...] = (
    None, True, False, "", "0", "-1", "1e999", "NaN", "null", "\u0000", "\u202e", "\u001b[31m", "x" * 300, "/dev/zero", "../x",
    "${X}", [], {}, [[]], [None], {"a": 1}, 0.5, -0.0, 1e308, 5e-324, -1,
)  # fmt: skip
"""Values that a reader may not expect."""
WORDS = (
    "0", "1", "-1", "2", "8", "32k", "1M", "max", "auto", "all", "none", "true", "false", "on", "off", "0.5", "1e9", "nan", "inf",
    "8GiB", "24GB", "0.1GiB", "9999999999GiB", "3,1", "1,2,3,4,5,6,7,8,9", "q8_0", "f16", "fp8", "int4", "Q4_K_M", "awq", "nf4",
    "1344x1008", "0x0", "a", "é", "\u202e", "", " ", "4294967296", "18446744073709551616", "1_000", "32,768", "٣",
    "²", "9" * 5000, "--", "=",
)  # fmt: skip
"""Words that people and others write for values."""


MOST_REPEATED = 10
"""Length of a list from which it is not repeated: what takes long is to take long for its own sake, not for its size."""


def number(rng: Random) -> int:
    """A number at the edge of a type or bound, mostly a small one."""
    return rng.randrange(200) if rng.random() < 0.6 else rng.choice(NUMBERS) * rng.choice((1, 1, 1, -1))


def scalar(rng: Random) -> Any:
    """A value that a reader may not expect, which nothing else has."""
    return _copy(rng.choice(SCALARS))


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value)) if isinstance(value, dict | list) else value


def changed_json(corpus: Sequence[str], rng: Random) -> str:
    """One of some JSON objects with parts changed, taken out, or taken from another; it stays JSON."""
    tree, other = json.loads(rng.choice(corpus)), json.loads(rng.choice(corpus))
    for _ in range(rng.choice(CHANGES)):
        holder, key = _place(tree, rng)
        if holder is None:
            break
        _change(holder, key, other, rng)
    return json.dumps(tree)


def _place(tree: Any, rng: Random) -> tuple[Any, Any]:
    """A container somewhere in a tree, and a key or an index of it; None and None for an empty tree."""
    if not tree:
        return None, None
    holder = tree
    while True:
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.3:
            return holder, key
        holder = inner


def _change(holder: Any, key: Any, other: dict[str, Any], rng: Random) -> None:
    value, kind = holder[key], rng.randrange(9)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = scalar(rng)
    elif kind == 2:
        holder[key] = _copy(rng.choice(([value], {"a": value}, [value] * 3, str(value))))
    elif kind == 3 and isinstance(value, list) and len(value) < MOST_REPEATED:
        holder[key] = _copy(value * rng.choice((0, 2, 100)))
    elif kind == 4 and other:
        name = rng.choice(list(other))
        holder[name if isinstance(holder, dict) else key] = _copy(other[name])
    elif kind == 5 and key in other:
        holder[key] = _copy(other[key])
    elif isinstance(value, int) and not isinstance(value, bool):
        holder[key] = rng.choice((value + 1, value * 2, value // 2, -value, float(value), number(rng)))
    else:
        holder[key] = number(rng)
