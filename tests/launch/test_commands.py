"""Launch commands as people write them: what they mean, and remedies that come back as the same command."""

from __future__ import annotations

import contextlib
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from vramfit.__main__ import main
from vramfit.engines.commands import read_command
from vramfit.errors import VramfitError

FOUND: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "commands.yaml").read_text(encoding="utf-8"))
READ = [number for number, row in enumerate(FOUND) if "keys" in row]
REFUSED = [number for number, row in enumerate(FOUND) if "refused" in row]


def test_enough_are_found() -> None:
    """Each has its source, and no command stands there twice."""
    assert len(FOUND) >= 60
    assert len({row["text"] for row in FOUND}) == len(FOUND) == len(READ) + len(REFUSED)
    assert {row["source"].startswith("https://github.com/") for row in FOUND} == {True}
    assert {FOUND[number]["engine"] for number in READ} == {
        "vllm", "sglang", "tensorrt-llm", "llama.cpp", "ollama", "mlx",
    }  # fmt: skip


@pytest.mark.parametrize("number", READ)
def test_what_they_mean(number: int) -> None:
    """Engine, keys, and what is named as left out."""
    row = FOUND[number]
    found = read_command(row["text"])
    keys = {name: list(value) if isinstance(value, tuple) else value for name, value in found.keys.items()}
    assert (row["engine"], row["keys"], row.get("notes", [])) == (found.engine, keys, list(found.notes))


@pytest.mark.parametrize("number", REFUSED)
def test_what_is_refused(number: int) -> None:
    """By its name, with the question that has the nearest answer."""
    with pytest.raises(VramfitError) as caught:
        read_command(FOUND[number]["text"])
    assert (FOUND[number]["refused"], FOUND[number]["hint"]) == (caught.value.message, caught.value.hint)


