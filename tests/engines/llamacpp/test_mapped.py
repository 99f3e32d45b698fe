"""The input embedding in a buffer of Metal, which reaches from the first to the last tensor of the GPU."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.answer import Answer, answer
from vramfit.engines.keys import parse_request
from vramfit.engines.llamacpp.placement import parts_of
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import terms
from vramfit.sources import open_catalogue

CATALOGUE = open_catalogue()
NAME = "input embedding, mapped with them"


def answered(model: str, quant: str, gpu: str = "m4-max-128gb", **keys: Any) -> Answer:
    asked = {"gpu": gpu, "model": model, "engine": "llama.cpp", "quant": quant, "images": 0, **keys}
    return answer(resolve(parse_request(asked), CATALOGUE)[0])


@pytest.mark.parametrize(
    ("model", "quant", "keys", "mapped"),
    [
        ("qwen3-8b", "Q4_K_M", {}, True),
        ("qwen3-8b", "Q4_K_M", {"gpu_layers": 10}, True),
        ("qwen3-8b", "Q4_K_M", {"gpu_layers": 0}, False),
        # The output alone has nothing behind it.
        ("qwen3-8b", "Q4_K_M", {"gpu_layers": 1}, False),
        # Files of the converter are in the order of the checkpoint, and older ones begin with the embedding.
        ("qwen3-8b", "F16", {}, False),
        ("llama-3.1-8b", "Q4_K_M", {}, False),
        # A tied embedding is the head, which the GPU uses.
        ("qwen3-0.6b", "Q4_K_M", {}, False),
        ("qwen3-8b", "Q4_K_M", {"override_tensor": "attn_k=CPU"}, False),
        ("qwen3-8b", "Q4_K_M", {"gpu": "rtx4090"}, False),
    ],
)
def test_the_embedding_lies_between_head_and_layers(model: str, quant: str, keys: dict[str, Any], mapped: bool) -> None:
    found = answered(model, quant, **keys)
    listed = {term.name: term for term in terms(found.deployment) if term.device == "gpu0"}
    embedding = parts_of(found.deployment.checkpoint).input_bytes

    assert mapped == (NAME in listed)
    assert (embedding if mapped else 0) == (listed[NAME].bytes if mapped else 0)
    assert found.estimate.gpus[0].weights_bytes == sum(
        [term.bytes for term in listed.values() if term.part == "weights"]
    )


def test_it_may_be_there_of_other_files() -> None:
    """The order of an older file is not known, so the high estimate has it."""
    older = answered("llama-3.1-8b", "Q4_K_M").estimate.gpus[0]
    recent = answered("qwen3-8b", "Q4_K_M").estimate.gpus[0]
    embedding = parts_of(answered("llama-3.1-8b", "Q4_K_M").deployment.checkpoint).input_bytes

    assert older.high_bytes - older.total_bytes > embedding
    assert recent.high_bytes - recent.total_bytes < embedding
