"""A pytest plugin that collects tests once and runs some of them in a fork for each mutant: the server of ``forks``.

A job is a line of JSON from the pipe ``VRAMFIT_MUTATION_JOBS`` names (``read,write``), its answer another. Where all of a
mutant is within functions, they get its code in the fork; else the answer says so, and nothing is run.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
from typing import TYPE_CHECKING, Any

from tests.mutation.mutants import ROOMS
from tests.mutation.swap import functions_by_place, swap
from tests.mutation.tree import MEMORY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pytest

JOBS = "VRAMFIT_MUTATION_JOBS"
SURVIVED, FAILED, ELSEWHERE = 0, 1, 2
"""Exit codes of a fork: no test failed, one did, the mutant is not within functions."""


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

            def change(job: dict[str, Any] = job, file: str = file) -> bool:
                return swap(file, job["before"], job["after"], functions)

            answers.write(json.dumps(server.answer(job["tests"], job["seconds"], change)) + "\n")
            answers.flush()
    return True


class Server:
    """Tests that are collected, and what is known of them."""

    def __init__(self, items: dict[str, pytest.Item], session: pytest.Session) -> None:
        self.items, self.session = items, session
        self.sound: dict[str, bool] = {}
        """Whether a test that failed with a mutant passes without one."""

    def answer(self, tests: Sequence[str], seconds: int, change: Callable[[], bool]) -> dict[str, Any]:
        """How the tests end: ``how`` as of ``run.Outcome`` or ``elsewhere``, and the test that ``failed``."""
        left = [name for name in tests if name in self.items and self.sound.get(name, True)]
        while left:
            status, failed = self._forked(left, seconds, change)
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
                return {"how": "endless", "failed": failed}
            code = os.waitstatus_to_exitcode(status)
            if code == ELSEWHERE:
                return {"how": "elsewhere", "failed": ""}
            if code == SURVIVED:
                return {"how": "survived", "failed": ""}
            if failed not in self.sound:
                self.sound[failed] = self._forked([failed], seconds, lambda: True)[0] == 0
            if self.sound[failed]:
                return {"how": "failed", "failed": failed}
            left.remove(failed)
        return {"how": "survived", "failed": ""}

    def _forked(self, tests: Sequence[str], seconds: int, change: Callable[[], bool]) -> tuple[int, str]:
        """Status of a process that runs the tests until one fails, and the last it began."""
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            code = FAILED
            try:
                os.close(reading)
                code = self._run(tests, seconds, change, writing)
            finally:
                os._exit(code)
        os.close(writing)
        with os.fdopen(reading) as begun:
            names = begun.read().splitlines()
        return os.waitpid(child, 0)[1], names[-1] if names else tests[0]

    def _run(self, tests: Sequence[str], seconds: int, change: Callable[[], bool], writing: int) -> int:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        if not change():
            return ELSEWHERE
        for number, name in enumerate(tests):
            os.write(writing, f"{name}\n".encode())
            item = self.items[name]
            after = self.items[tests[number + 1]] if number + 1 < len(tests) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if self.session.testsfailed:
                return FAILED
        return SURVIVED


def collected(root: Path) -> list[str]:
    """Arguments of pytest: this plugin, and a directory for temporary files that each fork begins anew."""
    return ["-p", "tests.mutation.forking", f"--basetemp={root / '.tmp'}"]