def checked(deployment: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Estimates of ``check --file`` for one deployment, read from the catalogue alone."""
    path = folder / "deployments.yaml"
    path.write_text(yaml.safe_dump({"deployments": [deployment]}), encoding="utf-8")
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        main(["check", "--json", "--offline", "--file", str(path)])
    found: list[dict[str, Any]] = json.loads(out.getvalue())["estimates"]
    return found


KNOWN = [
    (
        "https://github.com/Ali-Parandeh/building-generative-ai-services (examples/ch06/6-7.sh)",
        "rtx4090", "mistral-7b-v0.1",
    ),
    ("https://github.com/jyngjeon/multiagentsdebate (vllm-serve.sh)", "4xrtx4090", "qwen2.5-14b"),
    ("https://github.com/lamikr/rocm_sdk_builder/issues/248", "rtx3060-12gb", "qwen2.5-1.5b"),
    ("https://github.com/EuroEval/EuroEval/issues/1120", "2xh100-sxm", "gpt-oss-120b"),
    ("https://github.com/Mikeriess/Synth_data (run_vllm_small.sh)", "4xrtx4090", "gemma-2-9b"),
    ("https://github.com/sgl-project/sglang/pull/3314", "8xh200", "deepseek-r1"),
    ("https://github.com/deepseek-ai/DeepSeek-V3/issues/401", "8xh200", "deepseek-v3"),
]  # fmt: skip
"""Sources of commands whose model is in the catalogue under the repository's name."""


@pytest.mark.parametrize(("source", "gpu", "model"), KNOWN)
def test_the_check_by_keys_is_the_same(source: str, gpu: str, model: str, tmp_path: Path) -> None:
    """All of the report but the commands and what the command alone says."""
    (row,) = [one for one in FOUND if one["source"] == source]
    one = checked({"gpu": gpu, "command": row["text"]}, tmp_path)
    other = checked({"gpu": gpu, "engine": row["engine"], **row["keys"]}, tmp_path)
    assert len(one) == len(other) >= 1
    assert {model} == {estimate["model"]["id"] for estimate in one}
    for estimate in (*one, *other):
        estimate.pop("command")
        for remedy in estimate["remedies"]:
            remedy.pop("command")
    for estimate in one:
        found = estimate["assumptions"][len(row.get("notes", [])) :]
        estimate["assumptions"] = [sentence for sentence in found if not sentence.startswith("set $")]
    assert one == other


ASKED = [
    ("rtx4090", "HF_TOKEN=abc vllm serve Qwen/Qwen2.5-14B-Instruct --max-model-len 32768 --port 8000"),
    (
        "rtx4090",
        "docker run --gpus all -e HF_TOKEN=$HF_TOKEN vllm/vllm-openai:latest \\\n  --model Qwen/Qwen2.5-14B-Instruct \\\n"
        "  --max-model-len=32768 --enforce-eager",
    ),
    ("rtx3060-12gb", 'sudo sh -c "exec llama-server -m qwen2.5-14b-Q8_0.gguf -c 32768 -ngl 99 -fa on"'),
    ("rtx3060-12gb", "llama-server -m 'qwen2.5-14b-Q8_0.gguf' -c 32768 --parallel 2 -ctk q8_0 -ctv q8_0 -ngl 99"),
    ("rtx3060-12gb", "LLAMA_ARG_CTX_SIZE=65536 llama-server -m qwen2.5-14b-Q8_0.gguf -np 1 -ngl 99"),
    ("rtx3060-12gb", "./llama-cli -m qwen2.5-14b-Q8_0.gguf -c 16384 -ngl 99 -p hello"),
    ("rtx3060-12gb", "OLLAMA_CONTEXT_LENGTH=65536 ollama serve &\nollama run qwen2.5:14b"),
    (
        "rtx3060-12gb",
        "docker run -d --gpus=all -e OLLAMA_CONTEXT_LENGTH=65536 -v ollama:/root/.ollama ollama/ollama\n"
        "ollama run qwen2.5:14b",
    ),
    (
        "rtx4090",
        "python3 -m sglang.launch_server --model-path Qwen/Qwen2.5-14B-Instruct --context-length 32768 --port 30000",
    ),
    ("rtx4090", "trtllm-serve Qwen/Qwen2.5-14B-Instruct --max_seq_len 32768"),
    ("m3-max-36gb", "mlx_lm.server --model mlx-community/Qwen2.5-72B-Instruct-4bit"),
    ("rtx3060-12gb", "python3 koboldcpp.py --model qwen2.5-14b-Q8_0.gguf --contextsize 32768 --gpulayers 99"),
]


@cache
def promises(number: int, folder: Path) -> tuple[dict[str, Any], ...]:
    gpu, command = ASKED[number]
    return tuple(checked({"gpu": gpu, "command": command}, folder)[0]["remedies"])


def read_again(number: int, remedy: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Estimate of a remedy's command; model and scheme are named only where the file that it names has to be made."""
    gpu = remedy["changes"].get("gpu", ASKED[number][0])
    found = checked({"gpu": gpu, "command": remedy["command"]}, folder)[0]
    if "error" in found:
        first = checked({"gpu": ASKED[number][0], "command": ASKED[number][1]}, folder)[0]
        model = remedy["changes"].get("model", first["model"]["id"])
        asked = {"gpu": gpu, "command": remedy["command"], "model": model, "quant": remedy["changes"]["quant"]}
        found = checked(asked, folder)[0]
    return found


@pytest.mark.parametrize("number", range(len(ASKED)))
def test_a_remedy_read_again_gives_its_promise(number: int, tmp_path: Path) -> None:
    """Every command and code of a remedy has the promised need and verdict."""
    remedies = promises(number, tmp_path)
    assert len(remedies) >= 2
    again = [read_again(number, remedy, tmp_path) for remedy in remedies]
    assert [(one["required_bytes"], one["verdict"]) for one in remedies] == [
        (one["required_bytes"]["expected"], one["verdict"]) for one in again
    ]


def test_nothing_else_is_touched(tmp_path: Path) -> None:
    """The container, its variables, continued lines and the user's other flags stand where they stood."""
    shown = {remedy["kind"]: remedy["command"] for remedy in promises(1, tmp_path)}
    assert shown["multi-gpu"] == (
        "docker run --gpus all -e HF_TOKEN=$HF_TOKEN vllm/vllm-openai:latest \\\n  --model Qwen/Qwen2.5-14B-Instruct \\\n"
        "  --max-model-len=32768 --enforce-eager --tensor-parallel-size 2"
    )
    assert shown["smaller-model"] == (
        "docker run --gpus all -e HF_TOKEN=$HF_TOKEN vllm/vllm-openai:latest \\\n  --model Qwen/Qwen2.5-7B-Instruct \\\n"
        "  --max-model-len=32768 --enforce-eager"
    )
