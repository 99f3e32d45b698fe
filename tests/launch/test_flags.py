"""Every command of a remedy is one that its program takes: flags.yaml says what that is, and where it was read."""

from __future__ import annotations

import ast
import json
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.samples import Catalogue
from vramfit.answer import answer
from vramfit.checks import check
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue

KNOWN: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "flags.yaml").read_text(encoding="utf-8"))
GIVEN = ("inputs", "samples", "tokenizer", "rewards", "texts", "pairs", "text", "words")
"""Names that whoever runs the code has values for."""
NUMBER = {"count": r"-?[0-9]+", "share": r"0?\.[0-9]+|1(\.0+)?"}


def verify(text: str) -> None:
    """Fail unless each line of ``text`` is a command, or all of it Python, with known words and values alone."""
    if ".from_pretrained(" in text or text.startswith(("import ", "from ")):
        verify_python(text)
        return
    for one in text.split("\n"):
        verify_line(one)


def verify_line(one: str) -> None:
    """One shell line, as ``sh`` splits it."""
    words = shlex.split(one.removesuffix(" &"))
    while "=" in words[0]:
        known = [name for kind in ("ollama", "server") for name in KNOWN[f"{kind} variables"]["names"]]
        assert words[0].partition("=")[0] in known
        words = words[1:]
    if words[0] == "printf":
        verify_modelfile(words)
        return
    if words[0] == "mpirun":
        assert [*words[:2], words[3], words[5]] == ["mpirun", "-n", "-H", "trtllm-llmapi-launch"]
        words = words[6:]
    words = words[2 if words[:2] == ["python", "-m"] else 1 if words[0] == "python" else 0 :]
    program = words[0] if words[0] in KNOWN else " ".join(words[:2])
    known = KNOWN[program]
    rest = words[len(program.split()) :]
    positional = []
    flags = {}
    while rest:
        word = rest.pop(0)
        if word.startswith("--") and "=" in word:
            word, _, value = word.partition("=")
            rest.insert(0, value)
        kind = known["flags"].get(word)
        if kind is None:
            assert not word.startswith("-"), f"{program} has no {word}"
            positional.append(word)
        else:
            assert word not in flags, f"{word} twice"
            flags[word] = None if kind == "none" else rest.pop(0)
            verify_value(word, flags[word], kind)
    assert len(positional) == known.get("positional", 0), one


JSON_FIELDS = {
    "--limit-mm-per-prompt": {"image"},
    "--hf-overrides": {"max_position_embeddings", "rope_parameters", "rope_scaling"},
    "--json-model-override-args": {"max_position_embeddings", "rope_scaling"},
    "--speculative-config": {"method", "num_speculative_tokens", "model"},
}
"""Fields of the objects that flags take."""


def verify_value(flag: str, value: str | None, kind: str | list[str]) -> None:
    """The value of a flag is of its kind."""
    if isinstance(kind, list):
        assert value in kind, f"{flag} {value}"
    elif kind in NUMBER:
        assert value is not None
        assert re.fullmatch(NUMBER[kind], value), f"{flag} {value}"
    elif kind == "json":
        assert value is not None
        assert set(json.loads(value)) <= JSON_FIELDS[flag]
    else:
        assert (value is None) == (kind == "none")


def verify_modelfile(words: list[str]) -> None:
    """``printf`` that writes Ollama's Modelfile, an instruction a line."""
    assert ["printf", "%s\\n"] == words[:2]
    assert [">", "Modelfile"] == words[-2:]
    for instruction in words[2:-2]:
        name, *values = instruction.split(" ")
        assert name in KNOWN["ollama modelfile"]["instructions"]
        if name == "PARAMETER":
            assert values[0] in KNOWN["ollama modelfile"]["parameters"]
            assert values[1].isdigit()


def verify_python(text: str) -> None:
    """It parses, imports known packages, and every call has arguments its signature has."""
    known = KNOWN["python"]
    defined = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= set(known["names"])
            defined |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module in known["names"]
            defined |= {alias.name for alias in node.names}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            assert node.id in defined | {*GIVEN, "model", "settings"}, node.id
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        given = {keyword.arg for keyword in node.keywords if keyword.arg is not None}
        assert given <= set(known["arguments"][name]), (name, given)
        for keyword in node.keywords:
            if keyword.arg in ("optim", "bnb_4bit_quant_type"):
                assert ast.literal_eval(keyword.value) in known[keyword.arg]


SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"context": 1024, "parallel": 7},
    {"kv_cache_type": "q8_0"},
    {"kv_cache_type": "fp8", "enforce_eager": True},
    {"flash_attention": "off", "swa_full": True, "unified_kv": True},
    {"gpu_layers": 3, "ubatch": 64},
    {"cpu_moe_layers": 2, "model": "mixtral-8x7b"},
    {"gpu_layers": "auto", "gpu": "rtx3060-12gb"},
    {"cpu_moe_layers": "auto", "model": "mixtral-8x7b"},
    {"gpu": "2xrtx4090", "max_batched_tokens": 1024, "gpu_memory_utilization": 0.5},
    {"gpu": "16xrtx4090", "tensor_parallel": 8, "pipeline_parallel": 2},
    {"gpu": "16xrtx4090", "engine_version": "0.8.5"},
    {"model": "llava-1.5-7b", "images": 2, "image_size": "336x336"},
)


@pytest.mark.parametrize("engine", ["transformers", "llama.cpp", "vllm", "sglang", "tensorrt-llm"])
@pytest.mark.parametrize("quant", ["fp16", "bf16", "int8", "nf4", "fp4-single", "fp8", "awq", "Q4_K_M", "F16"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_commands_of_many_deployments(engine: str, quant: str, settings: dict[str, Any]) -> None:
    """Whatever an engine answers for, in the words it knows; what it refuses has no command."""
    from vramfit.errors import VramfitError

    request = {"gpu": "rtx4090", "model": "llama-3.1-8b", "engine": engine, "quant": quant, **settings}
    try:
        found = answer(resolve(parse_request(request), Catalogue())[0])
    except VramfitError:
        return
    verify(found.command)


@pytest.mark.parametrize("task", ["full", "lora", "qlora"])
@pytest.mark.parametrize("optimizer", ["adamw", "adamw8bit", "paged_adamw8bit", "adafactor", "sgd", "lion"])
def test_commands_of_fine_tuning(task: str, optimizer: str) -> None:
    """Python, with the optimizer by the name transformers has for it."""
    raw = {"gpu": "rtx4090", "model": "llama-2-7b", "task": task, "optimizer": optimizer}
    verify(answer(resolve(parse_request(raw), Catalogue())[0]).command)


APPLE = "m2-max-96gb"


@pytest.mark.parametrize(
    "request_",
    [
        {"engine": "ollama", "quant": "Q4_K_M"},
        {
            "engine": "ollama",
            "quant": "Q8_0",
            "context": 3000,
            "parallel": 3,
            "kv_cache_type": "q8_0",
            "reserve": "1GiB",
        },
        {"engine": "ollama", "quant": "Q4_K_M", "gpu": "2xrtx3060-12gb", "gpu_layers": 11},
        {"engine": "ollama", "quant": "Q4_K_M", "model": "llava-1.6-7b", "sched_spread": True},
        {"engine": "llama.cpp", "quant": "Q4_K_M", "gpu": "2xrtx3060-12gb", "split_mode": "row", "main_gpu": 1},
        {"engine": "llama.cpp", "quant": "Q4_K_M", "gpu": "2xrtx3060-12gb", "tensor_split": "3,1"},
        {"engine": "mlx", "quant": "mlx-4bit", "gpu": APPLE},
        {"engine": "mlx", "quant": "bf16", "gpu": APPLE, "kv_cache_type": "int8"},
        {"engine": "mlx", "quant": "mlx-mxfp4", "gpu": APPLE, "model": "llava-1.6-7b"},
        {"engine": "exllamav2", "quant": "exl2-4.0", "context": 5000, "kv_cache_type": "int6", "gpu": "2xrtx4090"},
        {"engine": "exllamav3", "quant": "exl3-4.0", "context": 5000, "parallel": 2},
        {"engine": "exllamav3", "quant": "exl3-6.0", "kv_cache_type": "int8", "kv_cache_type_v": "int4"},
    ],
    ids=str,
)
def test_commands_of_other_engines(request_: dict[str, Any]) -> None:
    """Ollama, MLX and ExLlamaV3, with the catalogue's cards and models."""
    request = {"gpu": "rtx4090", "model": "llama-3.1-8b", **request_}
    verify(answer(resolve(parse_request(request), open_catalogue())[0]).command)


ASKED = (
    {"model": "llava-1.6-13b"},
    {"model": "llama-3.1-70b", "quant": "Q4_K_M"},
    {"model": "qwen3-30b-a3b", "gpu": "rtx3060-12gb"},
    {"model": "llama-3.1-8b", "context": 131072, "engine": "llama.cpp", "quant": "F16"},
    {"model": "llama-3.1-8b", "parallel": 64, "engine": "vllm", "quant": "bf16"},
    {"model": "llama-3.1-70b", "engine": "sglang", "gpu": "h100-sxm"},
    {"model": "llama-3.1-405b", "engine": "vllm", "quant": "bf16", "gpu": "8xh100-sxm"},
    {"model": "llama-3.1-70b", "engine": "tensorrt-llm", "gpu": "h100-sxm"},
    {"model": "kimi-k2", "engine": "tensorrt-llm", "quant": "fp8-block", "gpu": "8xh100-sxm"},
    {"model": "llama-3.1-8b", "task": "full"},
    {"model": "llama-3.1-8b", "task": "qlora", "gpu": "rtx3060-12gb", "sequence_length": 8192},
)


SCENARIOS: tuple[dict[str, Any], ...] = (
    {"gpu": "2xl40s", "model": "qwen3-32b", "quant": "fp8", "context": 32768, "parallel": 16, "kv_cache_type": "fp8"},
    {"gpu": "2xl40s", "model": "Qwen/Qwen3-32B-AWQ", "context": 32768, "max_num_seqs": 64},
    {"gpu": "8xh200", "model": "deepseek-r1", "quant": "fp8-block", "context": 65536},
    {"gpu": "16xh100-sxm", "model": "deepseek-r1", "quant": "fp8-block"},
    {"gpu": "16xh200", "model": "kimi-k2", "quant": "fp8-block", "context": 131072, "parallel": 8},
    {"gpu": "4xh100-sxm", "model": "llama-3.1-70b", "quant": "fp8", "pipeline_parallel": 2, "max_batched_tokens": 4096},
    {"gpu": "h100-sxm", "model": "gpt-oss-120b", "quant": "MXFP4", "gpu_memory_utilization": 0.95},
    {"gpu": "l4", "model": "qwen2.5-vl-7b", "quant": "awq", "images": 2, "enforce_eager": True},
    {"gpu": "8xgb200", "model": "qwen3-235b-a22b", "quant": "nvfp4", "expert_parallel": True},
    {"gpu": "2xgb10", "model": "llama-3.1-70b", "quant": "fp8", "gpu_memory_utilization": 0.8},
)
"""Deployments that engineers ask of servers, on one machine and on two."""


OWN: tuple[dict[str, Any], ...] = (
    {
        "engine": "vllm", "gpu": "h100-sxm", "model": "qwen3-8b", "context": 131072, "rope_scaling": "131072,yarn:4:32768",
        "long_context": True, "max_loras": 2, "max_lora_rank": 64,
    },
    {
        "engine": "sglang", "gpu": "h100-sxm", "model": "qwen3-8b", "context": 131072, "rope_scaling": "131072,yarn:4:32768",
        "long_context": True, "max_loras": 2, "max_lora_rank": 64, "cuda_graph_max_bs": 16,
    },
    {"engine": "sglang", "gpu": "2xh200", "model": "qwen3.6-27b", "data_parallel": 2, "speculative": "mtp"},
)  # fmt: skip
"""Deployments with keys that one server or two have."""


def own_command(number: int) -> str:
    """Command of a deployment with keys that not all servers have."""
    return answer(resolve(parse_request(OWN[number]), open_catalogue())[0]).command


@pytest.mark.parametrize("number", range(len(OWN)))
def test_commands_with_own_keys(number: int) -> None:
    """Each flag is one that the server has, with variables in front."""
    verify(own_command(number))


def command_of(engine: str, number: int) -> str:
    """Command of a scenario with an engine."""
    request = parse_request({"engine": engine, **SCENARIOS[number]})
    return answer(resolve(request, open_catalogue())[0]).command


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tensorrt-llm"])
@pytest.mark.parametrize("number", range(len(SCENARIOS)))
def test_commands_of_scenarios(engine: str, number: int) -> None:
    """Ten scenarios with each server, several machines included."""
    verify(command_of(engine, number))


@cache
def remedies(number: int, everything: bool) -> Any:
    """Of the first row of a question on an RTX 4090 unless it says otherwise."""
    request = parse_request({"gpu": "rtx4090", **ASKED[number]})
    return next(check(request, open_catalogue(), all_remedies=everything)).remedies


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("number", range(len(ASKED)))
def test_commands_of_remedies(number: int, everything: bool) -> None:
    """Each remedy of the catalogue's models, by default and all of them."""
    told = remedies(number, everything)
    assert told
    for remedy in told:
        verify(remedy.command)


@pytest.mark.parametrize(
    "wrong",
    [
        "llama-server -m x.gguf -c 1 --no-such-flag",
        "llama-server -m x.gguf -ctk q3_0",
        "llama-server -m x.gguf -c many",
        "vllm serve",
        "vllm serve a b",
        "vllm serve a --gpu-memory-utilization 92",
        "ollama create x -f Modelfile --quantise q4",
        "OLLAMA_CONTEXT=1 ollama serve",
        "model = AutoModel.from_pretrained('a', quantization_config=BitsAndBytesConfig(load_in_3bit=True))",
        "import torch; model = torch.from_pretrained('a', dtyp=torch.float16)",
    ],
)
def test_the_check_finds_faults(wrong: str) -> None:
    """A misspelt flag, a value of another kind, a name that was not imported."""
    with pytest.raises((AssertionError, KeyError)):
        verify(wrong)
