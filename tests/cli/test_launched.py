"""Deployments stated by the command that starts them: behind ``--``, and as ``command:`` of a file."""

from __future__ import annotations

from typing import Any

import pytest

from tests.command import vramfit

SERVER = ("llama-server", "-m", "Qwen3-8B-Q4_K_M.gguf", "-np", "1", "-c", "8192")


def asked(*arguments: str, stdin: str = "") -> Any:
    """Deployment of the only estimate."""
    ran = vramfit("check", *arguments, stdin=stdin)
    assert ran.err == "", ran.err
    (one,) = ran.document["estimates"]
    return one["deployment"]


@pytest.mark.parametrize(
    ("own", "words", "expected"),
    [
        ((), SERVER, {"engine": "llama.cpp", "quant": "Q4_K_M", "context": 8192, "parallel": 1}),
        # Keys in front count for more than the command's.
        (("--context", "4096", "--usable", "20GiB"), SERVER, {"context": 4096, "quant": "Q4_K_M"}),
        (("--engine", "llamacpp"), SERVER, {"engine": "llama.cpp"}),
        (("-c", "2k"), ("koboldcpp", "qwen3-8b-Q8_0.gguf", "--quantkv", "1"),
         {"engine": "llama.cpp", "quant": "Q8_0", "context": 2048, "kv_cache_type": "q8_0", "swa_full": True}),
        ((), ("LLAMA_ARG_CTX_SIZE=512", *SERVER[:-2]), {"context": 512}),
        ((), ("vllm", "serve", "Qwen/Qwen3-8B-AWQ", "--max-model-len", "8192"),
         {"engine": "vllm", "quant": "awq", "context": 8192}),
    ],
)  # fmt: skip
def test_a_command_behind_two_dashes(own: tuple[str, ...], words: tuple[str, ...], expected: dict[str, Any]) -> None:
    found = asked("-g", "rtx3090", "--json", *own, "--", *words)
    assert expected == {name: found[name] for name in expected}


@pytest.mark.parametrize("command", [" ".join(SERVER), str(list(SERVER)).replace("'", '"')])
def test_a_command_in_a_file(command: str) -> None:
    text = f"deployments:\n- gpu: rtx3090\n  command: {command}\n  context: 4096\n"
    found = asked("--file", "-", "--json", stdin=text)
    assert ("Q4_K_M", 4096, 1) == (found["quant"], found["context"], found["parallel"])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("-g", "rtx3090", "--"), 2, "command: no launch command"),
        (("-g", "rtx3090", "--", "a-server"), 2, 'no engine is known that "a-server" starts'),
        (("-g", "rtx3090", "--engine", "vllm", "--", *SERVER), 2,
         "the command starts llama.cpp, and engine asks for vllm"),
        (("-g", "rtx3090", "--no-such", "1", "--", *SERVER), 2, "No such option: --no-such"),
    ],
)  # fmt: skip
def test_what_is_no_command(arguments: tuple[str, ...], code: int, message: str) -> None:
    ran = vramfit("check", *arguments)
    assert (code, True) == (ran.code, ran.err.startswith(f"error: {message}"))


def test_a_command_of_another_kind_is_the_error_of_its_deployment() -> None:
    ran = vramfit("check", "--file", "-", "--json", stdin="deployments:\n- gpu: rtx3090\n  command: 5\n")
    assert (2, "command: no launch command") == (ran.code, ran.document["estimates"][0]["error"]["message"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("-g", "2xrtx4090", "--", "vllm", "serve", "Qwen/Qwen2.5-14B-Instruct"), 2),
        (("-g", "2xrtx4090", "--", "python", "-m", "sglang.launch_server", "--model", "Qwen/Qwen2.5-14B-Instruct"), 2),
        (("-g", "2xrtx4090", "--", "vllm", "serve", "Qwen/Qwen2.5-14B-Instruct", "-tp", "2"), 0),
        (("-g", "2xrtx4090", "--tensor-parallel", "2", "--", "vllm", "serve", "Qwen/Qwen2.5-14B-Instruct"), 0),
        (("-g", "h100-sxm", "--", "vllm", "serve", "Qwen/Qwen2.5-14B-Instruct"), 0),
    ],
)
def test_a_server_that_is_not_told_to_spread_uses_one_gpu(arguments: tuple[str, ...], code: int) -> None:
    """Two cards are no yes for a command that leaves one of them idle."""
    ran = vramfit("check", *arguments)

    assert (code, code == 2) == (ran.code, "does not say over how many GPUs" in ran.err)
