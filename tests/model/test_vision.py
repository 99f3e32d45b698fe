"""How many tokens images become."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.each import each
from vramfit.model import Model, model_from_facts
from vramfit.model.vision import image_tokens, max_image_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

ANYRES = {
    "rule": "anyres",
    "tile": 336,
    "patch": 14,
    "pinpoints": [[672, 336], [336, 672], [672, 672], [336, 1008], [1008, 336]],
}


def seeing(rule: dict[str, object]) -> Model:
    """A model that reads images by this rule."""
    vision = {"kind": "clip", "image_tokens": rule}
    return model_from_facts({"id": "x", "name": "X", "family": "x", "vision": vision})


@pytest.mark.parametrize(
    ("key", "width", "height", "tokens"),
    [
        ("llama-3.1-8b", 1000, 1000, 0),
        ("llava-1.5-13b", 1000, 200, 576),
        # LLaVA-1.6: 24 patches a tile side, a newline for each row, 576 for the view of the whole.
        ("llava-1.6-13b", 672, 672, 48 * 48 + 48 + 576),
        ("llava-1.6-13b", 1008, 336, 2328),
        ("llava-1.6-13b", 336, 1008, 2376),
        ("llava-1.6-13b", 672, 336, 1752),
        ("llava-1.6-13b", 336, 672, 1776),
        # 1000 x 600 goes into 672 x 672: 28 of 48 rows hold image, 10 are cut above and 10 below.
        ("llava-1.6-13b", 1000, 600, 28 * 48 + 28 + 576),
        # Qwen2-VL: sides rounded to 28 pixels; 1400 x 1400 shrinks to 1,003,520 pixels.
        ("qwen2-vl-7b", 280, 560, 10 * 20),
        ("qwen2-vl-7b", 1400, 1400, 50 * 50),
        ("qwen2-vl-7b", 28, 28, 4),
        ("qwen3-vl-8b", 640, 480, 20 * 15),
        ("gemma-3-27b", 3000, 100, 256),
        # Pixtral: patches of 16 pixels and a break for each row.
        ("pixtral-12b", 512, 256, 32 * 16 + 16),
        ("pixtral-12b", 2048, 1024, 64 * 32 + 32),
        ("mistral-small-3.1", 280, 280, 10 * 10 + 10),
        # InternVL: the tile grid nearest in shape, and a view of the whole unless one tile is all.
        ("internvl3-8b", 448, 448, 256),
        ("internvl3-8b", 896, 448, 256 * 3),
        ("internvl3-8b", 4000, 3000, 256 * 13),
        ("llama-4-scout", 336, 336, 144),
        ("llama-4-scout", 672, 672, 144 * 5),
        ("llama-3.2-11b-vision", 1120, 1120, 1),
        # Idefics3: always scaled to 1456 pixels, four tiles of 364.
        ("idefics3-8b", 500, 500, 169 * 17),
        ("smolvlm-256m", 500, 250, 64 * 9),
        # DeepSeek-VL2: tiles of 14 rows, each with a newline, a separator, and the view of the whole.
        ("deepseek-vl2-tiny", 384, 384, 14 * 15 + 1 + 14 * 15),
        ("deepseek-vl2-tiny", 1152, 768, 14 * 15 + 1 + 28 * 43),
    ],
)
def test_tokens_of_an_image(models: dict[str, Model], key: str, width: int, height: int, tokens: int) -> None:
    assert tokens == image_tokens(models[key], width, height)


@pytest.mark.parametrize(
    ("key", "tokens"),
    [
        ("llama-3.1-8b", 0),
        ("llava-1.5-7b", 576),
        ("llava-1.6-13b", 2928),
        ("qwen2-vl-7b", 16384),
        ("gemma-3-4b", 256),
        ("pixtral-12b", 64 * 64 + 64),
        ("internvl3-8b", 13 * 256),
        # LLaVA-OneVision: 6561 patches, and up to 1.1 squared as many before it scales down: 98 rows of 81.
        ("llava-onevision-7b", 98 * 81 + 98 + 27 * 27),
        ("llama-4-scout", 17 * 144),
        ("llama-3.2-11b-vision", 1),
        ("deepseek-vl2-small", 14 * 15 + 1 + 9 * 14 * 15),
    ],
)
def test_the_most_tokens_an_image_takes(models: dict[str, Model], key: str, tokens: int) -> None:
    assert tokens == max_image_tokens(models[key])


@given(st.integers(20, 4000), st.integers(20, 4000))
def test_no_image_takes_more_than_the_most(width: int, height: int) -> None:
    for rule in (
        ANYRES,
        {"rule": "anyres", "tile": 384, "patch": 14, "sides": 6, "max_tiles": 9},
        {"rule": "native", "patch": 14, "merge": 2, "min_pixels": 3136, "max_pixels": 1003520},
        {"rule": "longest_side", "patch": 14, "merge": 2, "longest": 1540},
        {"rule": "tiles", "tile": 448, "per_tile": 256, "max_tiles": 12},
        {"rule": "tiles", "tile": 336, "per_tile": 144, "max_tiles": 16, "fit": "canvas"},
        {"rule": "tile_rows", "tile": 384, "side": 14, "max_tiles": 9},
        {"rule": "split", "tile": 364, "per_tile": 169, "longest": 1456},
    ):
        model = seeing(rule)
        assert 0 < image_tokens(model, width, height) <= max_image_tokens(model), rule


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(KeyError, match="guess"):
        seeing({"rule": "guess"})


@pytest.mark.parametrize("ask", [max_image_tokens, lambda model: image_tokens(model, 10, 10)])
def test_a_tower_without_a_rule_has_no_number_of_tokens(ask: Callable[[Model], int]) -> None:
    model = model_from_facts({"id": "x", "name": "X", "family": "x", "vision": {"kind": "clip"}})
    with pytest.raises(ValueError, match=r"no rule for image tokens \(x\)"):
        ask(model)


def test_every_tower_of_the_catalogue_has_a_rule(models: dict[str, Model]) -> None:
    for key, model in each(models.items()):
        if model.vision is not None:
            assert 0 < image_tokens(model, 800, 600) <= max_image_tokens(model), key
