"""Explanations hold for what an engine does, and for nothing beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.properties.asked import Asker, Violation, measures
from tests.properties.explained import explanation


def violation(invariant: str, raw: dict[str, Any], easier: dict[str, Any], harder: dict[str, Any]) -> Violation:
    """A violation of a pair of deployments that are asked for here."""
    one, two = (Asker().one({**raw, **keys}) for keys in (easier, harder))
    assert one is not None
    assert two is not None
    return Violation(invariant, {**raw, **easier}, harder, "", (measures(one), measures(two)))


FALCON = {"gpu": "rtx4090", "model": "falcon-7b", "engine": "llama.cpp", "quant": "Q4_0", "ubatch": 2048}
SCORES = {"gpu": "max1100", "model": "gemma-4-e2b", "engine": "ollama", "quant": "IQ2_M", "kv_cache_type": "bf16"}
UNPACKED = {"gpu": "rx7700xt", "model": "deepseek-v4-pro", "engine": "ollama", "quant": "MXFP4"}
SOURCES = ("ggml_vk_graph_optimize", "supports_op", "tallocr_alloc", "get_batch_defaults")
STEPS = {
    "model": "gemma-4-e4b",
    "engine": "vllm",
    "kv_cache_memory": "2GiB",
    "context": 109072,
    "quant": "torchao-int8",
}


@pytest.mark.parametrize(
    ("invariant", "raw", "easier", "harder", "source"),
    [
        ("parallel: need", FALCON, {"parallel": 1}, {"parallel": 2}, "ggml_vk_graph_optimize"),
        ("flash attention: need", SCORES, {"flash_attention": "on"}, {"flash_attention": "off"}, "supports_op"),
        ("cache type: need", UNPACKED, {"kv_cache_type": "q4_0"}, {"kv_cache_type": "f16"}, "tallocr_alloc"),
        ("custom: verdict", STEPS, {"gpu": "custom:94GiB"}, {"gpu": "custom:47GiB"}, "get_batch_defaults"),
        ("parallel: need", FALCON, {"parallel": 2}, {"parallel": 2}, "tallocr_alloc"),
        ("parallel: verdict", STEPS, {"gpu": "custom:94GiB"}, {"gpu": "custom:47GiB"}, None),
    ],
)  # fmt: skip
def test_the_line_that_explains(
    invariant: str, raw: dict[str, Any], easier: dict[str, Any], harder: dict[str, Any], source: str | None
) -> None:
    known = explanation(violation(invariant, raw, easier, harder))
    assert [one for one in SOURCES if known is not None and one in known.source] == ([] if source is None else [source])


def test_fewer_bytes_at_once_are_no_matter_of_holes() -> None:
    """The same buffers with less in them are a fault, whatever their size."""
    found = violation("context: need", FALCON, {"context": 4096}, {"context": 8192})
    assert explanation(found) is not None
    assert found.pair is not None
    before, after = found.pair
    assert before.graph is not None
    emptier = replace_graph(after, live_bytes=before.graph.live_bytes - 1)
    assert explanation(Violation(found.invariant, found.raw, found.changes, "", (before, emptier))) is None


def replace_graph(one: Any, **changes: int) -> Any:
    return replace(one, graph=replace(one.graph, **changes))
