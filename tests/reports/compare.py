"""The comparison of two versions' answers to one draw, and what is printed of it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.reports.differences import Difference, differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.reports.differences import Expected
    from tests.reports.run import Answers

EXAMPLES = 3
"""Deployments named for a group of equal differences."""
PATHS = 12
"""Paths printed for a group; the file has them all."""


@dataclass(frozen=True)
class Changed:
    """One deployment whose answer changed."""

    deployment: Mapping[str, Any]
    found: Sequence[Difference]
    reasons: Sequence[str | None]
    """The listed fault that explains each of ``found``; None where none does."""

    @property
    def listed(self) -> bool:
        """Whether listed faults explain all of it."""
        return None not in self.reasons

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it changed, each place once."""
        return tuple(sorted({one.path for one in self.found}))


def changed(
    deployments: Sequence[Mapping[str, Any]], before: Answers, after: Answers, expected: Sequence[Expected]
) -> list[Changed]:
    """Deployments whose answers are not equal byte for byte, in the order drawn."""
    found = []
    for deployment in deployments:
        name = deployment["name"]
        places = differences(before[name], after[name])
        if places:
            reasons = [next((e.reason for e in expected if e.allows(deployment, d.path)), None) for d in places]
            found.append(Changed(deployment, places, reasons))
    return found


def summary(
    deployments: Sequence[Mapping[str, Any]], before: Answers, found: Sequence[Changed], expected: Sequence[Expected]
) -> Iterator[str]:
    """Lines for people: what was compared, what it reached, and each group of equal differences, unlisted ones first."""
    unlisted = [one for one in found if not one.listed]
    yield f"{len(deployments)} deployments, {sum(len(lines) for lines in before.values())} answers before"
    yield from (f"  {kind}: {text}" for kind, text in _reached(before))
    yield f"equal {len(deployments) - len(found)}, changed as listed {len(found) - len(unlisted)}, not listed {len(unlisted)}"
    for title, group in (("not listed", unlisted), ("listed", [one for one in found if one.listed])):
        by_paths: dict[tuple[str, ...], list[Changed]] = defaultdict(list)
        for one in group:
            by_paths[one.paths].append(one)
        for paths, members in sorted(by_paths.items(), key=lambda pair: -len(pair[1])):
            names = ", ".join(str(one.deployment["name"]) for one in members[:EXAMPLES])
            more = f", … {len(paths) - PATHS} more" if len(paths) > PATHS else ""
            yield f"  {title}: {len(members)} at {', '.join(paths[:PATHS])}{more} ({names}{', …' * (len(members) > EXAMPLES)})"
    used = {reason for one in found for reason in one.reasons}
    yield from (f"  listed but not seen: {one.reason}" for one in expected if one.reason not in used)


def _reached(answers: Answers) -> Iterator[tuple[str, str]]:
    """How often each verdict, error and kind of remedy occurs."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in ("verdicts", "errors", "remedies", "crashes")}
    for line in (line for lines in answers.values() for line in lines):
        row = json.loads(line)
        if "error" in row:
            counts["errors"][row["error"]["code"]] += 1
        elif "crash" in row:
            counts["crashes"][row["crash"]] += 1
        else:
            counts["verdicts"][row["verdict"]] += 1
            counts["remedies"].update(remedy["kind"] for remedy in row["remedies"])
    for kind, counted in counts.items():
        if counted:
            yield kind, ", ".join(f"{name} {count}" for name, count in sorted(counted.items()))


def full(found: Sequence[Changed]) -> Iterator[str]:
    """Every difference with both values, for a file."""
    for one in found:
        yield json.dumps(dict(one.deployment))
        for place, reason in zip(one.found, one.reasons, strict=True):
            yield f"  {place.path}: {json.dumps(place.before)} -> {json.dumps(place.after)}"
            yield f"    {'NOT LISTED' if reason is None else f'listed: {reason}'}"
