"""Names of models that paths of other machines state."""

from __future__ import annotations

import pytest

from tests.command import vramfit
from vramfit.engines.commands import read_command
from vramfit.errors import UsageError
from vramfit.launch.files import elsewhere


@pytest.mark.parametrize(
    ("expected", "path"),
    [
        (("Qwen3-8B",), "/models/Qwen3-8B/"),
        (("Qwen2.5-1.5B-Instruct",), "xxx/Models/Qwen/Qwen2.5-1.5B-Instruct"),
        (("Qwen3-8B",), "~/Qwen3-8B"),
        (("qwen3-8b-Q6_K.gguf",), "E:\\LLM\\qwen3-8b-Q6_K.gguf"),
        (("qwen3-8b-Q6_K.gguf",), "models/qwen3-8b-Q6_K.gguf"),
        (("Qwen/Qwen3-8B", "abc"), "/root/.cache/huggingface/hub/models--Qwen--Qwen3-8B/snapshots/abc"),
        (("a-Q8_0.gguf", "o/a-GGUF"), "/hub/models--o--a-GGUF/a-Q8_0.gguf"),
        (("Llama-3.3-70B-Instruct",), "gs://bucket/Llama-3.3-70B-Instruct"),
        ((), "Qwen/Qwen3-8B"),
        ((), "hf:Qwen/Qwen3-8B/x"),
        ((), "https://huggingface.co/Qwen/Qwen3-8B"),
        ((), "qwen3-8b"),
    ],
)
def test_names(expected: tuple[str, ...], path: str) -> None:
    assert expected == elsewhere(path, lambda _: False)


def test_a_path_of_this_machine_is_none() -> None:
    assert () == elsewhere("/models/Qwen3-8B", lambda path: path == "/models/Qwen3-8B")


def test_a_command_with_such_a_path_is_answered_for_its_name() -> None:
    """The assumption says so."""
    command = ("--", "vllm", "serve", "/nowhere/Qwen3-8B-AWQ")
    (found,) = vramfit("check", "-g", "l4", "--offline", "--json", *command).estimates[:1]
    assert (found["model"]["id"], found["quant"]["scheme"]) == ("qwen3-8b", "awq")
    assert found["assumptions"][0] == (
        "/nowhere/Qwen3-8B-AWQ is not on this machine: answered for Qwen3-8B-AWQ, as it is called"
    )


@pytest.mark.parametrize("starter", ["python run.py --server-cmd", "slurmrun --cmd"])
def test_a_command_that_another_program_is_given(starter: str) -> None:
    """As one word; programs that print or search their words are given none."""
    assert read_command(f'{starter} "vllm serve org/m --max-model-len 9"').keys == {"model": "org/m", "context": "9"}
    with pytest.raises(UsageError):
        read_command('echo "vllm serve org/m --max-model-len 9"')
