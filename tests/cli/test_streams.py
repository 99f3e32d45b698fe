"""Streams that fail: a reader that goes away, a full disk, closed streams. The exit code is the verdict's, or 4."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.command import environment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full is Linux's")

COMMANDS = {
    "check -g rtx4090 -m llama-2-7b --quant int4": 0,
    "check -g rtx4090 -m llama-2-7b --quant int4 --format table --color always": 0,
    "check -g rtx3060-8gb -m llama-3.1-70b --quant fp16 --json": 1,
    "check -g nope -m llama-2-7b": 2,
    "check -g nope -m llama-2-7b --json": 2,
    "check --nope": 2,
    "check -f two.yaml --format ndjson": 1,
    "check -f two.yaml --format junit": 1,
    "check -f absent.yaml --format csv": 4,
    "list gpus": 0,
    "list nope": 2,
    "show rtx4090": 0,
    "show nope --json": 2,
    "matrix -g rtx3060-8gb -m llama-3.1-70b": 0,
    "matrix -g nope -m llama-3.1-70b --json": 2,
    "recommend -g rtx4090 --limit 1": 0,
    "recommend -g nope --json": 2,
    "verify absent.log": 4,
    "import absent.gguf": 2,
    "catalogue path": 0,
    "catalogue schema gpus": 0,
    "catalogue summary": 0,
    "explain -g rtx4090 -m llama-2-7b --quant int4": 0,
    "compare quant=int8 quant=int4 -g rtx4090 -m llama-2-7b": 0,
    "compare quant=int8 quant=nope -g rtx4090 -m llama-2-7b": 2,
    "plot -g rtx4090 -m llama-2-7b --quant int4": 0,
    "completion bash": 0,
    "help check": 0,
    "help --man": 0,
    "list quants": 0,
    "list engines": 0,
    "--help": 0,
    "--version": 0,
}
"""Commands, and the exit code of each whose streams are sound."""
ERRORS = (2, 4)
"""Exit codes of commands that may have nothing to write to stdout."""
FULL_EXIT_CODE = 4
STREAMS = {
    "{} 2>/dev/null | true": False,
    "{} 2>/dev/null | head -1 >/dev/null": False,
    "{} >/dev/null 2>/dev/full": False,
    "{} >/dev/full 2>/dev/null": True,
    "PYTHONUNBUFFERED=1 {} >/dev/full 2>/dev/null": True,
    "{} >/dev/full 2>/dev/full": True,
    "{} >&- 2>&- <&-": False,
}
"""What is done to the streams, and whether stdout is full."""
DEPLOYMENTS = """deployments:
- {gpu: rtx4090, model: llama-2-7b, quant: int4}
- {gpu: rtx3060-8gb, model: llama-3.1-70b, quant: fp16}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a deployments file."""
    path = tmp_path_factory.mktemp("streams")
    (path / "two.yaml").write_text(DEPLOYMENTS, encoding="utf-8")
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_the_code_is_the_verdict_s_or_4(command: str, folder: Path) -> None:
    """A line of shell for each way in which streams fail; the code is that of the first command of a pipe."""
    program = f"{shlex.quote(sys.executable)} -m vramfit {command}"
    lines = [f"( {how.format(program)}; echo ${{PIPESTATUS[0]}} >&3 )" for how in STREAMS]
    script = "exec 3>&1\n" + "\n".join(lines)
    ran = subprocess.run(["bash", "-c", script], capture_output=True, cwd=folder, env=environment(), check=False)
    code = COMMANDS[command]
    found = dict(zip(STREAMS, [int(line) for line in ran.stdout.split()], strict=True))
    allowed = {
        how: {code, FULL_EXIT_CODE} if full and code in ERRORS else {FULL_EXIT_CODE if full else code}
        for how, full in STREAMS.items()
    }
    assert {how: one for how, one in found.items() if one not in allowed[how]} == {}


ENVIRONMENTS = (
    {"TERM": "dumb"}, {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}, {"COLUMNS": "20"}, {"NO_COLOR": "1"},
    {"CLICOLOR_FORCE": "1"}, {"FORCE_COLOR": "1", "COLUMNS": "1"}, {"PYTHONIOENCODING": "ascii"},
)  # fmt: skip
SHOWN = (
    "check -g rtx4090 -m llava-1.6-13b --format table", "list models --format table", "show llava-1.6-13b --format table",
    "matrix -g rtx4090 -m llama-2-7b --format table", "recommend -g rtx4090 --limit 2 --format table",
    "explain -g rtx4090 -m llama-2-7b --quant int4 --format table",
    "compare quant=int8 quant=int4 -g rtx4090 -m llama-2-7b --format table",
    "plot -g rtx4090 -m llama-2-7b --quant int4 --format table", "show rtx4090 --format table", "list gpus --format table",
    "list quants --format table", "list engines --format table",
)  # fmt: skip


@pytest.mark.parametrize("command", SHOWN)
def test_terminals_of_every_kind_get_the_same_code(command: str) -> None:
    """Colours, widths and encodings change what is shown, and nothing of it ends in a traceback."""
    ran = [
        subprocess.run(
            [sys.executable, "-m", "vramfit", *command.split()],
            capture_output=True, env=environment(**variables), check=False,
        )
        for variables in ({}, *ENVIRONMENTS)
    ]  # fmt: skip
    assert {one.returncode for one in ran} == {ran[0].returncode}
    assert ran[0].returncode in (0, 1)
    assert {one.stderr for one in ran} == {b""}
    assert all(one.stdout for one in ran)
    coloured = [
        bool(variables.get("FORCE_COLOR") or variables.get("CLICOLOR_FORCE")) for variables in ({}, *ENVIRONMENTS)
    ]
    assert [b"\x1b[" in one.stdout for one in ran] == coloured
