"""The invariants together, and one run over drawn deployments."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.properties import limits, monotone, promises, restated, shares
from tests.properties.asked import Asker
from tests.properties.drawn import drawn
from tests.properties.explained import explanation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.properties.asked import Raw, Violation

    Invariant = Callable[[Raw, Asker, Random], Iterator[Violation]]


def _monotone(raw: Raw, asker: Asker, rng: Random) -> Iterator[Violation]:
    for step in rng.sample(monotone.STEPS, STEPS_EACH):
        yield from monotone.broken(raw, step, asker, rng)


STEPS_EACH = 4
"""Steps of monotony that are tried from one deployment."""
INVARIANTS: dict[str, tuple[Invariant, float]] = {
    "monotone": (_monotone, 1.0),
    "sums": (shares.uneven, 1.0),
    "shares": (shares.lost, 0.5),
    "limits": (limits.missed, 0.5),
    "echo": (restated.unechoed, 0.5),
    "spelling": (restated.misspelled, 0.5),
    "terms": (restated.unsummed, 0.5),
    "commands": (restated.unread, 0.5),
    "speeds": (restated.slower, 0.3),
    "remedies": (promises.unkept, 0.1),
    "recommendations": (promises.unasked, 0.02),
}
"""Invariants by name, with the share of deployments that each is asked of, by what it costs."""


@dataclass
class Run:
    """Outcome of a run: how often each invariant was asked, and every violation."""

    asked: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    asker: Asker = field(default_factory=Asker)

    def deployment(self, seed: str, only: str | None = None) -> None:
        """Draw one deployment by a seed and ask the invariants of it."""
        rng = Random(seed)
        raw = drawn(rng)
        for name, (invariant, share) in INVARIANTS.items():
            if only == name or (only is None and rng.random() < share):
                self.hold(name, invariant, raw, rng)

    def hold(self, name: str, invariant: Invariant, raw: Raw, rng: Random) -> None:
        """Ask one invariant of one deployment."""
        self.asked[name] += 1
        for found in invariant(raw, self.asker, rng):
            known = explanation(found)
            if known is None:
                self.violations.append(found)
            else:
                self.explained[f"{found.kind}: {known.source}"] += 1
