"""Outcomes kept from one run to the next, so that a run that was stopped goes on and another meets only what changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tests.mutation.mutants import Mutant
from tests.mutation.reach import KEPT, digest
from tests.mutation.run import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Kept:
    """Outcomes for one state of each module.

    That a test noticed a mutant holds as long as the module and the test's file are the same: a change elsewhere, by which
    that test would no longer notice it, is met when either changes next. That none did, as long as all tests are.
    """

    def __init__(self, root: Path, files: Sequence[str], folder: Path = KEPT) -> None:
        # As they are now: whoever works on the tests meanwhile changes nothing of this run.
        self.digests = {name: digest([root / name]) for name in files if (root / name).exists()}
        self.modules = {
            file.relative_to(root).as_posix(): digest([file]) for file in sorted((root / "src").rglob("*.py"))
        }
        self.file = folder / "outcomes.jsonl"
        self.lines: list[dict[str, Any]] = []
        if self.file.exists():
            self.lines = [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]

    def outcomes(self, drawn: Sequence[Mutant]) -> list[Outcome]:
        """What is known of the mutants that were drawn."""
        found: dict[Mutant, Outcome] = {}
        for line in self.lines:
            mutant = _mutant(line["outcome"]["mutant"])
            outcome = Outcome(**line["outcome"] | {"mutant": mutant})
            if (line["source"], line["tests"]) == (self.modules.get(mutant.module), self._tests(outcome)):
                found[mutant] = outcome
        return [found[one] for one in drawn if one in found]

    def add(self, outcome: Outcome) -> None:
        """Keep one more."""
        source = self.modules[outcome.mutant.module]
        line = {"source": source, "tests": self._tests(outcome), "outcome": asdict(outcome)}
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _tests(self, outcome: Outcome) -> str:
        noticed = self.digests.get(outcome.failed.partition("::")[0])
        return noticed or " ".join(self.digests.values())


def _mutant(fields: dict[str, Any]) -> Mutant:
    return Mutant(**fields | {"start": tuple(fields["start"]), "end": tuple(fields["end"])})
