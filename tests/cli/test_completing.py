"""Candidates for a keypress, and the scripts that ask for them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.command import SOURCE, vramfit
from vramfit.cli.completing import SHELLS, candidates


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["che"], ["check"]),
        (["list", "mo"], ["models"]),
        (["completion", ""], list(SHELLS)),
        (["help", "rec"], ["recommend"]),
        (["check", "-g", "rtx4090-"], ["rtx4090-48gb", "rtx4090-laptop"]),
        (["check", "-g", "2xrtx4090-4"], ["2xrtx4090-48gb"]),
        (["check", "-g", "rtx4090,l40"], ["rtx4090,l40", "rtx4090,l40s", "rtx4090,l40g"]),
        (["check", "--gpu=rtx4090-l"], ["--gpu=rtx4090-laptop"]),
        (["check", "-g", "au"], ["auto"]),
        (["check", "4090-l"], ["rtx4090-laptop"]),
        (["check", "rtx4090", "qwen3-8"], ["qwen3-8b"]),
        (["check", "-m", "qwen3-8"], ["qwen3-8b"]),
        (["check", "--quant", "q4_k"], ["Q4_K_M", "Q4_K_S"]),
        (["check", "--engine", "tr"], ["transformers"]),
        (["check", "--level", ""], ["fits", "tight"]),
        (["check", "--fail-"], ["--fail-on"]),
        (["check", "-f", ""], []),
        (["check", "--", ""], []),
        (["nonsense", ""], []),
        (["show", "m4-max-1"], ["m4-max-128gb"]),
        (["list", "gpus", "--sea"], ["--search"]),
    ],
)
def test_candidates(words: list[str], expected: list[str]) -> None:
    assert expected == [word for word, _ in candidates(words)]


def test_each_has_its_description() -> None:
    assert (
        "rtx4090-laptop\tNVIDIA GeForce RTX 4090 Laptop GPU\n" == vramfit("__complete", "check", "-g", "rtx4090-l").out
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_ask_for_candidates(shell: str) -> None:
    ran = vramfit("completion", shell)
    assert (0, "") == (ran.code, ran.err)
    assert "vramfit __complete" in ran.out


@pytest.mark.parametrize("arguments", [(), ("csh",)])
def test_other_shells(arguments: tuple[str, ...]) -> None:
    ran = vramfit("completion", *arguments)
    assert 2 == ran.code
    assert "vramfit completion bash|zsh|fish|powershell" in ran.err


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes() -> None:
    """The script of bash, run by bash: the word under the cursor gets the program's candidates."""
    lines = (
        'vramfit() { PYTHONPATH="$SOURCE" "$PYTHON" -m vramfit "$@"; }',
        'eval "$(vramfit completion bash)"',
        "COMP_WORDS=(vramfit check -g rtx4090-l); COMP_CWORD=3; _vramfit; echo ${COMPREPLY[@]}",
    )
    import os
    import sys

    variables = {**os.environ, "SOURCE": str(SOURCE), "PYTHON": sys.executable}
    ran = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, text=True, check=True, env=variables)
    assert "rtx4090-laptop\n" == ran.stdout
