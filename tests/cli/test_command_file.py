"""``--command-file``: scripts, histories and stdin in the place of a command behind ``--``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.command import vramfit

if TYPE_CHECKING:
    from pathlib import Path

SERVE = "vllm serve Qwen/Qwen2.5-14B-Instruct --max-model-len 8192"
BEHIND = SERVE.split()


@pytest.mark.parametrize(
    "text",
    [
        SERVE,
        f"#!/bin/bash\nexport HF_HOME=/x\nexec {SERVE}\n",
        f"bash <<'EOF'\n{SERVE}\nEOF\n",
        f"  1  llama-server -m other.gguf\n  2  {SERVE}\n  3  ls -la\n  4  echo 'open\n",
        f": 1700000000:0;{SERVE}\n: 1700000001:0;git push\n",
        f"cd /x && {SERVE}",
    ],
)
def test_the_same_as_behind_dashes(text: str, tmp_path: Path) -> None:
    """Of a history the last command that starts a model counts."""
    (tmp_path / "start").write_text(text, encoding="utf-8")
    found = vramfit("check", "-g", "rtx4090", "--offline", "--json", "--command-file", str(tmp_path / "start"))
    (first,) = vramfit("check", "-g", "rtx4090", "--offline", "--json", "--quant", "fp16", "--", *BEHIND).estimates
    assert found.estimates[0]["required_bytes"] == first["required_bytes"]
    assert found.estimates[0]["deployment"]["context"] == 8192


def test_stdin_and_secrets() -> None:
    """``-`` is stdin, and a remedy's command has a variable in the place of a token."""
    estimate = vramfit(
        "check", "-g", "rtx4090", "--offline", "--json", "--command-file", "-", stdin=f"HF_TOKEN=hf_abc {SERVE}"
    ).estimates[0]
    assert estimate["command"].startswith("HF_TOKEN=$HF_TOKEN vllm serve")
    assert "set $HF_TOKEN to run what is shown: the value that the command has is a secret" in estimate["assumptions"]
    assert "hf_abc" not in str(estimate)


def test_a_manifest_is_read_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(f"services:\n  llm:\n    image: x\n    command: {SERVE}\n", encoding="utf-8")
    path = str(tmp_path / "compose.yaml")
    assert vramfit("check", "-g", "rtx4090", "--offline", "--json", "--command-file", path).out == (
        vramfit("check", "-g", "rtx4090", "--offline", "--json", "--file", path).out
    )


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", 4, "error: {} is empty"),
        (b"  1  ls\n  2  cd x\n", 4, "error: no command among 2 in {} starts a model"),
        (b"\xff\xfe", 4, "error: cannot read {}: not UTF-8 text"),
        (b"ls\n", 2, 'error: no engine is known that "ls" starts'),
        (b"vllm serve 'x", 2, "error: cannot read the command: no closing quotation"),
        (b"a " * 2**17, 2, "error: the command has 262,144 characters, more than 131,072"),
    ],
)
def test_errors(content: bytes, code: int, message: str, tmp_path: Path) -> None:
    """One line and a hint."""
    (tmp_path / "start").write_bytes(content)
    ran = vramfit("check", "-g", "rtx4090", "--command-file", str(tmp_path / "start"))
    assert (code, "", message.format(tmp_path / "start")) == (ran.code, ran.out, ran.err.splitlines()[0])
    assert ran.err.splitlines()[1].startswith("hint: ")


@pytest.mark.parametrize(
    ("words", "other"), [(("--", "vllm", "serve", "x"), "a command behind --"), (("--file", "x.yaml"), "--file")]
)
def test_two_commands_are_one_too_many(words: tuple[str, ...], other: str) -> None:
    ran = vramfit("check", "-g", "rtx4090", "--command-file", os.devnull, *words)
    assert (2, f"error: --command-file and {other} were given") == (ran.code, ran.err.splitlines()[0])
