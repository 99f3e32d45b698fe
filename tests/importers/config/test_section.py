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


def test_the_language_models_fields_may_stand_beside_the_sections() -> None:
    """As the files of Qwen2.5-VL have them (transformers 5.24.0 ``Qwen2_5_VLConfig``)."""
    config = {"model_type": "qwen2_5_vl", "hidden_size": 3584, "vision_config": {"hidden_size": 1280}}
    assert Section(config)("text_config.hidden_size") == 3584
    assert Section({**config, "text_config": {"hidden_size": 99}})("text_config.hidden_size") == 99
    assert Section({**config, "model_type": "qwen3_vl"})("text_config.hidden_size") == 4096


def test_a_class_that_nests_one_class_reads_it_whatever_the_file_states() -> None:
    """MiniMax-M3's file calls its tower CLIP's, whose class has no ``spatial_merge_size``."""
    stated = {"vision_config": {"model_type": "clip_vision_model"}}
    assert Section({"model_type": "minimax_m3_vl", **stated})("vision_config.spatial_merge_size") == 2
    assert Section({"model_type": "llava", **stated}).section("vision_config").model_type == "clip_vision_model"
    other = {"model_type": "llava", "vision_config": {"model_type": "siglip_vision_model"}}
    assert Section(other).section("vision_config").model_type == "siglip_vision_model"


def test_a_section_that_is_not_there_is_what_its_owner_makes_of_it() -> None:
    """CLIP's own default is 224 pixels, and LLaVA's of it 336."""
    assert Section({"model_type": "llava"})("vision_config.image_size") == 336
    assert Section({"model_type": "llava", "vision_config": {}})("vision_config.image_size") == 224


def test_layers_with_experts_by_a_text() -> None:
    section = Section({"model_type": "step3p5", "num_hidden_layers": 4, "moe_layers_enum": "1,3"})
    assert section("mlp_layer_types") == ["dense", "sparse", "dense", "sparse"]
    assert Section({"model_type": "step3p5", "num_hidden_layers": 4})("mlp_layer_types")[2:] == ["dense", "sparse"]


def test_sliding_layers_with_heads_of_their_own() -> None:
    config = {
        "model_type": "step3p5", "num_attention_heads": 64, "layer_types": ["full_attention", "sliding_attention"],
        "attention_other_setting": {"num_attention_heads": 96},
    }  # fmt: skip
    assert [Section(config)("num_attention_heads", layer) for layer in (0, 1)] == [64, 96]


def test_a_window_of_tokens_before_each() -> None:
    section = Section({"model_type": "mimo_v2_flash", "sliding_window": 128, "sliding_window_size": 128})
    assert section("sliding_window", 1) == 129
