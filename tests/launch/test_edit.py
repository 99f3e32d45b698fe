"""A user's command with single flags changed, in any quoting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit.engines.commands import read_command
from vramfit.engines.restating import restatements
from vramfit.launch.files import Files


def restated(text: str, before: str, after: str) -> str:
    """First text of the user's command for another deployment."""
    return next(restatements(read_command(text), before, after))


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
        (
            "vllm serve org/m \\\n  --enforce-eager \\\n  --port 1", " --enforce-eager|",
            "vllm serve org/m \\\n  --port 1",
        ),
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
    assert expected == restated(text, BEFORE, BEFORE.replace(old, new))


OLLAMA = "OLLAMA_CONTEXT_LENGTH=8192 ollama serve &\nollama run m"


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        (OLLAMA, "8192", "4096", OLLAMA.replace("8192", "4096")),
        ("ollama serve &\nollama run m", "8192", "4096", "OLLAMA_CONTEXT_LENGTH=4096 ollama serve &\nollama run m"),
        ("sudo ollama serve &\nollama run m", "8192", "4096", "sudo OLLAMA_CONTEXT_LENGTH=4096 ollama serve &\nollama run m"),
        (
            "nohup ollama serve &\nollama run m", "8192", "4096",
            "OLLAMA_CONTEXT_LENGTH=4096 nohup ollama serve &\nollama run m",
        ),
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
    assert expected == restated(text, OLLAMA, OLLAMA.replace(old, new))


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("vllm serve org/m", "a\nb"),
        ("vllm serve org/m", "python -m sglang.launch_server --model-path x"),
        ("vllm serve org/m", "import torch; x()"),
        ("import vllm; vllm.LLM(*arguments)", BEFORE.replace("8192", "4096")),
        ("trtllm-serve org/m --config settings.yaml", "trtllm-serve serve org/n --max_seq_len 5"),
    ],
)
def test_what_cannot_be_changed(text: str, after: str) -> None:
    """Another program's command, and settings that stand elsewhere."""
    settings = Files(settings=lambda path: {"max_seq_len": 8192})
    before = "trtllm-serve serve org/n --max_seq_len 8192" if text.startswith("trtllm") else BEFORE
    assert [] == list(restatements(read_command(text, settings), before, after))


def test_files_are_made_in_front() -> None:
    """Behind the first comment of a script, which names its interpreter."""
    text = "#!/bin/sh\nvllm serve org/m"
    after = "hf download x\n" + BEFORE.replace("org/m", "x")
    assert "#!/bin/sh\nhf download x\nvllm serve x" == restated(text, BEFORE, after)
    assert "hf download x\nvllm serve x" == restated("vllm serve org/m", "hf download y\n" + BEFORE, after)


def test_several_machines() -> None:
    """The first machine's command, and what is written otherwise on the others."""
    nodes = BEFORE + " --nnodes 2 --node-rank 0\n" + BEFORE + " --nnodes 2 --node-rank 1 --headless"
    assert restated("vllm serve org/m # note", BEFORE, nodes) == (
        "vllm serve org/m --nnodes 2 --node-rank 0 # note\n# on machine 2 instead: --node-rank 1 --headless"
    )
    launched = "mpirun -n 16 trtllm-llmapi-launch trtllm-serve serve org/m --tp_size 8"
    assert restated("FOO=1 trtllm-serve org/m", "trtllm-serve serve org/m", launched) == (
        "FOO=1 mpirun -n 16 trtllm-llmapi-launch trtllm-serve org/m --tp_size 8"
    )


@pytest.mark.parametrize(
    ("text", "change", "expected"),
    [
        ('LLM("org/m")', "8192|4096", 'LLM("org/m", max_model_len=4096)'),
        ('LLM("org/m", max_model_len = 2 ** 13, seed=1)', "8192|4096", 'LLM("org/m", max_model_len = 4096, seed=1)'),
        (
            'LLM(\n    model="org/m",  # é\n    seed=1,\n)', "8192|4096",
            'LLM(\n    model="org/m",  # é\n    seed=1, max_model_len=4096,\n)',
        ),
        ('LLM("org/m")', "org/m|org/n", "LLM('org/n')"),
        ('LLM(model=NAME)', "org/m|org/n", "LLM(model='org/n')"),
        ('LLM("org/m", enforce_eager=True)', " --enforce-eager|", 'LLM("org/m", enforce_eager=None)'),
        ('LLM("org/m")', " --enforce-eager| --enforce-eager --kv-cache-dtype fp8", "LLM(\"org/m\", kv_cache_dtype='fp8')"),
    ],
)  # fmt: skip
def test_arguments_of_a_script(text: str, change: str, expected: str) -> None:
    """Values where they stand, in any layout, and new ones behind the last."""
    old, _, new = change.partition("|")
    script = "from vllm import LLM\nNAME = 'org/m'\nmodel = {}\nmodel.generate(text)\n"
    assert script.format(expected) == restated(script.format(text), BEFORE, BEFORE.replace(old, new))


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
    found = restated(text, BEFORE, BEFORE.replace("8192", str(context)))
    assert text.replace("8192", str(context)) == found
    assert {**read_command(text).keys, "context": str(context)} == read_command(found).keys


def drafting(model: str, tokens: int) -> str:
    """Command of today's vLLM with a model that drafts."""
    config = f'{{"method": "draft", "num_speculative_tokens": {tokens}, "model": "{model}"}}'
    return f"vllm serve org/m --max-model-len 8192 --speculative-config '{config}'"


@pytest.mark.parametrize("after", ["vllm serve org/m --max-model-len 8192", drafting("org/s", 2)])
def test_flags_that_state_a_part_go_with_the_whole(after: str) -> None:
    """Older releases' flags for a draft, where the draft goes or is another."""
    text = "vllm serve org/m --max-model-len 8192 --speculative_model org/d --num-speculative-tokens 5"
    assert restated(text, drafting("org/d", 5), after) == after
