"""Which engine is meant where none is named: by a tag of Ollama's library, and by keys of one engine alone."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.engines.choice import engine_of_keys
from vramfit.engines.resolve import engine_name, owners, resolve
from vramfit.sources import open_catalogue

CATALOGUE = open_catalogue()


def rows(model: str, **keys: Any) -> list[tuple[str, str]]:
    """Engine and scheme of each deployment."""
    found = resolve({"gpu": ("h200",), "model": model, **keys}, CATALOGUE)
    return [(one.engine, one.scheme.id) for one in found]


@pytest.mark.parametrize(
    ("keys", "engine"),
    [
        ({}, None),
        ({"context": 4096, "gpu_layers": 10, "sequence_length": 512}, None),
        ({"unified_kv": True}, "llama.cpp"),
        ({"ubatch": 512}, "llama.cpp"),
        ({"cpu_moe_layers": 3}, "llama.cpp"),
        ({"swa_full": True}, "llama.cpp"),
        ({"sched_spread": True}, "ollama"),
        ({"sched_spread": True, "ubatch": 512}, "ollama"),
        ({"gpu_memory_utilization": 0.9}, "vllm"),
        ({"gpu_memory_utilization": 0.9, "ubatch": 512}, None),
    ],
)
def test_keys_of_one_engine_choose_it(keys: dict[str, Any], engine: str | None) -> None:
    assert engine_of_keys(keys) == engine


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, [("ollama", "Q4_K_M")]),
        ({"quant": "Q3_K_M"}, [("ollama", "Q3_K_M")]),
        ({"quant": "int4"}, [("ollama", "Q4_K_M")]),
        ({"quant": "int8"}, [("ollama", "Q8_0")]),
        ({"quant": "awq"}, [("transformers", "awq")]),
        ({"quant": "bf16"}, [("transformers", "bf16")]),
        ({"engine": "llama.cpp"}, [("llama.cpp", "Q4_K_M")]),
        ({"engine": "vllm"}, [("vllm", "fp16"), ("vllm", "w8a8"), ("vllm", "awq")]),
        ({"engine": "vllm", "quant": "awq"}, [("vllm", "awq")]),
        ({"cpu_moe_layers": 0}, [("ollama", "Q4_K_M")]),
        ({"ubatch": 256}, [("ollama", "Q4_K_M")]),
        ({"task": "lora"}, [("transformers", "bf16")]),
    ],
)
def test_a_tag_is_answered_for_its_file(keys: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert rows("gemma3:12b", **keys) == expected


@pytest.mark.parametrize(
    ("model", "keys", "expected"),
    [
        ("gpt-oss-20b", {}, [("transformers", "MXFP4")]),
        ("gpt-oss-20b", {"engine": "ollama"}, [("ollama", "MXFP4")]),
        ("gpt-oss-20b", {"engine": "mlx", "gpu": ("m4-max-128gb",)}, [("mlx", "fp16"), ("mlx", "mlx-8bit"), ("mlx", "mlx-4bit")]),
        ("gpt-oss-20b", {"quant": "int4"}, [("transformers", "nf4")]),
        ("gpt-oss-20b", {"task": "lora"}, [("transformers", "bf16")]),
        ("deepseek-v3", {}, [("transformers", "fp8-block"), ("transformers", "nf4")]),
        ("deepseek-v3", {"engine": "vllm"}, [("vllm", "fp8-block"), ("vllm", "awq")]),
        ("deepseek-v3", {"engine": "llama.cpp"}, [("llama.cpp", "F16"), ("llama.cpp", "Q8_0"), ("llama.cpp", "Q4_K_M")]),
        ("gemma-3-12b", {}, [("transformers", "fp16"), ("transformers", "int8"), ("transformers", "nf4")]),
    ],
)  # fmt: skip
def test_what_was_released_in_fewer_bits_is_answered_so(
    model: str, keys: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert rows(model, **keys) == expected


@pytest.mark.parametrize(
    ("sentences", "request_"),
    [
        (1, {"max_num_seqs": 3}),
        (0, {"gpu_layers": 3}),
        (0, {"context": 4096}),
        (0, {"engine": "vllm", "kv_cache_type": "f16"}),
    ],
)
def test_sentences_on_a_choice(sentences: int, request_: dict[str, Any]) -> None:
    """Of an engine that was chosen among several, by a key that not all have."""
    assert sentences == len(owners(request_))


@pytest.mark.parametrize("kind", [None, "f16", "bf16"])
def test_a_cache_that_the_usual_engine_has_chooses_none(kind: str | None) -> None:
    assert engine_name({} if kind is None else {"kv_cache_type": kind}) == "transformers"
