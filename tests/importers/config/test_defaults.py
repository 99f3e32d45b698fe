"""Types of transformers by their classes' defaults: parameters exact, or refused in one line.

``truth/defaults.json`` has each type that transformers 5.24.0 builds without further packages, with the class that it is
mapped to for generation, speech, embeddings or none of these; the parameters of that class, tied ones once; and the fields
that a saved file states and that its class derives. Types without a total are refused by the name of their class.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from vramfit.engines.transformers.estimate import cache_bytes
from vramfit.importers.config.model import Configured, read_config
from vramfit.memory.kv_cache import caches

LEAST_COUNTED = 380
"""Number of types that are counted at least."""


@cache
def rows() -> tuple[tuple[str, int | None, Configured], ...]:
    path = Path(__file__).parent / "truth" / "defaults.json"
    found = []
    for kind, name, total, *fields in json.loads(path.read_text(encoding="utf-8"))["rows"]:
        config: dict[str, Any] = {"model_type": kind, "architectures": [name], **(fields[0] if fields else {})}
        found.append((kind, total, read_config(config, "it", "It")))
    return tuple(found)


def counted(found: Configured) -> int | None:
    return None if found.tensors is None else sum(tensor.parameters for tensor in found.tensors)


def test_each_total_is_the_classs() -> None:
    differing = [(kind, total, counted(found)) for kind, total, found in rows() if counted(found) != total]
    assert differing == []


def test_most_types_are_counted() -> None:
    assert len([kind for kind, total, _ in rows() if total is not None]) >= LEAST_COUNTED


def test_the_others_are_refused_in_one_line() -> None:
    reasons = [found.tensors_reason or "" for _, total, found in rows() if total is None]
    assert len(reasons) > 100
    assert [reason for reason in reasons if not reason or "\n" in reason or len(reason) > 250] == []


LLAMA = {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32}
"""Fields that models of seven billion parameters share."""


def test_nemotron_by_two_published_totals() -> None:
    """Luciole 23B, and Luciole 1B, whose head is its embedding. The class's defaults alone cannot be constructed."""
    shared = {"model_type": "nemotron", "num_key_value_heads": 8, "vocab_size": 128000}
    large = {"hidden_size": 6144, "intermediate_size": 36864, "num_hidden_layers": 40, "num_attention_heads": 48}
    small = {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24, "num_attention_heads": 32}
    assert counted(read_config({**shared, **large}, "it", "It")) == 23_216_467_968
    assert counted(read_config({**shared, **small, "tie_word_embeddings": True}, "it", "It")) == 1_319_309_312


@pytest.mark.parametrize(
    ("config", "total"),
    [
        (
            {"model_type": "internlm2", "num_key_value_heads": 8, "vocab_size": 92544, "intermediate_size": 14336},
            7737708544,
        ),
        ({"model_type": "baichuan", "vocab_size": 125696, "intermediate_size": 11008}, 7505973248),
        ({"model_type": "Yi", "num_key_value_heads": 4, "vocab_size": 64000, "intermediate_size": 11008}, 6061035520),
    ],
)
def test_types_with_code_of_their_own_and_the_matrices_of_another(config: dict[str, Any], total: int) -> None:
    """Totals of InternLM2 7B, Baichuan2 7B and Yi 6B as the Hub states them."""
    name = f"{config['model_type']}ForCausalLM"
    assert counted(read_config({**LLAMA, **config, "architectures": [name]}, "it", "It")) == total


def test_layers_of_mistral_large_4_that_read_another_layers_latents() -> None:
    """Every fourth layer has no rotary key; a layer that reads an earlier one's latents keeps its indexer's keys, if it has
    an indexer. transformers 5.24.0 keeps 13,056 bytes of 24 tokens (a prefill of such a model on the CPU, in bf16)."""
    text = {
        "num_hidden_layers": 8, "hidden_size": 64, "num_attention_heads": 4, "kv_lora_rank": 32, "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 16, "v_head_dim": 16, "index_head_dim": 16, "kv_source_layers": [0, 1, 0, 3, 4, 4, 6, 3],
        "indexer_types": ["full", "full", "shared", "full", "full", "full", "shared", "shared"],
    }  # fmt: skip
    found = read_config({"model_type": "mistral_large4", "text_config": text}, "it", "It")
    kept = {index: (cache.key_width, cache.index_width) for cache in caches(found.model) for index in cache.layers}
    assert kept == {0: (40, 16), 1: (40, 16), 3: (32, 16), 4: (40, 16), 5: (0, 16), 6: (40, 0)}
    assert sum(cache_bytes(cache, 24, 0, "bf16", "bf16") * len(cache.layers) for cache in caches(found.model)) == 13_056
