"""Rules by a property of a model's attention: which hold for GPUs and cache types, and which is about a model."""

from __future__ import annotations

from typing import Any

import pytest

from tests.catalogued import catalogue
from vramfit.engines.attention_rules import CHOOSES, LATENTS, SINKS, first, head_widths, holding, of_attention
from vramfit.engines.support import Rule, below
from vramfit.quantization import SCHEMES
from vramfit.workload.common import Workload

RULES = {
    SINKS: Rule("it has no sinks", "somewhere", below(8, 9), caches=("fp8",)),
    LATENTS: Rule("it has no latents", "elsewhere", below(8, 0), families=("awq",)),
}


def reasons(name: str, cache: str) -> list[tuple[str, str]]:
    """Reasons that hold for a GPU with a cache type."""
    work = Workload(4096, kv_cache_type=cache, kv_cache_type_v=cache)
    return list(holding(RULES, (catalogue().gpu("rtx4090"), catalogue().gpu(name)), work))


NO_SINKS = (SINKS, "it has no sinks, and this is NVIDIA GeForce RTX 3090 with 8.6 (somewhere)")
NO_LATENTS = (LATENTS, "it has no latents, and this is Tesla T4 with 7.5 (elsewhere)")


@pytest.mark.parametrize(
    ("expected", "name", "cache"),
    [
        ([NO_SINKS], "rtx3090", "fp8"),
        ([], "rtx3090", "f16"),
        ([NO_LATENTS], "t4", "f16"),
        ([], "l4", "fp8"),
    ],
)
def test_rules_that_hold(expected: list[tuple[str, str]], name: str, cache: str) -> None:
    """By the first GPU that a rule is about, and by cache type."""
    assert expected == reasons(name, cache)


@pytest.mark.parametrize(
    ("expected", "properties", "scheme"),
    [
        (NO_SINKS[1], {SINKS}, "fp16"),
        (NO_SINKS[1], {SINKS, LATENTS}, "awq"),
        (NO_LATENTS[1], {LATENTS}, "awq"),
        (None, {LATENTS}, "fp16"),
        (None, {CHOOSES}, "awq"),
        (None, set(), "awq"),
    ],
)
def test_the_first_that_is_about_a_model(expected: str | None, properties: set[str], scheme: str) -> None:
    """By property, and by family of schemes."""
    assert expected == first(RULES, (NO_SINKS, NO_LATENTS), properties, SCHEMES[scheme])


@pytest.mark.parametrize(
    ("expected", "widths", "name"),
    [
        ({SINKS}, {64}, "gpt-oss-20b"),
        ({LATENTS}, set(), "deepseek-v2-lite"),
        ({CHOOSES}, set(), "deepseek-v3.2"),
        (set(), {128}, "llama-3.1-8b"),
        (set(), {96}, "phi-3-mini-4k"),
        (set(), set(), "mamba2-2.7b"),
    ],
)
def test_properties_of_models(expected: set[str], widths: set[int], name: str) -> None:
    """Sinks, latents, an indexer that chooses tokens, and the widths of heads whose keys are cached."""
    model: Any = catalogue().model(name)
    assert expected == of_attention(model)
    assert widths == head_widths(model)
