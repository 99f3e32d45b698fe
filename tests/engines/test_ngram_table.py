"""Tables of n-grams, which servers keep in host memory, and tables of embeddings by layer, which they do not."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.answer import Answer, answer
from vramfit.engines.keys import parse_request
from vramfit.engines.ngram_table import on_cards, table_bytes
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import terms
from vramfit.sources import open_catalogue

TABLE = 320_000_000 * 160 * 2
"""Bytes of Qwen3.8-Flash-Next's table: 320 million rows of 160 elements in 16 bits."""


TWO_TABLES = (384_006_168 + 384_016_682) * 264
"""Bytes of DeepSeek-V4.1's tables: rows of 256 elements in 8 bits, with an exponent for every 32."""


def answered(**request: Any) -> Answer:
    """The answer to a request: Qwen3.8-Flash-Next in FP8 on two H200 unless it says otherwise."""
    raw = {"gpu": "2xh200", "model": "qwen3.8-flash-next", "quant": "fp8", "engine": "vllm", **request}
    return answer(resolve(parse_request(raw), open_catalogue())[0])


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (TABLE, {}),
        (TABLE, {"engine": "sglang"}),
        (TABLE, {"gpu": "rtxpro6000", "quant": "nvfp4"}),
        (0, {"engine_version": "0.29.0"}),
        (TABLE, {"engine_version": "0.30.0"}),
        # SGLang leaves it on the cards of other vendors.
        (0, {"engine": "sglang", "gpu": "2xmi300x"}),
        # A copy of the model each has a table of its own, until those of one machine share it.
        (2 * TABLE, {"data_parallel": 2, "engine_version": "0.30.0"}),
        (TABLE, {"data_parallel": 2}),
        (2 * TABLE, {"data_parallel": 2, "expert_parallel": True, "tensor_parallel": 1, "engine": "sglang"}),
        # Parameters that are asked to stay in host memory stand beside it.
        (TABLE + 2 * 1024**3, {"cpu_offload": "1GiB"}),
        # Gemma's table has embeddings by layer, and is on the card.
        (0, {"gpu": "rtx4090", "model": "gemma-4-e2b", "quant": "bf16"}),
    ],
    ids=str,
)
def test_host_memory(expected: int, request_: dict[str, Any]) -> None:
    """Bytes of host memory: the table once for each copy, and up to a parameter more of what is offloaded."""
    found = answered(**request_).estimate.host.weights_bytes
    assert expected <= found < expected + 1024**3


def test_cards_without_the_table() -> None:
    """The cards of the release that first keeps it in host memory have its bytes less, in equal parts."""
    before, after = [answered(engine_version=version).estimate.gpus[0] for version in ("0.29.0", "0.30.0")]
    assert before.weights_bytes - after.weights_bytes == TABLE // 2


def test_only_tables_of_ngrams_are_left_out() -> None:
    """A checkpoint without one is itself."""
    deployment = answered(gpu="rtx4090", model="gemma-4-e2b", quant="bf16").deployment
    assert on_cards(deployment.checkpoint) is deployment.checkpoint
    assert table_bytes(deployment.checkpoint) == 0


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_explained(engine: str) -> None:
    """The table is a term of the host, and the assumptions say where it is."""
    found = answered(engine=engine)
    assert [(term.name, term.bytes) for term in terms(found.deployment) if term.device == "host"] == [
        ("table of n-grams", TABLE)
    ]
    assert "the table of n-grams, 95.37 GiB, is in pinned host memory, which is the engine's default" in (
        found.estimate.assumptions
    )


@pytest.mark.parametrize(("engine", "host"), [("vllm", TWO_TABLES), ("sglang", 0)])
def test_two_tables_in_eight_bits(engine: str, host: int) -> None:
    """vLLM keeps those of DeepSeek-V4.1 in host memory by default, SGLang on the cards."""
    found = answered(model="deepseek-v4.1-flash", quant="fp8-block", engine=engine, gpu="8xb200")
    assert table_bytes(found.deployment.checkpoint) == TWO_TABLES
    assert found.estimate.host.weights_bytes == host
