"""Survivors that are known, each with the reason why no test notices it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.mutation.run import Outcome

KNOWN = Path(__file__).parent / "survivors.yaml"


@dataclass(frozen=True)
class Survivor:
    """A mutant by what it does and not by its line, so that it is found again when others move."""

    module: str
    """Path below ``src/vramfit``."""
    function: str
    """Dotted name; empty at the top of the module."""
    operator: str
    before: str
    """Source of the changed lines, without indentation."""
    after: str
    reason: str
    """Why the program is the same with it, or why that no test notices is accepted."""

    def is_of(self, outcome: Outcome) -> bool:
        """Whether the outcome is this mutant's."""
        mine = (f"src/vramfit/{self.module}", self.function, self.operator, self.before, self.after)
        found = outcome.mutant
        return mine == (found.module, outcome.function, found.operator, outcome.before, outcome.after)


def survivors(file: Path = KNOWN) -> list[Survivor]:
    """The known survivors of a file; raises ``TypeError`` for an entry of another shape."""
    return [Survivor(**entry) for entry in yaml.safe_load(file.read_text(encoding="utf-8")) or []]


def reason(outcome: Outcome, known: Iterable[Survivor]) -> str | None:
    """Why a survivor is accepted; None for one that nobody has looked at."""
    return next((one.reason for one in known if one.is_of(outcome)), None)


def entry(outcome: Outcome) -> str:
    """An entry for the file, its reason to be written."""
    keys = {
        "module": outcome.mutant.module.removeprefix("src/vramfit/"),
        "function": outcome.function,
        "operator": outcome.mutant.operator,
        "before": outcome.before,
        "after": outcome.after,
        "reason": "",
    }
    return yaml.safe_dump([keys], sort_keys=False, allow_unicode=True, width=10**6)
