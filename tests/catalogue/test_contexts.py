"""Contexts of models whose cards state another one than their configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vramfit.catalogue import Catalogue

# What the card states, and max_position_embeddings of config.json, in tokens
STATED = [
    ("pixtral-12b", 131_072, 1_024_000),
    ("deepseek-v2-lite", 32_768, 163_840),
    ("lfm2-350m", 32_768, 128_000),
    ("lfm2-700m", 32_768, 128_000),
    ("lfm2-1.2b", 32_768, 128_000),
    ("lfm2-2.6b", 32_768, 128_000),
    ("lfm2-8b-a1b", 32_768, 128_000),
    ("lfm2-vl-450m", 32_768, 128_000),
    ("lfm2-vl-3b", 32_768, 128_000),
    ("devstral-small-2", 262_144, 393_216),
    ("mistral-large-3", 262_144, 294_912),
    ("minimax-text-01", 4_000_000, 10_240_000),
    ("minimax-m1", 1_000_000, 10_240_000),
    ("hunyuan-a13b", 262_144, 32_768),
]


@pytest.mark.parametrize(("name", "stated", "configured"), STATED)
def test_a_card_states_another_context_than_the_configuration(
    catalogue: Catalogue, name: str, stated: int, configured: int
) -> None:
    model = catalogue.model(name)

    assert (model.context, model.traits.configured_context) == (stated, configured)


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("kimi-linear-48b-a3b", 1_048_576),
        ("glm-5.2", 1_048_576),
        ("step-3.5-flash", 262_144),
        ("Qwen2.5-Math-7B", 4096),
        ("GLM-4.6V-Flash", 131_072),
        ("Phi-3-medium-4k", 4096),
        ("Phi-3-medium-128k-instruct", 131_072),
        ("Qwen3Guard-Gen-8B", 32_768),
        ("translategemma-27b", 131_072),
        ("Huihui-Qwen3.8-27B-abliterated", 262_144),
    ],
)
def test_context_of_a_model_by_its_own_name(catalogue: Catalogue, name: str, context: int) -> None:
    assert catalogue.model(name).context == context
