"""Names of families: which models a name without a size, or without a version, can mean. Loaded for unknown names only.

All words of the name are words of a model's id, its name, a repository's, an Ollama tag's or a fine-tune's: ``Wan 2.2 14B``
can be four models, ``medgemma`` two fine-tunes of Gemma 3, and ``xtts`` is the one model ``xtts-v2``.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.catalogue import tags
from vramfit.catalogue.derivatives import HOSTED
from vramfit.catalogue.names import normalise_model
from vramfit.catalogue.packaging import keys_of
from vramfit.catalogue.repositories import parted
from vramfit.similar import may_search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from vramfit.catalogue.container import Container

FEWEST_LETTERS = 3
"""Letters of the shortest word that names a family by itself."""
MOST_WORDS = 6
"""Words of the longest name that is taken for one of a family."""
MOST_ENTRIES = 200
"""Entries that are read for one name: those of the word that fewest have."""
FIRST_WORDS = 3
"""Words at the beginning of a fine-tune's name among which the family's first one is: behind them are bases and teachers."""
PLAIN = frozenset((
    "instruct", "it", "chat", "base", "model", "llm", "moe", "dense", "the", "vision", "thinking", "text", "mini", "small",
    "large", "flash", "lite", "nano", "pro", "max", "next", "coder", "code", "reasoning", "distill",
    "embed", "embedding", "uncensored",
))  # fmt: skip
"""Words that many families have, and none is called."""


class Family(Record):
    """Models that a name can mean."""

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    """Shortest name of each that has all of the words."""
    keys: Mapping[str, str] = {}
    """Deployment keys that words of packaging behind the name state."""


def family(name: str, container: Container) -> Family | None:
    """Models whose names have all words of a name; None where there are none."""
    own, packing, _ = parted(name)
    words = words_of(" ".join(own))
    letters = [word for word in words if len(word) >= FEWEST_LETTERS - 1 and word.isalpha() and word not in PLAIN]
    if "/" in name or ":" in name or not letters or len(words) > MOST_WORDS or not HOSTED.isdisjoint(words):
        return None
    if len(words) == 1 and len(words[0]) < FEWEST_LETTERS:
        return None
    if not may_search():
        return None
    aliases = container.table("model_aliases")
    rarest: set[int] | None = None
    for word in letters:
        numbers = {
            number
            for alias, found in aliases.items()
            if word in alias
            for number in ((found,) if isinstance(found, int) else found)
        }
        rarest = numbers if rarest is None or len(numbers) < len(rarest) else rarest
    found: dict[int, str] = {}
    for number in sorted(rarest or ()) if rarest is not None and len(rarest) <= MOST_ENTRIES else ():
        spelling = _of_words(words, container.record("model_entry", number))
        if spelling is not None:
            found[number] = spelling
    if len(found) == 1 and any(word[:1].isdecimal() for word in words) and _is_generation(words, *found.values()):
        return None
    return Family(tuple(found), tuple(found.values()), keys_of(packing, "")) if found else None


def _is_generation(words: Sequence[str], spelling: str) -> bool:
    """True if a spelling has a generation behind its first word that a name with a size leaves out: ``starcoder 3b``."""
    own = words_of(spelling)
    behind = own[own.index(words[0]) + 1 :][:1] if words[0] in own else []
    return any(word.replace(".", "").isdecimal() and word not in words for word in behind)


def _of_words(words: Sequence[str], entry: Mapping[str, Any]) -> str | None:
    """Shortest of an entry's names that has all words; None where none has. Its id goes first."""
    for spellings, most in ((_own(entry), None), (entry.get("fine_tunes") or (), FIRST_WORDS)):
        having = [one for one in spellings if _has(words, one, most)]
        if having:
            numbers = {word for word in words if word[-1:].isdecimal() or word[:1].isdecimal()}
            known = most is None and numbers.issubset(words_of(entry["id"]))
            return entry["id"] if known else min(having, key=len).rpartition("/")[2]
    return None


def _own(entry: Mapping[str, Any]) -> Iterator[str]:
    yield entry["id"]
    yield entry["name"]
    for repository in entry.get("hf") or ():
        yield repository.rpartition("/")[2]
    for text in entry.get("ollama") or ():
        tag = tags.read(text)
        if tag is not None and tag.quant is None:
            yield text


def _has(words: Sequence[str], spelling: str, most: int | None) -> bool:
    """True if a spelling has all words; with ``most``, if the first of them is among its first ones."""
    own = words_of(spelling.rpartition("/")[2])
    having = {*own, *[word[1:] for word in own if word[:1] == "a" and word[1:2].isdecimal()]}  # ``a14b``
    return all(word in having or (word[0] == "v" and word[1:] in having) for word in words) and (
        most is None or words[0] in own[:most]
    )


def words_of(name: str) -> list[str]:
    """Words of a name in small letters, with letters and the number behind them apart: ``wan``, ``2.2``, ``a14b``.

    ``4.0`` is ``4``.
    """
    found: list[str] = []
    for piece in "".join([c if c.isalnum() or c == "." else " " for c in name.lower()]).split():
        stem = piece.rstrip("0123456789.")
        number = piece[len(stem) :].strip(".").removesuffix(".0")
        if stem and stem.isalpha() and number and stem not in ("a", "e", "v"):
            found += [stem, number]
        else:
            found.append(piece.strip(".").removesuffix(".0"))
    return [word for word in found if word]


def is_slip(key: str, other: str) -> bool:
    """True if a long folded name is another's but for slips of the finger."""
    from vramfit.catalogue.nearest import slips

    return len(key) >= FEWEST_OF_A_TYPO and slips(key, other) <= max(1, len(key) // FEWEST_OF_A_TYPO)


def begins_alike(key: str, other: str) -> bool:
    """True if two folded names begin alike: with the same letters, but for a slip of the finger in longer ones."""
    from vramfit.catalogue.nearest import slips

    one, two = _letters(key), _letters(other)
    if not one or not two:
        return True
    if len(one) < FEWEST_LETTERS or len(two) < FEWEST_LETTERS:
        return one == two
    return one.startswith(two) or two.startswith(one) or slips(one, two) <= max(1, len(one) // MOST_ALIKE)


FEWEST_OF_A_TYPO = 7
"""Letters of a name for each slip by which it is taken for a known one's."""
MOST_ALIKE = 4
"""Letters of a name for each slip that may be in them."""


def _letters(key: str) -> str:
    folded = normalise_model(key)
    return folded[: next((at for at, letter in enumerate(folded) if not letter.isalpha()), len(folded))]
