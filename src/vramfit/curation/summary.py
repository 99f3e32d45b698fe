"""Summary of the catalogue: how old its figures are, and what its entries rest on.

A source's age is the latest date that its description states; many state none, which is said and not guessed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from vramfit.curation.derive import RECALLED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KINDS = ("gpus", "models")
_DATE = re.compile(r"\b(20\d\d-[01]\d(?:-[0-3]\d)?)\b")


class Counted(NamedTuple):
    """Source of a kind of entries."""

    kind: str
    key: str
    entries: int
    """Entries that name it."""
    alone: int
    """Entries that name no other."""
    date: str | None
    name: str


class Summary(NamedTuple):
    """Age of the catalogue, and what it rests on."""

    entries: Mapping[str, int]
    sources: tuple[Counted, ...]
    """Sources by kind, those of most entries first."""
    recalled_alone: Mapping[str, tuple[str, ...]]
    """Ids of the entries that rest on memory alone, by kind."""
    confidence: Mapping[str, int]
    """GPUs by the confidence in their figures."""
    oldest: str | None
    """Earliest date that a source states."""
    newest: str | None
    newest_entry: Mapping[str, str | None]
    """Latest release of an entry, by kind."""
    prices: Mapping[str, int]
    """Prices by what is known of their date: launch prices, and rents by the date of their source."""


def summarize(written: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Iterable[Mapping[str, Any]]]) -> Summary:
    """Summarize parsed files and compiled entries, both by kind."""
    entries = {kind: list(facts[kind]) for kind in KINDS}
    sources = [one for kind in KINDS for one in _sources(kind, entries[kind], written[kind].get("sources") or {})]
    dates = sorted([one.date for one in sources if one.date is not None])
    recalled = {
        kind: tuple([str(one["id"]) for one in entries[kind] if set(_keys(one)) == {RECALLED}]) for kind in KINDS
    }
    gpus = entries["gpus"]
    released = {
        kind: max([str(one["released"]) for one in entries[kind] if one.get("released")], default=None)
        for kind in KINDS
    }
    return Summary(
        {kind: len(found) for kind, found in entries.items()},
        tuple(sources),
        recalled,
        _counts(str(one.get("confidence") or "unknown") for one in gpus),
        dates[0] if dates else None,
        dates[-1] if dates else None,
        released,
        _prices(gpus),
    )


def _sources(kind: str, entries: list[Mapping[str, Any]], named: Mapping[str, Any]) -> list[Counted]:
    keys = [set(_keys(entry)) for entry in entries]
    counts = _counts(key for found in keys for key in found)
    rows = []
    for key, count in counts.items():
        described = named.get(key)
        name = str(described.get("name") if isinstance(described, dict) else described or key)
        stated = [
            *_DATE.findall(name),
            *_DATE.findall(str(described.get("as_of")) if isinstance(described, dict) else ""),
        ]
        rows.append(Counted(kind, key, count, sum([found == {key} for found in keys]), max(stated, default=None), name))
    return sorted(rows, key=lambda row: (-row.entries, row.key))


def _keys(entry: Mapping[str, Any]) -> list[str]:
    """Keys of an entry's sources, without what points into them."""
    return [str(source).partition("/")[0] for source in entry.get("sources") or ()]


def _prices(gpus: list[Mapping[str, Any]]) -> dict[str, int]:
    launch = sum([one.get("price_usd") is not None for one in gpus])
    rents = _counts(f"rents, {rent['as_of']}" for one in gpus for rent in one.get("rents") or ())
    return {"at launch": launch, **dict(sorted(rents.items()))}


def _counts(words: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts
