"""Files found in public repositories, reduced; each names its source in its first line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import report, vramfit

FOUND = Path(__file__).parent / "found"
OLDER = ("--engine-version", "0.11.0")
"""Release of the time, which had the swap space that the file states."""
CASES: dict[str, tuple[str, str, str, int]] = {
    "gke-gemma.yaml": (
        "--engine-version 0.11.0",
        "-g 8xl4 -m google/gemma-3-27b-it --engine vllm --tensor-parallel 8 --swap-space 16GiB --gpu-memory-utilization 0.95"
        " --context 32768 --max-num-seqs 4 --ram 280GiB --engine-version 0.11.0",
        "vllm-gemma-deployment",
        9,
    ),
    "gke-llama-405b.yaml": (
        "",
        "-g 16xh100-sxm -m meta-llama/Meta-Llama-3.1-405B-Instruct --engine vllm --tensor-parallel 8 --pipeline-parallel 2"
        " --nodes 2 --context max",
        "vllm",
        15,
    ),
    "lws-gpu.yaml": (
        "-g h100-sxm",
        "-g 16xh100-sxm -m meta-llama/Llama-3.1-405B-Instruct --engine vllm --tensor-parallel 8 --pipeline-parallel 2"
        " --nodes 2 --context max --ram 1124GiB",
        "vllm",
        13,
    ),
    "gke-sglang.yaml": (
        "",
        "-g 8xl4 -m Llama-3.3-70B-Instruct --engine sglang --tensor-parallel 8 --context 8192",
        "sglang",
        10,
    ),
    "kserve-qwen-coder.yaml": (
        "-g h100-sxm",
        "-g h100-sxm -m Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8 --engine vllm --context max",
        "qwen3-coder-tool-calling",
        13,
    ),
    "kuberay-llm.yaml": (
        "-g l4",
        "-g l4 -m Qwen/Qwen2.5-7B-Instruct --engine vllm --quant bf16 --context 1024 --gpu-memory-utilization 0.75"
        " --ram 32GiB",
        "ray-serve-llm/qwen2.5-7b-instruct",
        13,
    ),
    "ollama-gpu.yaml": ("-g t4 -m llama3.1:8b", "-g t4 -m llama3.1:8b --engine ollama", "ollama", 14),
    "llm-d-values.yaml": (
        "-g h100-sxm",
        "-g 2xh100-sxm -m Qwen/Qwen3-32B --engine vllm --gpu-memory-utilization 0.95 --tensor-parallel 2 --context max"
        " --ram 100GiB",
        "decode",
        14,
    ),
    "sglang-compose.yaml": (
        "-g rtx4090",
        "-g rtx4090 -m meta-llama/Meta-Llama-3.1-8B-Instruct --engine sglang --context max",
        "sglang",
        3,
    ),
    "starter-kit-compose.yaml": (
        "-g rtx3060-12gb -m llama3.2:3b",
        "-g rtx3060-12gb -m llama3.2:3b --engine ollama",
        "ollama-gpu",
        20,
    ),
    "opea-rocm-compose.yaml": (
        "-g 4xmi300x --engine-version 0.11.0",
        "-g 4xmi300x -m meta-llama/Meta-Llama-3-8B-Instruct --engine vllm --swap-space 16GiB --quant fp16"
        " --tensor-parallel 4 --context max --engine-version 0.11.0",
        "chatqna-vllm-service",
        6,
    ),
    "open-transcribe-compose.yaml": (
        "-g 3xa6000 --engine-version 0.11.0",
        "-g a6000 -m openai/gpt-oss-20b --engine vllm --context 131000 --gpu-memory-utilization 0.95 --swap-space 32GiB"
        " --max-num-seqs 2 --engine-version 0.11.0",
        "vllm-gptoss-20b",
        6,
    ),
    "strix-halo-compose.yaml": (
        "-g mi300x",
        "-g mi300x -m Llama-3.1-Nemotron-Nano-8B-v1-Q4_K_M.gguf --engine llama.cpp --gpu-layers 999 --context 32768"
        " --parallel 1",
        "llama",
        3,
    ),
    "opencode-compose.yaml": (
        "-g rtx3090ti",
        "-g rtx3090ti -m Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8 --engine vllm --gpu-memory-utilization 0.95 --context 8192"
        " --kv-cache-type fp8 --max-num-seqs 1 --enforce-eager",
        "vllm",
        3,
    ),
}
"""By file: keys of the command line, the same question by keys, the finding's name and line."""
SETTLED = (
    "name",
    "gpu",
    "model",
    "engine",
    "quant",
    "required_bytes",
    "breakdown",
    "verdict",
    "headroom_bytes",
    "limits",
)


