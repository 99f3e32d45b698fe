"""Tests run in forks of one process for each tree, which has collected them: starting pytest anew takes seconds.

Not every mutant can be met so (see ``swap``): the others are met by a process of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from tests.mutation.forking import JOBS, collected
from tests.mutation.tree import pytest_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from tests.mutation.tree import Tree


class Forks:
    """The process of one tree, started at its first job."""

    def __init__(self, tree: Tree, files: Sequence[str]) -> None:
        self.tree, self.files = tree, files
        self.process: subprocess.Popen[bytes] | None = None

    def answer(self, module: str, after: str, tests: Mapping[str, float]) -> tuple[str, str]:
        """What becomes of a mutant (``run.Outcome.how``, or ``elsewhere``) and the test that failed.

        ``tests`` are in order, with the seconds of processing that each may take.
        """
        if self.process is None:
            self._start()
        job = {
            "module": module,
            "before": self.tree.read(module),
            "after": after,
            "tests": tests,
        }
        self.jobs.write(json.dumps(job) + "\n")
        self.jobs.flush()
        answer = json.loads(self.answers.readline())
        return answer["how"], answer["failed"]

    def _start(self) -> None:
        job_read, job_write = os.pipe()
        answer_read, answer_write = os.pipe()
        command = pytest_command(self.tree, [*collected(self.tree.root), *self.files])
        environment = self.tree.variables() | {JOBS: f"{job_read},{answer_write}"}
        silent = subprocess.DEVNULL
        self.process = subprocess.Popen(
            command,
            cwd=self.tree.root,
            env=environment,
            stdout=silent,
            stderr=silent,
            pass_fds=(job_read, answer_write),
        )
        os.close(job_read)
        os.close(answer_write)
        self.jobs, self.answers = os.fdopen(job_write, "w"), os.fdopen(answer_read)

    def __enter__(self) -> Self:
        """Nothing is started before the first job."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process by ending its jobs."""
        if self.process is not None:
            self.jobs.close()
            self.process.wait()
            self.answers.close()
