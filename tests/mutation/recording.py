"""A pytest plugin that notes which test executes which lines of the mutated rooms, and how long it takes.

Written as JSON to the file that the variable ``VRAMFIT_MUTATION_RECORD`` names: seconds of each test that passed, and for
each line of a module a number of a set of tests, since most lines share theirs with others.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coverage
import pytest

from tests.mutation.mutants import ROOMS
from tests.mutation.reach import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator


class Recording:
    """Coverage with one context for each test."""

    def __init__(self, root: Path, out: Path) -> None:
        self.root, self.out = root, out
        self.seconds: dict[str, float] = {}
        sources = [str(root / room) for room in ROOMS]
        self.coverage = coverage.Coverage(data_file=None, config_file=False, source=sources, messages=False)
        self.coverage.set_option("run:disable_warnings", ["no-data-collected", "module-not-imported"])
        self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Lines executed from here on are the test's, its fixtures' included."""
        self.coverage.switch_context(item.nodeid)
        yield

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the time of tests that passed: one that fails without a mutant would kill every mutant."""
        if report.failed:
            self.seconds[report.nodeid] = float("inf")
        elif report.when == "call":
            self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        """Write what was found."""
        self.coverage.stop()
        data: Any = self.coverage.get_data()
        passed = {name: seconds for name, seconds in self.seconds.items() if seconds != float("inf")}
        numbers = {name: number for number, name in enumerate(passed)}
        sets: dict[tuple[int, ...], int] = {}
        files = {}
        for file in sorted(data.measured_files()):
            lines = {}
            for line, contexts in data.contexts_by_lineno(file).items():
                tests = tuple(sorted(numbers[context] for context in contexts if context in numbers))
                lines[line] = sets.setdefault(tests, len(sets))
            files[Path(file).relative_to(self.root).as_posix()] = lines
        self.out.write_text(json.dumps({"seconds": passed, "sets": list(sets), "files": files}))


def pytest_configure(config: pytest.Config) -> None:
    """Begin before the modules under test are imported."""
    config.pluginmanager.register(Recording(config.rootpath, Path(os.environ[RECORD])))
