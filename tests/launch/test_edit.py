"""A user's command with single flags changed, in any quoting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit.engines.commands import read_command, restated

BEFORE = "vllm serve org/m --max-model-len 8192 --max-num-seqs 256 --enforce-eager"


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("vllm serve org/m --max-model-len 8192", "8192|4096", "vllm serve org/m --max-model-len 4096"),
        ("vllm serve org/m --max-model-len=8k", "8192|4096", "vllm serve org/m --max-model-len=4096"),
        ('vllm serve org/m "--max-model-len=8k" -x', "8192|4096", "vllm serve org/m --max-model-len=4096 -x"),
        ('vllm serve "org/m" --max-model-len "8192"', "8192|4096", 'vllm serve "org/m" --max-model-len "4096"'),
        ("vllm serve org/m", "8192|4096", "vllm serve org/m --max-model-len 4096"),
        ("vllm serve org/m > log 2>&1 &", "8192|4096", "vllm serve org/m --max-model-len 4096 > log 2>&1 &"),
        ("vllm serve org/m # note", "8192|4096", "vllm serve org/m --max-model-len 4096 # note"),
        (
            "vllm serve org/m --max_model_len 8192 \\\n  --port 80", "8192|4096",
            "vllm serve org/m --max_model_len 4096 \\\n  --port 80",
        ),
        ("N=8192\nvllm serve org/m --max-model-len $N", "8192|4096", "N=8192\nvllm serve org/m --max-model-len 4096"),
        (
            "A='--max-model-len 8192'\nvllm serve org/m $A", "8192|4096",
            "A='--max-model-len 8192'\nvllm serve org/m $A --max-model-len 4096",
        ),
        ('sh -c "vllm serve org/m --max-model-len 8192"', "8192|4096", 'sh -c "vllm serve org/m --max-model-len 4096"'),
        (
            "sh -c 'vllm serve \"org/m\" --port 1'", "8192|4096",
            "sh -c 'vllm serve \"org/m\" --port 1 --max-model-len 4096'",
        ),
        ("vllm serve org/m --enforce-eager --port 1", " --enforce-eager|", "vllm serve org/m --port 1"),
        ("vllm serve org/m --enforce-eager", " --enforce-eager|", "vllm serve org/m"),
        ("vllm serve org/m", "org/m|org/n", "vllm serve org/n"),
        ("vllm serve --model=org/m", "org/m|org/n", "vllm serve --model=org/n"),
        ("docker run vllm/vllm-openai --model org/m", "org/m|'o r'", "docker run vllm/vllm-openai --model 'o r'"),
        (
            "vllm serve org/m --max-model-len 1 --max-model-len 8192", "8192|4096",
            "vllm serve org/m --max-model-len 1 --max-model-len 4096",
        ),
    ],
)  # fmt: skip
def test_flags(text: str, after: str, expected: str) -> None:
    """Values where they stand, new flags behind the program's own, old ones gone."""
    old, _, new = after.partition("|")
    assert expected == restated(read_command(text), "vllm", BEFORE, BEFORE.replace(old, new))


OLLAMA = "OLLAMA_CONTEXT_LENGTH=8192 ollama serve &\nollama run m"


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        (OLLAMA, "8192", "4096", OLLAMA.replace("8192", "4096")),
        ("ollama serve &\nollama run m", "8192", "4096", "OLLAMA_CONTEXT_LENGTH=4096 ollama serve &\nollama run m"),
        ("sudo ollama serve &\nollama run m", "8192", "4096", "OLLAMA_CONTEXT_LENGTH=4096 sudo ollama serve &\nollama run m"),
        (
            "docker run -d ollama/ollama\nollama run m", "8192", "4096",
            "docker run -d -e OLLAMA_CONTEXT_LENGTH=4096 ollama/ollama\nollama run m",
        ),
        (
            "docker run -e 'OLLAMA_CONTEXT_LENGTH=8192' ollama/ollama\nollama run m", "8192", "4096",
            "docker run -e 'OLLAMA_CONTEXT_LENGTH=4096' ollama/ollama\nollama run m",
        ),
        (
            "export OLLAMA_CONTEXT_LENGTH=8192\nollama serve\nollama run m", "8192", "4096",
            "export OLLAMA_CONTEXT_LENGTH=4096\nollama serve\nollama run m",
        ),
        ("ollama serve; ollama run m:7b", "ollama run m", "ollama run n", "ollama serve; ollama run n"),
    ],
)  # fmt: skip
def test_variables(text: str, old: str, new: str, expected: str) -> None:
    """Where they are set, or in front of the program, or as a flag of its container."""
    assert expected == restated(read_command(text), "ollama", OLLAMA, OLLAMA.replace(old, new))


@pytest.mark.parametrize(
    ("engine", "after"),
    [
        ("sglang", "python -m sglang.launch_server --model-path x"),
        ("vllm", "a\nb"),
        ("vllm", "hf download x\nvllm serve x"),
    ],
)
def test_another_command_is_ours(engine: str, after: str) -> None:
    """What cannot be made of the user's is the written one."""
    assert after == restated(read_command("vllm serve org/m"), engine, BEFORE, after)


@given(
    st.lists(
        st.sampled_from(
            ["--port 80", "--seed 1", "--trust-remote-code", "--max-num-seqs 4", '--chat-template "a b"', "--new x"]
        ),
        unique=True,
    ),
    st.integers(1, 10**6),
    st.sampled_from(["{}", "nohup {} &", "sudo {}", "sh -c '{}'", "A=1 {}", "{} > log"]),
)
def test_only_the_flag_changes(flags: list[str], context: int, around: str) -> None:
    """Words that are not of the flag stand where they stood, in whatever command, and the keys are those asked for."""
    text = around.format(" ".join(["vllm serve org/m --max-model-len 8192", *flags]))
    found = restated(read_command(text), "vllm", BEFORE, BEFORE.replace("8192", str(context)))
    assert text.replace("8192", str(context)) == found
    assert {**read_command(text).keys, "context": str(context)} == read_command(found).keys
