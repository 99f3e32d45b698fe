"""Names that look like a misspelled one: as ``difflib`` finds them, and not more often than a command needs."""

from __future__ import annotations

import difflib
from random import Random
from typing import TYPE_CHECKING

import pytest

from vramfit import similar
from vramfit.engines import engine
from vramfit.engines.keys import every_key

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = tuple(every_key())
FLAGS = tuple(
    dict.fromkeys(name for program in engine("llama.cpp").programs() for name in (*program.table, *program.neutral))
)


@pytest.fixture(autouse=True)
def unlimited() -> Iterator[None]:
    """No search of another test's counts, and none of these does."""
    similar._left[0] = None
    similar.similar.cache_clear()
    yield
    similar._left[0] = None


def misspelled(words: tuple[str, ...], rng: Random) -> str:
    """One of the words with some letters put in, taken out or in another order."""
    letters = list(rng.choice(words))
    for _ in range(rng.randint(0, 4)):
        at = rng.randrange(len(letters) + 1)
        if rng.random() < 0.5:
            letters.insert(at, rng.choice("abcdefghijklmnop-_é²ı"))
        elif len(letters) > 1:
            del letters[min(at, len(letters) - 1)]
    return "".join(letters)


@pytest.mark.parametrize("known", [KEYS, FLAGS, ("",), ("a", "A", "é", "i", "ı"), ()])
@pytest.mark.parametrize(("most", "cutoff"), [(1, 0.6), (2, 0.6), (3, 0.5), (30, 0.7), (1, 0.0)])
def test_the_names_are_difflib_s(known: tuple[str, ...], most: int, cutoff: float) -> None:
    rng = Random(f"similar {len(known)} {most}")
    words = [misspelled(known or ("word",), rng)[: similar.LONGEST] if known != ("",) else "" for _ in range(25)]
    found = [similar.close(word, known, most, cutoff) for word in [*words, "", "zzzz"]]
    assert found == [difflib.get_close_matches(word, known, most, cutoff) for word in [*words, "", "zzzz"]]


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [
        ("contxt", KEYS, ["context"]),
        ("tensor_paralel", KEYS, ["tensor_parallel"]),
        ("x" * 5000, KEYS, []),
        ("context" + "y" * 5000, ("context", "context" + "y" * 53), ["context" + "y" * 53]),
    ],
)
def test_exact_names(word: str, known: tuple[str, ...], found: list[str]) -> None:
    assert similar.close(word, known, 1) == found


def test_a_command_looks_for_so_many_names() -> None:
    with similar.few():
        assert [similar.may_search() for _ in range(similar.MOST_SEARCHES)] == [True] * similar.MOST_SEARCHES
        assert not similar.may_search()
    assert similar.may_search()
