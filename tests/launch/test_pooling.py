"""Commands of models that give vectors or scores: each server is started for them, and the line is read back as the same."""

from __future__ import annotations

import pytest

from tests.command import report
from vramfit.engines.commands import read_command


@pytest.mark.parametrize(
    ("expected", "engine", "model", "quant"),
    [
        ("--runner pooling --convert embed", "vllm", "bge-m3", "bf16"),
        ("--runner pooling --convert embed", "vllm", "qwen3-embedding-4b", "bf16"),
        ("--runner pooling --convert classify", "vllm", "bge-reranker-v2-m3", "fp16"),
        ("--is-embedding", "sglang", "qwen3-embedding-0.6b", "bf16"),
        ("--is-embedding", "sglang", "bge-reranker-v2-m3", "bf16"),
        ("--embedding", "llama.cpp", "gpustack/bge-m3-GGUF:Q8_0", "Q8_0"),
        ("--reranking", "llama.cpp", "gpustack/bge-reranker-v2-m3-GGUF:Q8_0", "Q8_0"),
    ],
)
def test_flags_for_vectors_and_scores(
    expected: str, engine: str, model: str, quant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = report("-g", "rtx4090", "-m", model, "--engine", engine, "--quant", quant).estimates[0]
    found = read_command(asked["command"])

    assert asked["command"].endswith(expected)
    assert (engine, ()) == (found.engine, found.notes)
    words = [word for name, value in found.keys.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    again = report("-g", "rtx4090", "--engine", engine, *words).estimates[0]
    assert (asked["required_bytes"], asked["model"]) == (again["required_bytes"], again["model"])


@pytest.mark.parametrize(("engine", "quant"), [("vllm", "bf16"), ("sglang", "bf16"), ("llama.cpp", "Q8_0")])
def test_a_model_that_writes_is_started_as_ever(engine: str, quant: str) -> None:
    command = report(
        "-g",
        "rtx4090",
        "-m",
        "Qwen/Qwen3-8B-GGUF:Q8_0" if quant == "Q8_0" else "qwen3-8b",
        "--engine",
        engine,
        "--quant",
        quant,
    ).estimates[0]["command"]

    assert command is not None
    assert not {"--runner", "--is-embedding", "--embedding", "--reranking"}.intersection(command.split())


def test_a_decoder_that_ranks_is_no_embedding_on_sglang() -> None:
    """It ranks by the words that it would write (sgl-project/sglang docs/supported_models/rerank_models.md)."""
    command = report("-g", "rtx4090", "-m", "qwen3-reranker-0.6b", "--engine", "sglang", "--quant", "bf16").estimates[
        0
    ]["command"]

    assert "--is-embedding" not in command