@pytest.fixture(autouse=True)
def _model_of_the_compose_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATQNA_LLM_MODEL_ID", "meta-llama/Meta-Llama-3-8B-Instruct")


def test_every_file_is_asked_about_and_names_its_source() -> None:
    assert set(CASES) == {path.name for path in FOUND.iterdir()}
    heads = {path.name: path.read_text(encoding="utf-8").splitlines()[0] for path in FOUND.iterdir()}
    assert [] == [
        name for name, head in heads.items() if not re.match(r"# (Reduced from|Facts of) \S+/\S+, .* at \w{7}", head)
    ]


def asked(name: str, *more: str) -> list[Any]:
    """Estimates of a file with the keys of its case."""
    flags, _, _, _ = CASES[name]
    return report("-f", str(FOUND / name), *flags.split(), "--offline", *more).estimates


@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_that_to_the_keys(name: str) -> None:
    _, keys, label, line = CASES[name]
    by_keys = report(*keys.split(), "--name", label, "--offline").estimates
    by_file = asked(name)
    assert by_keys
    assert [{key: one[key] for key in SETTLED} for one in by_keys] == [
        {key: one[key] for key in SETTLED} for one in by_file
    ]
    assert [{"file": str(FOUND / name), "line": line}] * len(by_keys) == [one["place"] for one in by_file]


SMALLER = "gtx1050ti"
"""Card on which each of the files needs a remedy, beside the one it names."""


def with_gpu(flags: str, gpu: str) -> list[str]:
    """Keys of a case's command line with another card, as many of it."""
    words = flags.split()
    if "-g" not in words:
        return [*words, "-g", gpu]
    place = words.index("-g") + 1
    count, times, _ = words[place].partition("x")
    words[place] = f"{count}x{gpu}" if times and count.isdigit() else gpu
    return words


def again(remedy: dict[str, Any], estimate: dict[str, Any], folder: Path) -> tuple[str, int] | str:
    """Verdict and need of a remedy's command on its GPU; the error's message where there is none."""
    gpu = estimate["gpu"]
    asked = {"gpu": remedy["changes"].get("gpu", f"{gpu['count']}x{gpu['id']}"), "command": remedy["command"]}
    release = estimate["deployment"].get("engine_version")
    asked |= {"engine_version": release} if release else {}
    path = folder / "deployments.yaml"
    path.write_text(yaml.safe_dump({"deployments": [asked]}), encoding="utf-8")
    found = vramfit("check", "--file", str(path), "--offline", "--json").document["estimates"][0]
    return found["error"]["message"] if "error" in found else (found["verdict"], found["required_bytes"]["expected"])


@pytest.mark.parametrize("card", ["its own", SMALLER])
@pytest.mark.parametrize("name", CASES)
def test_remedies_commands_read_again_give_their_promise(name: str, card: str, tmp_path: Path) -> None:
    """Every command of a remedy, except Python code."""
    flags = CASES[name][0]
    words = flags.split() if card != SMALLER else with_gpu(flags, card)
    estimate = vramfit("check", "-f", str(FOUND / name), *words, "--offline", "--json").document["estimates"][0]
    assert bool(estimate["remedies"]) == (estimate["verdict"] != "fits")
    stated = [one for one in estimate["remedies"] if one["command"] and "import " not in one["command"]]
    promised = [(one["verdict"], one["required_bytes"]) for one in stated]
    assert promised == [again(one, estimate, tmp_path) for one in stated]
