"""Architectures that engines have no code for: written from their packages before the program was asked."""

from __future__ import annotations

import json

import pytest

from tests.catalogued import catalogue
from tests.command import report, vramfit
from vramfit.engines.architectures import Registry, missing
from vramfit.engines.llamacpp.architectures import remarks

MACHINE = {"mlx": "m3-max-128gb"}
GPU = "h100-sxm"

# Engine, model, whether it has code for it; the registries that the modules name
ASKED = [
    ("vllm", "flan-t5-xl", False),
    ("vllm", "llama-3.2-11b-vision", False),
    ("vllm", "mpt-7b", False),
    ("vllm", "minimax-text-01", False),
    ("vllm", "baichuan2-7b", False),
    ("vllm", "qwen-1.8b", False),
    ("vllm", "whisper-large-v3", True),
    ("vllm", "bge-m3", True),
    ("vllm", "orpheus-3b", True),
    ("vllm", "xtts-v2", False),
    ("vllm", "qwen3-tts-1.7b", False),
    ("vllm", "jamba-v0.1", True),
    ("vllm", "olmo-3-7b", True),
    ("sglang", "flan-t5-xl", False),
    ("sglang", "falcon-7b", False),
    ("sglang", "jamba-v0.1", False),
    ("sglang", "bloom-560m", False),
    ("sglang", "minimax-text-01", False),
    ("sglang", "llama-3.2-11b-vision", True),
    ("sglang", "olmo-3-7b", True),
    ("sglang", "deepseek-v3", True),
    ("sglang", "qwen-1.8b", True),
    ("exllamav3", "flan-t5-xl", False),
    ("exllamav3", "bge-m3", False),
    ("exllamav3", "mamba-130m", False),
    ("exllamav3", "whisper-large-v3", False),
    ("exllamav3", "qwen3-30b-a3b", True),
    ("exllamav3", "gpt-oss-20b", True),
    ("exllamav3", "gemma-3-27b", True),
    ("exllamav3", "kimi-k2", True),
    ("exllamav3", "gemma-2b", False),
    ("exllamav2", "gpt-oss-20b", False),
    ("exllamav2", "qwen3-vl-8b", False),
    ("exllamav2", "qwen2.5-vl-7b", True),
    ("exllamav2", "mixtral-8x7b", True),
    ("tensorrt-llm", "flan-t5-xl", True),
    ("tensorrt-llm", "falcon-h1-7b", False),
    ("tensorrt-llm", "lfm2-1.2b", False),
    ("tensorrt-llm", "mamba-130m", False),
    ("tensorrt-llm", "qwen3.5-35b-a3b", True),
    ("mlx", "flan-t5-xl", False),
    ("mlx", "falcon-7b", False),
    ("mlx", "zamba2-2.7b", False),
    ("mlx", "bge-m3", True),
    ("mlx", "llama-3.2-11b-vision", True),
    ("mlx", "csm-1b", True),
    ("llama.cpp", "csm-1b", False),
    ("ollama", "xtts-v2", False),
    ("ollama", "orpheus-3b", True),
    ("transformers", "flan-t5-xl", True),
    ("transformers", "csm-1b", True),
]


@pytest.mark.parametrize(("name", "model", "known"), ASKED)
def test_an_engine_has_code_for_a_model_or_says_that_it_has_none(name: str, model: str, known: bool) -> None:
    ran = report("-g", MACHINE.get(name, GPU), "-m", model, "--engine", name)

    refused = [e for e in ran.estimates if e.get("verdict") == "unsupported" and "no code for" in e["refusal"]]
    assert bool(refused) != known, ran.estimates[0]


def test_a_release_that_had_the_code_is_asked() -> None:
    asked = ("-g", GPU, "-m", "mpt-7b", "--engine", "vllm", "--quant", "bf16")

    assert report(*asked, "--engine-version", "0.28.0").estimates[0]["verdict"] == "fits"
    assert report(*asked, "--engine-version", "0.30.0").estimates[0]["verdict"] == "unsupported"


def test_a_model_whose_architecture_no_file_names_is_not_refused() -> None:
    model = catalogue().model("mistral-large-3")

    assert model.architecture.model_type is None
    assert missing(model, Registry("a package", frozenset())) is None


def test_reasons_name_the_architecture_the_release_and_the_source() -> None:
    model = catalogue().model("mpt-7b")

    assert (
        missing(model, Registry("p 1", lacking=("mpt",))) == "it has no code for mpt, the architecture of MPT 7B (p 1)"
    )
    assert missing(model, Registry("p 1", dropped=(("mpt", (0, 29)),)), (0, 29)) == (
        "it has no code for mpt, the architecture of MPT 7B, since release 0.29 (p 1)"
    )
    assert missing(model, Registry("p 1", dropped=(("mpt", (0, 29)),)), (0, 28, 1)) is None


def test_a_matrix_refuses_what_check_refuses() -> None:
    ran = vramfit(
        "matrix", "-g", GPU, "-m", "flan-t5-xl", "-m", "qwen3-8b", "--engine", "vllm", "--quant", "bf16", "--json"
    )

    cells = json.loads(ran.out)["cells"]
    assert [(cell["model"], cell["verdict"]) for cell in cells] == [("flan-t5-xl", "unsupported"), ("qwen3-8b", "fits")]


def test_what_helps_is_an_engine_that_has_the_code() -> None:
    ran = report("-g", GPU, "-m", "flan-t5-xl", "--engine", "vllm", "--quant", "bf16")

    found = {tuple(one["changes"].items()): one["verdict"] for one in ran.estimates[0]["remedies"]}
    assert found[("engine", "transformers"), ("quant", "bf16")] == "fits"


@pytest.mark.parametrize(
    ("model", "context", "starts"),
    [
        ("gpt2", 1024, True),
        ("gpt2", 1025, False),
        ("bge-m3", 8194, True),
        ("bge-m3", 8195, False),
        ("llama-3.1-8b", 200_000, True),
    ],
)
def test_a_learned_table_of_positions_ends(model: str, context: int, starts: bool) -> None:
    """Rows of wpe in GPT-2, of position_embeddings in XLM-RoBERTa; rotary positions have no end of that kind."""
    row = report(
        "-g", "8xh100-sxm", "-m", model, "-c", str(context), "--quant", "bf16", "--engine", "transformers"
    ).estimates[0]

    assert (row["verdict"] != "unsupported") == starts
    assert starts or f"a context of {context:,} tokens reads beyond it" in row["refusal"]


@pytest.mark.parametrize("engine", ["llama.cpp", "ollama"])
@pytest.mark.parametrize(
    ("model", "remarked"),
    [("qwen3-8b", False), ("glm-5.3-flash", True), ("deepseek-v4.1-flash", True), ("sd-1.5", False)],
)
def test_a_model_without_a_known_name_in_gguf_files_is_remarked_on(engine: str, model: str, remarked: bool) -> None:
    """What such engines load changes by the week, so that nothing is refused for want of a name."""
    found = remarks(catalogue().model(model))
    assert [("no name that GGUF files have" in one) for one in found] == [True] * remarked
    if model != "sd-1.5":
        answer = vramfit("check", "-g", "8xh200", "-m", model, "--engine", engine, "--json").out
        assert ("no name that GGUF files have for the architecture of" in answer) is remarked
