"""A pytest plugin that collects tests once and runs some of them in a fork for each mutant: the server of ``forks``.

A job is a line of JSON from the pipe ``VRAMFIT_MUTATION_JOBS`` names (``read,write``), its answer another. Where
``swap`` cannot change all that the mutant does, and no test notices what it can, the answer is ``elsewhere``.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import math
import os
import resource
import signal
from typing import TYPE_CHECKING, Any

from tests.mutation.mutants import ROOMS
from tests.mutation.swap import functions_by_place, swap
from tests.mutation.tree import MEMORY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pytest

    from tests.mutation.swap import Swapped

JOBS = "VRAMFIT_MUTATION_JOBS"
SURVIVED, FAILED, ELSEWHERE = 0, 1, 2
"""Exit codes of a fork: no test failed, one did, it takes a process of its own to know."""


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Answer jobs in place of running what was collected."""
    reading, writing = map(int, os.environ[JOBS].split(","))
    for number in (reading, writing):
        os.set_inheritable(number, False)
    root = session.config.rootpath
    for room in ROOMS:
        for module in sorted((root / room).rglob("*.py")):
            parts = module.relative_to(root / "src").with_suffix("").parts
            importlib.import_module(".".join(parts).removesuffix(".__init__"))
    functions = functions_by_place()
    server = Server({item.nodeid: item for item in session.items}, session)
    with os.fdopen(reading) as jobs, os.fdopen(writing, "w") as answers:
        for line in jobs:
            job = json.loads(line)
            file = str(root / job["module"])

            def change(job: dict[str, Any] = job, file: str = file) -> Swapped:
                return swap(file, job["before"], job["after"], functions)

            answers.write(json.dumps(server.answer(job["tests"], change)) + "\n")
            answers.flush()
    return True


class Server:
    """Tests that are collected, and what is known of them."""

    def __init__(self, items: dict[str, pytest.Item], session: pytest.Session) -> None:
        self.items, self.session = items, session
        self.sound: dict[str, bool] = {}
        """Whether a test that failed with a mutant passes without one."""

    def answer(self, tests: Mapping[str, float], change: Callable[[], Swapped]) -> dict[str, Any]:
        """How the tests end: ``how`` as of ``run.Outcome`` or ``elsewhere``, and the test that ``failed``.

        ``tests`` are in order, with the seconds of processing that each may take.
        """
        left = {name: tests[name] for name in tests if name in self.items and self.sound.get(name, True)}
        while left:
            status, failed = self._forked(left, change)
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
                return {"how": "endless", "failed": failed}
            code = os.waitstatus_to_exitcode(status)
            if code == ELSEWHERE:
                return {"how": "elsewhere", "failed": ""}
            if code == SURVIVED:
                return {"how": "survived", "failed": ""}
            if failed not in self.sound:
                self.sound[failed] = self._forked({failed: left[failed]}, lambda: "all")[0] == 0
            if self.sound[failed]:
                return {"how": "failed", "failed": failed}
            del left[failed]
        return {"how": "survived", "failed": ""}

    def _forked(self, tests: Mapping[str, float], change: Callable[[], Swapped]) -> tuple[int, str]:
        """Status of a process that runs the tests until one fails, and the last it began."""
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            code = ELSEWHERE
            # What is raised here was raised by no test.
            with contextlib.suppress(BaseException):
                os.close(reading)
                code = self._run(tests, change, writing)
            os._exit(code)
        os.close(writing)
        with os.fdopen(reading) as begun:
            names = begun.read().splitlines()
        return os.waitpid(child, 0)[1], names[-1] if names else ""

    def _run(self, tests: Mapping[str, float], change: Callable[[], Swapped], writing: int) -> int:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        swapped = change()
        if swapped == "nothing":
            return ELSEWHERE
        names = list(tests)
        for name, after in itertools.zip_longest(names, names[1:]):
            os.write(writing, f"{name}\n".encode())
            spent = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(spent + tests[name]), resource.RLIM_INFINITY))
            item, following = self.items[name], self.items.get(after)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.session.testsfailed:
                return FAILED
        return SURVIVED if swapped == "all" else ELSEWHERE


def collected(root: Path) -> list[str]:
    """Arguments of pytest: this plugin, and a directory for temporary files that each fork begins anew."""
    return ["-p", "tests.mutation.forking", f"--basetemp={root / '.tmp'}"]
