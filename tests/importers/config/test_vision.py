"""Towers and image rules of configurations: exact rules by type, the processor's file before them, reasons otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.importers.config.model import read_config
from vramfit.importers.config.section import Section
from vramfit.importers.config.vision import TOWERS, UNKNOWN, vision_of
from vramfit.model.image_rules.anyres import Anyres
from vramfit.model.image_rules.tiles import Split, Tiles
from vramfit.model.image_rules.whole import Cross, Fixed, LongestSide, Native

CLIP = {"model_type": "clip_vision_model", "hidden_size": 1024, "image_size": 336, "patch_size": 14}
SIGLIP = {"model_type": "siglip_vision_model", "hidden_size": 1152, "image_size": 384, "patch_size": 14}
PINPOINTS = [[336, 672], [672, 336], [672, 672]]

RULES: list[tuple[dict[str, Any], object]] = [
    ({"model_type": "qwen2_vl", "vision_config": {}}, Native(14, 2, 1003520, 3136)),
    ({"model_type": "qwen3_vl", "vision_config": {"patch_size": 16}}, Native(16, 2, 16777216, 65536)),
    ({"model_type": "qwen3_5_moe", "vision_config": {"spatial_merge_size": 3}}, Native(16, 3, 16777216, 65536)),
    ({"model_type": "gemma3", "vision_config": SIGLIP, "mm_tokens_per_image": 64}, Fixed(64)),
    ({"model_type": "gemma3", "vision_config": SIGLIP}, Fixed(256)),
    ({"model_type": "gemma4", "vision_config": {"default_output_length": 70}}, Fixed(70)),
    ({"model_type": "paligemma", "vision_config": {**SIGLIP, "image_size": 448}}, Fixed(1024)),
    ({"model_type": "mistral3", "vision_config": {"model_type": "pixtral", "image_size": 1540, "patch_size": 14}},
     LongestSide(14, 2, 1540)),
    ({"model_type": "llava", "vision_config": {"model_type": "pixtral", "image_size": 1024, "patch_size": 16}},
     LongestSide(16, 1, 1024)),
    ({"model_type": "llava", "vision_config": CLIP}, Fixed(576)),
    ({"model_type": "llava", "vision_config": CLIP, "vision_feature_select_strategy": "full"}, Fixed(577)),
    ({"model_type": "llava"}, Fixed(576)),
    ({"model_type": "llava", "vision_config": SIGLIP}, Fixed(729)),
    ({"model_type": "llava_next", "vision_config": CLIP, "image_grid_pinpoints": PINPOINTS},
     Anyres(336, 14, ((672, 336), (336, 672), (672, 672)))),
    ({"model_type": "mllama", "vision_config": {"image_size": 560, "max_num_tiles": 4}}, Cross(1601, 4)),
    ({"model_type": "llama4", "vision_config": {"image_size": 336, "pixel_shuffle_ratio": 0.5}},
     Tiles(336, 144, 16, "canvas")),
    ({"model_type": "internvl", "vision_config": {"image_size": [448, 448]}}, Tiles(448, 256, 12)),
    ({"model_type": "aya_vision", "vision_config": {**SIGLIP, "image_size": 364}}, Tiles(364, 169, 12)),
    ({"model_type": "smolvlm", "scale_factor": 4, "vision_config": {"image_size": 512, "patch_size": 16}},
     Split(512, 64, 2048)),
    ({"model_type": "glm4v", "vision_config": {}}, Native(14, 2, 11760000, 12544)),
    ({"model_type": "kimi_k25", "vision_config": {}}, Native(14, 2, 3211264)),
    ({"model_type": "minimax_m3_vl", "vision_config": {}}, Native(14, 2, 451584, 3136)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("config", "rule"), RULES, ids=lambda value: value.get("model_type") if isinstance(value, dict) else ""
)
def test_rules(config: dict[str, Any], rule: object) -> None:
    tower, note = vision_of(Section(config), {})
    assert note is None
    assert tower is not None
    assert tower.image_tokens == rule


@pytest.mark.parametrize(
    ("processor", "rule"),
    [
        ({"min_pixels": 784, "max_pixels": 12845056}, Native(14, 2, 12845056, 784)),
        ({"size": {"shortest_edge": 784, "longest_edge": 12845056}}, Native(14, 2, 12845056, 784)),
        ({"image_processor": {"max_pixels": 7840}}, Native(14, 2, 7840, 3136)),
        ({"size": [672, 672]}, Native(14, 2, 1003520, 3136)),
    ],
)
def test_the_processors_file_goes_first(processor: dict[str, Any], rule: object) -> None:
    """Of transformers before 5 and of 5, which nests it."""
    tower, _ = vision_of(Section({"model_type": "qwen2_5_vl", "vision_config": {}}), processor)
    assert tower is not None
    assert tower.image_tokens == rule


def test_sizes_of_a_tower_are_its_sections() -> None:
    """Qwen2-VL's section calls its width ``embed_dim``; ``hidden_size`` is the language model's."""
    config = {"model_type": "qwen2_vl", "vision_config": {"depth": 3, "embed_dim": 64, "mlp_ratio": 2, "num_heads": 4}}
    tower, _ = vision_of(Section(config), {})
    assert tower is not None
    sizes = (tower.layers, tower.hidden, tower.ffn, tower.heads, tower.patch, tower.frames, tower.merge)
    assert sizes == (3, 64, 128, 4, 14, 2, 2)


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "step3p7", "vision_config": {}},
        {"model_type": "gemma4", "vision_config": {"default_output_length": "many"}},
        {"model_type": "llava_onevision", "vision_config": SIGLIP},
    ],
)
def test_what_is_not_known_is_said(config: dict[str, Any]) -> None:
    """No rule for the type, or one whose values are missing or are none: no tokens are guessed."""
    found = read_config(config, "it", "It")
    assert found.model.vision is None
    assert found.notes == (UNKNOWN,)


def test_a_model_without_a_tower_says_nothing() -> None:
    assert vision_of(Section({"model_type": "llama"}), {}) == (None, None)
    assert read_config({"model_type": "llama"}, "it", "It").notes == ()


def test_rows_are_of_known_types() -> None:
    kinds = {name.partition("/")[0] for name in TOWERS}
    assert {kind for kind in kinds if not Section({"model_type": kind}).known} == set()
