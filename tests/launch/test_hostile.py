"""Commands and files that are made to break a reader: one line, the right code, no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.command import vramfit

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hf_SECRETsecret1234567890abcd"


@pytest.mark.parametrize(
    ("code", "message", "command"),
    [
        (2, "nested too deeply", ["vllm", "serve", "Qwen/Qwen3-8B", "--hf-overrides", "[" * 90_000]),
        (2, "nested too deeply", ["vllm", "serve", "Qwen/Qwen3-8B", f"--hf-overrides.{'.'.join('a' * 5000)}", "1"]),
        (
            2,
            "asks for 5000 GPUs",
            ["deepspeed", "--num_gpus", "5000", "--module", "axolotl.cli.train", "--base-model", "a/b"],
        ),
        (2, "is not a valid value", ["vllm", "serve", "Qwen/Qwen3-8B", "--max-model-len", SECRET]),
        (2, "no model is called", ["vllm", "serve", SECRET]),
        (2, "closing quotation", ["sh", "-c", "vllm serve 'a"]),
    ],
)
def test_commands(code: int, message: str, command: list[str]) -> None:
    ran = vramfit("check", "-g", "l4", "--offline", "--", *command)
    assert (ran.code, len([line for line in ran.err.splitlines() if line.startswith("error:")])) == (code, 1)
    assert message in ran.err
    assert SECRET not in ran.out + ran.err


def test_a_tag_of_many_numbers_is_no_release() -> None:
    """Masking it takes no longer than its length."""
    ran = vramfit(
        "check", "-g", "l4", "--offline", "--", "docker", "run", f"vllm/vllm-openai:v{'9.' * 5000}", "--model", "gpt2"
    )
    assert ran.code in (0, 1)


@pytest.mark.parametrize("style", ["json", "plain", "markdown", "github", "sarif", "junit"])
def test_secrets_in_a_file_s_errors(style: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    command = f"[--model, Qwen/Qwen3-32B, --max-model-len, {SECRET}]"
    path.write_text(f"services:\n  llm:\n    image: vllm/vllm-openai\n    command: {command}\n", encoding="utf-8")
    ran = vramfit("check", "-f", str(path), "-g", "l4", "--offline", "--format", style)
    assert ran.code == 2
    assert "is not a valid value" in ran.out
    assert SECRET not in ran.out + ran.err
