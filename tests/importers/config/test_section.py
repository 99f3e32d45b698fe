"""What a configuration's fields are once its class has had its say: aliases, defaults, derived and layered fields."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.importers.config.section import Section


@pytest.mark.parametrize(
    ("config", "field", "layer", "expected"),
    [
        ({"model_type": "llama", "hidden_size": 2048, "num_attention_heads": 32}, "head_dim", None, 64),
        ({"model_type": "llama", "num_attention_heads": 8}, "num_key_value_heads", None, 8),
        (
            {"model_type": "llama", "num_key_value_heads": None, "num_attention_heads": 8},
            "num_key_value_heads",
            None,
            8,
        ),
        ({"model_type": "llama"}, "vocab_size", None, 32000),
        ({"model_type": "gpt2", "hidden_size": 99}, "n_embd", None, 99),
        ({"model_type": "gpt2", "n_embd": 99}, "hidden_size", None, 99),
        ({"model_type": "gpt2"}, "hidden_size", None, 768),
        ({"model_type": "nothing-known"}, "hidden_size", None, None),
        ({"model_type": "kimi_k2"}, "kv_lora_rank", None, 512),
        ({"model_type": "llama", "per_layer_config": {"02": {"head_dim": 7}}, "head_dim": 5}, "head_dim", 2, 7),
        ({"model_type": "llama", "per_layer_config": {"02": {"head_dim": 7}}, "head_dim": 5}, "head_dim", 1, 5),
        ({"model_type": "llava", "text_config": {"model_type": "llama"}}, "text_config.hidden_size", None, 4096),
        ({"model_type": "bert", "id2label": {"0": "a"}}, "num_labels", None, 1),
        ({"model_type": "bert"}, "num_labels", None, 2),
    ],
)
def test_fields(config: dict[str, Any], field: str, layer: int | None, expected: object) -> None:
    assert Section(config)(field, layer) == expected


def test_kinds_of_layers_are_worked_out_from_counts() -> None:
    section = Section({"model_type": "gpt_oss", "num_hidden_layers": 3})
    assert section("layer_types") == ["sliding_attention", "full_attention", "sliding_attention"]


def test_letters_of_nemotron_are_kinds_of_layers() -> None:
    section = Section({"model_type": "nemotron_h", "hybrid_override_pattern": "ME*-", "num_hidden_layers": 4})
    assert section("layers_block_type") == ["linear_attention", "moe", "full_attention", "mlp"]


def test_older_words_for_kinds_of_layers() -> None:
    section = Section({"model_type": "zamba2", "layers_block_type": ["mamba", "attention", "hybrid"]})
    assert section("layers_block_type") == ["linear_attention", "full_attention", "hybrid"]


def test_full_layers_of_gemma_4_are_wider_unless_the_file_says_how() -> None:
    config = {"model_type": "gemma4_text", "layer_types": ["sliding_attention", "full_attention"], "head_dim": 256}
    assert [Section(config)("head_dim", layer) for layer in (0, 1)] == [256, 512]
    assert Section({**config, "per_layer_config": {}})("head_dim", 1) == 256
