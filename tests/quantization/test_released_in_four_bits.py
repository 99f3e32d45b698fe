"""Models that were released in four bits: files of those in MXFP4 against what publishers list, and those in integers."""

from __future__ import annotations

import pytest

from tests.command import report
from vramfit.quantization import derive, find_scheme
from vramfit.sources import open_catalogue
from vramfit.units import GB, GIB

CATALOGUE = open_catalogue()

PUBLISHED = [
    # ailocalcheck.com/model/unsloth/gpt-oss-120b-GGUF: weights of each file in GiB, read 2026-11.
    ("gpt-oss-120b", "F16", 60.88 * GIB),
    ("gpt-oss-120b", "Q8_0", 59.03 * GIB),
    ("gpt-oss-120b", "Q6_K", 58.94 * GIB),
    ("gpt-oss-120b", "Q5_K_M", 58.57 * GIB),
    ("gpt-oss-120b", "Q4_K_M", 58.46 * GIB),
    ("gpt-oss-120b", "Q4_0", 58.32 * GIB),
    # github.com/danbev/learning-ai notes/llama.cpp/gpt-oss.md: what convert_hf_to_gguf.py writes in 16 bits.
    ("gpt-oss-20b", "F16", 13.8 * GB),
    # huggingface.co/bartowski/openai_gpt-oss-20b-GGUF and unsloth/gpt-oss-20b-GGUF, sizes of their files.
    ("gpt-oss-20b", "MXFP4_MOE", 12.1 * GB),
    ("gpt-oss-20b", "Q8_0", 12.1 * GB),
    ("gpt-oss-20b", "Q6_K", 12.04 * GB),
    ("gpt-oss-20b", "Q5_K_M", 11.7 * GB),
    ("gpt-oss-20b", "Q4_K_M", 11.6 * GB),
]


@pytest.mark.parametrize(("model", "scheme", "size_bytes"), PUBLISHED)
def test_sizes_are_those_published(model: str, scheme: str, size_bytes: float) -> None:
    """Within half a percent; the files hold a tokenizer besides."""
    ours = derive(CATALOGUE.model(model), find_scheme(scheme)).file_bytes

    assert ours == pytest.approx(size_bytes, rel=0.005)


@pytest.mark.parametrize("scheme", ["F16", "BF16", "Q8_0", "Q4_K_M", "IQ2_XXS", "MXFP4_MOE"])
def test_experts_stay_as_released(scheme: str) -> None:
    stored = derive(CATALOGUE.model("gpt-oss-20b"), find_scheme(scheme)).stored
    experts = [row for row in stored if "_exps.weight" in row.tensor.name]

    assert [("MXFP4", 24 * 32 * 2880 * 2880 // 32 * 17)] * 3 == [(row.type, row.total_bytes) for row in experts]


def test_experts_of_another_release_take_the_type_of_the_file() -> None:
    stored = derive(CATALOGUE.model("qwen3-30b-a3b"), find_scheme("Q8_0")).stored

    assert {"Q8_0"} == {row.type for row in stored if "_exps.weight" in row.tensor.name}


@pytest.mark.parametrize("name", ["kimi-k2-thinking", "kimi-k2.5"])
def test_models_released_in_four_bit_integers(name: str) -> None:
    """Experts in 4 bits with groups of 32, the rest in 16: moonshotai/Kimi-K2-Thinking's files are 594 GB."""
    checkpoint = derive(CATALOGUE.model(name), find_scheme("w4a16"))
    assert 594 * GB == pytest.approx(checkpoint.file_bytes, rel=0.005)
    assert {"int4"} == {row.type for row in checkpoint.stored if "_exps" in row.tensor.name}
    assert {"F16"} == {row.type for row in checkpoint.stored if "_exps" not in row.tensor.name}


@pytest.mark.parametrize(
    ("gpus", "engine", "schemes"),
    [
        ("8xh200", "vllm", ["w4a16"]),
        ("8xh200", "sglang", ["w4a16"]),
        ("m3-ultra-512gb", "mlx", ["fp16", "mlx-8bit", "mlx-4bit"]),
    ],
)
def test_the_released_form_comes_first(gpus: str, engine: str, schemes: list[str]) -> None:
    found = report("-g", gpus, "-m", "kimi-k2-thinking", "--engine", engine).estimates
    assert schemes == [one["quant"]["scheme"] for one in found]


def test_a_released_form_is_what_the_server_is_given() -> None:
    """vLLM logged room for 715,072 tokens on eight H200 (vllm-project/recipes pull request 115, November 2025)."""
    asked = ("--engine-version", "0.11.0", "--context", "262144")
    (found,) = report("-g", "8xh200", "-m", "kimi-k2-thinking", "--engine", "vllm", *asked).estimates
    assert 715_072 == pytest.approx(found["serving"]["cache_tokens"], rel=0.01)
    assert found["command"].startswith("vllm serve moonshotai/Kimi-K2-Thinking ")
    assert "reference" == found["quality"]["label"]
