"""Files made to hurt, through the command as a user runs it: one line, little memory, little time, no escape printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from typing import TYPE_CHECKING

import pytest

from tests.command import environment
from tests.importers import models
from tests.importers.hostile import ANSWERED, REFUSED
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="limits are set in a fork")

CPU_SECONDS, MEMORY_BYTES = 2, 200 << 20
"""What a case may take; the system ends a process that takes more."""
DRIVER = """
import json, os, resource, sys
import vramfit.__main__
seconds, memory, sound, cases = json.load(sys.stdin)
screen, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
os.dup2(nothing, 1)
for reference in sound:
    vramfit.__main__.main(["check", "-g", "rtx4090", "-m", reference])
sys.stdout.flush()
os.dup2(screen, 1)
for name, reference, store in cases:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(name + ".out", os.O_CREAT | os.O_WRONLY), 1)
        os.dup2(os.open(name + ".err", os.O_CREAT | os.O_WRONLY), 2)
        os.environ["OLLAMA_MODELS"] = store
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        code = 99
        try:
            code = vramfit.__main__.main(["check", "-g", "rtx4090", "-m", reference])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Runs the command once for each case, in a fork with limits; the modules are loaded once for all, by sound files."""
CASES = {**{name: (4, write) for name, write in REFUSED.items()}, **ANSWERED}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str]]:
    """Exit code, stdout and stderr of every case by its name."""
    open_catalogue()  # compiles it where that is still to be done
    base = tmp_path_factory.mktemp("hostile")
    sound = [str(models.gguf().write(base / "x.gguf")), str(models.write_folder(base / "sound"))]
    cases = []
    for number, (_, write) in enumerate(CASES.values()):
        folder = base / str(number)
        folder.mkdir()
        cases.append((str(folder), write(folder), str(folder)))
    run = subprocess.run(
        [sys.executable, "-c", DRIVER], input=json.dumps([CPU_SECONDS, MEMORY_BYTES, sound, cases]), text=True, check=True,
        stdout=subprocess.PIPE, env=environment(HF_HUB_OFFLINE="1"), cwd=base,
    )  # fmt: skip
    codes = [int(line) for line in run.stdout.split()]
    return {
        name: (code, _text(base / f"{number}.out"), _text(base / f"{number}.err"))
        for number, (name, code) in enumerate(zip(CASES, codes, strict=True))
    }


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, runs: dict[str, tuple[int, str, str]]) -> None:
    """A line, perhaps with a hint below it, and exit 4."""
    code, out, err = runs[name]
    lines = err.splitlines()
    assert (4, "", ["error", "hint"][: len(lines)]) == (code, out, [line.partition(":")[0] for line in lines])
    assert lines


@pytest.mark.parametrize("name", ANSWERED)
def test_what_can_be_shown(name: str, runs: dict[str, tuple[int, str, str]]) -> None:
    """A report, or an error that says what is missing."""
    code, out, err = runs[name]
    assert ANSWERED[name][0] == code
    assert out or len(err.splitlines()) in (1, 2)


@pytest.mark.parametrize("name", CASES)
def test_no_control_character_is_printed(name: str, runs: dict[str, tuple[int, str, str]]) -> None:
    """Neither one that steers a terminal nor one that turns the direction of text."""
    _, out, err = runs[name]
    assert [] == [
        one
        for one in (out + err).translate({9: None, 10: None})
        if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp")
    ]
