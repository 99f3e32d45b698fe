"""Filters and orders of the listed GPUs and models.

A filter that cannot match anything, because the catalogue has no such vendor, family or modality, is a usage error
with the nearest words: an empty list would hide the slip. A value that is unknown in an entry never matches a bound.
"""

from __future__ import annotations

from vramfit.errors import UsageError
from vramfit.quantities import parse_size
from vramfit.units import GB, GIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    Object = Mapping[str, Any]

SORT_KEYS: dict[str, tuple[str, ...]] = {
    "gpus": ("id", "name", "vendor", "memory", "usable", "bandwidth", "price", "rent", "released"),
    "models": ("id", "name", "family", "parameters", "active", "context", "released"),
    "quants": ("id", "bits"),
}
"""Keys that each list can be sorted by."""

_FIELDS = {
    "memory": "marketed_gb",
    "usable": "usable_bytes",
    "bandwidth": "bandwidth_bytes_per_second",
    "price": "price_usd",
    "rent": "rent_usd_per_hour",
    "active": "active_parameters",
    "context": "max_context",
    "bits": "bits_per_weight",
}
_COUNTS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def ordered(kind: str, objects: Iterable[Object], by: str | None, *, reverse: bool = False) -> list[Object]:
    """Sort objects from the smallest, earliest or first in the alphabet; unknown values are last either way.

    The catalogue's own order is kept where ``by`` is None. Raises ``UsageError`` for a key the list does not have.
    """
    listed = list(objects)
    if by is None:
        return listed[::-1] if reverse else listed
    if by not in SORT_KEYS[kind]:
        raise UsageError(f'{kind} cannot be sorted by "{by}"', f"one of: {', '.join(SORT_KEYS[kind])}")
    field = _FIELDS.get(by, by)
    known = sorted((o for o in listed if o[field] is not None), key=lambda o: _folded(o[field]), reverse=reverse)
    return known + [o for o in listed if o[field] is None]


def words(objects: Sequence[Object], fields: Sequence[str], asked: Sequence[str] | None, what: str) -> list[Object]:
    """Select objects of which a field in ``fields`` is one of the words, or begins with one as a whole word.

    ``ada`` is Ada Lovelace, ``qwen`` every family of Qwen's, ``qwen3`` not ``qwen3.5``. Raises ``UsageError`` for a
    word that fits no object at all; ``what`` names the filter.
    """
    if not asked:
        return list(objects)
    kept: list[Object] = []
    for word in asked:
        found = [o for o in objects if any(_begins(str(o[field] or ""), word) for field in fields)]
        if not found:
            raise _no_such(word, {str(o[field]) for o in objects for field in fields if o[field]}, what)
        kept += found
    ids = {o["id"] for o in kept}
    return [o for o in objects if o["id"] in ids]


def searched(objects: Iterable[Object], text: str | None, fold: Callable[[str], str]) -> list[Object]:
    """Objects whose id, name, Hugging Face ids or Ollama tags contain a text, written however."""
    if text is None:
        return list(objects)
    key = fold(text)
    fields = ("id", "name", "architecture", "hf", "ollama", "aliases")
    return [o for o in objects if any(key in fold(spelling) for f in fields for spelling in _texts(o.get(f)))]


def between(objects: Iterable[Object], fields: Sequence[str], least: float | None, most: float | None) -> list[Object]:
    """Objects with a known value in the bounds in one of ``fields``."""
    if least is None and most is None:
        return list(objects)
    low, high = least or float("-inf"), float("inf") if most is None else most
    return [o for o in objects if any(o[field] is not None and low <= o[field] <= high for field in fields)]


def since(objects: Iterable[Object], date: str | None) -> list[Object]:
    """Select objects released on or after a year, a month or a day; one known by its year alone counts with it.

    Raises ``UsageError`` for a text that is no date.
    """
    if date is None:
        return list(objects)
    parts = date.split("-")
    if not (1 <= len(parts) <= 3 and len(parts[0]) == 4 and all(p.isdecimal() for p in parts)) or any(
        len(part) != 2 for part in parts[1:]
    ):
        raise UsageError(f'--since: "{date}" is not a date', "write 2024, 2024-06 or 2024-06-30")
    return [o for o in objects if o["released"] and o["released"][: len(date)] >= date[: len(o["released"])]]


def marketed_gb(text: str | None) -> float | None:
    """Parse a bound on the size on the box: ``24GB`` and ``24GiB`` both mean cards sold as 24 GB.

    Raises ``UsageError`` for a number without a unit.
    """
    if text is None:
        return None
    return parse_size(text) / (GIB if text.strip().lower().endswith("ib") else GB)


def parameter_count(text: str | None) -> float | None:
    """Parse ``7B``, ``350M``, ``1.5T``; raises ``UsageError`` for anything else."""
    if text is None:
        return None
    number, factor = text.strip()[:-1], _COUNTS.get(text.strip()[-1:].upper())
    if factor is None or not number.replace(".", "", 1).isdecimal():
        raise UsageError(f'"{text}" is not a number of parameters', "write 7B (10^9), 350M or 1.5T")
    return float(number) * factor


def _begins(value: str, word: str) -> bool:
    value, word = value.lower(), word.strip().lower()
    if not word or not value.startswith(word):
        return False
    following = value[len(word) : len(word) + 1]
    if word[-1].isdecimal():
        return not (following.isalnum() or following == ".")
    return not following.isalpha()


def _no_such(word: str, known: set[str], what: str) -> UsageError:
    from vramfit.similar import close

    near = close(word.lower(), sorted(known), 3, 0.5)
    some = sorted(known)
    hint = f"did you mean {' or '.join(near)}?" if near else f"one of: {', '.join(some[:12])}{', …' * (len(some) > 12)}"
    return UsageError(f'no {what} is called "{word}"', hint)


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())
