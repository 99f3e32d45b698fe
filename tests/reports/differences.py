"""Where two answers differ, and which differences are listed as meant."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

EXPECTED = Path(__file__).parent / "expected_differences.yaml"
ABSENT = "(absent)"


@dataclass(frozen=True)
class Difference:
    """One place at which answers differ."""

    path: str
    """``remedies[].command``; ``(kind)`` where one is an error or a crash and the other is not, ``(rows)`` where one
    answers for more quantizations, ``(text)`` where the same values are written otherwise."""
    before: Any
    after: Any


@dataclass(frozen=True)
class Expected:
    """A listed fault: which deployments it may change, where, and why."""

    reason: str
    deployments: Mapping[str, Sequence[str]]
    """Patterns of raw values, one of which must hold for each key named; a list holds if one of its members does."""
    paths: Sequence[str]
    """Patterns of paths that may differ."""

    def allows(self, deployment: Mapping[str, Any], path: str) -> bool:
        """Whether the fault explains a difference at ``path`` of the deployment's answer."""
        return any(matches(path, pattern) for pattern in self.paths) and all(
            any(fnmatchcase(_text(one), pattern) for one in _members(deployment.get(key)) for pattern in patterns)
            for key, patterns in self.deployments.items()
        )


def expected_differences(file: Path = EXPECTED) -> list[Expected]:
    """The listed faults of a file; raises ``TypeError`` for an entry of another shape.

    A pattern alone, where a list of them is meant, would be taken for its letters.
    """
    found = [Expected(**entry) for entry in yaml.safe_load(file.read_text(encoding="utf-8")) or []]
    if any(isinstance(one, str) for entry in found for one in (entry.paths, *entry.deployments.values())):
        raise TypeError(f"{file}: patterns must be lists")
    return found


def matches(text: str, pattern: str) -> bool:
    """Shell patterns, but for brackets, which paths have (``remedies[].*``)."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def differences(before: Sequence[str], after: Sequence[str]) -> list[Difference]:
    """Differing places of one deployment's answers, which are lines of JSON; none where they are equal as text."""
    if list(before) == list(after):
        return []
    old, new = ([json.loads(line) for line in lines] for lines in (before, after))
    if [_kind(row) for row in old] != [_kind(row) for row in new]:
        place = (
            "(kind)" if len(old) == len(new) or {_kind(row) for row in old} != {_kind(row) for row in new} else "(rows)"
        )
        return [Difference(place, [_brief(row) for row in old], [_brief(row) for row in new])]
    found = [one for pair in zip(old, new, strict=True) for one in _between("", *pair)]
    return found or [Difference("(text)", list(before), list(after))]


def _between(path: str, old: Any, new: Any) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in (*old, *(key for key in new if key not in old)):
            below = f"{path}.{key}" if path else str(key)
            yield from _between(below, old.get(key, ABSENT), new.get(key, ABSENT))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            yield from _between(f"{path}[]", one, other)
    elif old != new or type(old) is not type(new):
        yield Difference(path, old, new)


def _kind(row: Mapping[str, Any]) -> str:
    return next((kind for kind in ("error", "crash") if kind in row), "estimate")


def _brief(row: Mapping[str, Any]) -> str:
    kind = _kind(row)
    return f"{row['quant']['scheme']} {row['verdict']}" if kind == "estimate" else f"{kind}: {row[kind]}"


def _members(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _text(given: Any) -> str:
    """A raw value as a file writes it: ``true``, ``4096``, ``rtx4090``; ``null`` for a key that is not given."""
    return given if isinstance(given, str) else json.dumps(given)
