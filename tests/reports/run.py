"""Answers of an installed vramfit to many deployments, through ``vramfit check --file - --format ndjson``.

A process answers many deployments. One that makes it crash is found and has the crash as its answer; the others are
answered by further processes.
"""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    Deployment = Mapping[str, Any]
    Answers = dict[str, list[str]]
    """Lines of output by the deployment's name, one for each quantization, an error or a crash."""

CHUNK = 100
"""Deployments a process is given."""
ANSWERED = (0, 1, 2, 3, 4)
"""Exit codes of a process that answered every deployment (the contract's)."""
PROCESS_SECONDS = 900


def isolated(home: Path) -> dict[str, str]:
    """An environment without the user's files, terminal settings and paths; ``home`` holds the caches."""
    home.mkdir(parents=True, exist_ok=True)
    homes = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA", "STATE")}
    known = {"HOME": str(home), "USERPROFILE": str(home), "PATH": os.environ.get("PATH", os.defpath)}
    return {**homes, **known, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "PYTHONHASHSEED": "0"}


def answers(
    pythons: Sequence[str], deployments: Sequence[Deployment], homes: Sequence[Path], jobs: int = 1
) -> list[Answers]:
    """Answers of each interpreter, ``jobs`` processes at a time; ``homes`` has a directory for each one's cache."""
    chunks = [deployments[start : start + CHUNK] for start in range(0, len(deployments), CHUNK)]
    with ThreadPoolExecutor(jobs) as pool:
        sides = [
            [pool.submit(_answered, python, chunk, home) for chunk in chunks]
            for python, home in zip(pythons, homes, strict=True)
        ]
        found = [[chunk.result() for chunk in side] for side in sides]
    return [{name: lines for chunk in side for name, lines in chunk.items()} for side in found]


def _answered(python: str, chunk: Sequence[Deployment], home: Path) -> Answers:
    """Answers of one process, and of as many more as crashes make necessary."""
    code, lines, error = _process(python, chunk, home)
    found = _by_name(chunk, lines)
    if code in ANSWERED and all(found.values()):
        return found
    if len(chunk) == 1:
        name = chunk[0]["name"]
        return {name: [*found[name], json.dumps({"crash": error, "exit_code": code})]}
    # Output comes in order, so those before the last one seen are complete; it, or the next, is what crashed.
    last = max((number for number, one in enumerate(chunk) if found[one["name"]]), default=0)
    complete = {one["name"]: found[one["name"]] for one in chunk[:last]}
    if not all(complete.values()):
        raise RuntimeError(
            f"{python} left out a deployment of {[name for name, lines in complete.items() if not lines]}"
        )
    rest = [chunk[last : last + 1], chunk[last + 1 : last + 2], chunk[last + 2 :]]
    for part in rest:
        if part:
            complete |= _answered(python, part, home)
    return complete


def _process(python: str, chunk: Sequence[Deployment], home: Path) -> tuple[int, list[str], str]:
    """Exit code, lines of stdout and the line of stderr that names a crash, of one process."""
    command = [python, "-m", "vramfit", "check", "--file", "-", "--format", "ndjson"]
    document = json.dumps({"deployments": list(chunk)}).encode()
    ran = subprocess.run(
        command, input=document, capture_output=True, check=False, cwd=home, env=isolated(home), timeout=PROCESS_SECONDS
    )
    errors = [line for line in ran.stderr.decode().splitlines() if "internal error" in line or "Error:" in line]
    return ran.returncode, ran.stdout.decode().splitlines(), errors[-1] if errors else ""


def _by_name(chunk: Sequence[Deployment], lines: Iterable[str]) -> Answers:
    """Lines under the names of their deployments; a line cut off by a crash is left out."""
    found: Answers = {one["name"]: [] for one in chunk}
    for line in lines:
        try:
            name = json.loads(line).get("name")
        except ValueError:
            continue
        if name in found:
            found[name].append(line)
    return found
