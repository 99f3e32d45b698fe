"""What a vision tower needs while it reads images."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import MODELS, model
from vramfit.memory.vision import encoder_bytes, image_patches

TOWER: dict[str, Any] = MODELS["llava-1.5-7b"]["vision"]


def seeing(rule: dict[str, Any], **changes: Any) -> Any:
    """LLaVA 1.5 with another image-token rule."""
    return model("llava-1.5-7b", vision={**TOWER, **changes, "image_tokens": rule})


def test_encoder_bytes_of_llava() -> None:
    """577 patches (24 x 24 and the class token), 4 x 1024 + 2 x 4096 elements each, 16 bits, for each image."""
    assert 577 * 2 * (4 * 1024 + 2 * 4096) == encoder_bytes(model("llava-1.5-7b"), 1)
    assert 3 * encoder_bytes(model("llava-1.5-7b"), 1) == encoder_bytes(model("llava-1.5-7b"), 3)


def test_nothing_to_see() -> None:
    """No images, or a model without eyes: no bytes."""
    assert 0 == encoder_bytes(model("llava-1.5-7b"), 0)
    assert 0 == encoder_bytes(model("llama-2-7b"), 1)


@pytest.mark.parametrize(
    ("expected", "rule", "changes"),
    [
        # LLaVA 1.6 (llava-hf preprocessor_config.json): the whole image and the four tiles of the largest grid.
        (5 * 577, {"rule": "anyres", "tile": 336, "patch": 14, "pinpoints": [[336, 672], [672, 672], [1008, 336]]}, {}),
        # Qwen2.5-VL: native resolution up to max_pixels, 14-pixel patches.
        (65_536, {"rule": "native", "patch": 14, "merge": 2, "max_pixels": 12_845_056}, {"image_size": None}),
        # Pixtral: up to 1024 pixels on the longest side, 16-pixel patches.
        (
            64 * 64,
            {"rule": "longest_side", "patch": 16, "merge": 1, "longest": 1024},
            {"image_size": None, "patch": 16},
        ),
        # InternVL: twelve tiles of 448 pixels and a thumbnail.
        (13 * 1025, {"rule": "tiles", "tile": 448, "per_tile": 256, "max_tiles": 12}, {"image_size": 448}),
        # Llama 3.2 Vision: up to four tiles of 560 pixels, read by cross-attention.
        (4 * 1601, {"rule": "cross", "per_tile": 1601, "max_tiles": 4}, {"image_size": 560}),
        # Idefics3: 1456 pixels on the longest side in tiles of 364, and the whole.
        (17 * 677, {"rule": "split", "longest": 1456, "tile": 364, "per_tile": 169}, {"image_size": 364}),
    ],
)
def test_max_patches(expected: int, rule: dict[str, Any], changes: dict[str, Any]) -> None:
    """Patches of the largest image each rule lets through, over all its tiles."""
    tower = seeing(rule, **changes).vision
    assert tower is not None
    assert expected == image_patches(tower, None)


def test_a_tower_without_a_rule_has_no_patches() -> None:
    """The catalogue has only the number of its parameters."""
    tower = model("llava-1.5-7b", vision={key: value for key, value in TOWER.items() if key != "image_tokens"}).vision
    assert tower is not None
    assert (image_patches(tower, None), image_patches(tower, (336, 336))) == (0, 0)


EACH = 2 * (4 * 1024 + 2 * 4096)
"""Bytes of a patch of CLIP ViT-L/14: residual, norm, input and output of attention, and both sides of the network."""
NATIVE = {"rule": "native", "patch": 14, "merge": 2}
FREE: dict[str, Any] = {"image_size": None, "patch": 14}


@pytest.mark.parametrize(
    ("patches", "attended", "rule", "changes", "size"),
    [
        # A tile and its class token; a whole image that is smaller than one.
        (577, 577, TOWER["image_tokens"], {}, None),
        # Five tiles, each of which looks at itself alone; without a class token a tile has 576 patches.
        (5 * 577, 577, {"rule": "anyres", "tile": 336, "patch": 14, "pinpoints": [[672, 672]]}, {}, None),
        # Native resolution: every pair. The recommended largest, unless the released processor lets more through.
        (1000, 1000, {**NATIVE, "max_pixels": 1000 * 196}, FREE, None),
        (3000, 3000, {**NATIVE, "max_pixels": 1000 * 196, "released_pixels": 3000 * 196}, FREE, None),
        (1000, 1000, {**NATIVE, "max_pixels": 1000 * 196, "released_pixels": 500 * 196}, FREE, None),
        # An image of a stated size is as large as it is.
        (400, 400, {**NATIVE, "max_pixels": 1000 * 196, "released_pixels": 3000 * 196}, FREE, (280, 280)),
    ],
)
@pytest.mark.parametrize("images", [1, 2])
def test_scores_of_eager_attention(
    images: int,
    patches: int,
    attended: int,
    rule: dict[str, Any],
    changes: dict[str, Any],
    size: tuple[int, int] | None,
) -> None:
    """For each patch and head a score of every patch it attends to, in 16 bits and as the softmax of 32."""
    made = seeing(rule, **changes)
    expected = images * patches * (EACH + 16 * attended * (2 + 4))

    assert expected == encoder_bytes(made, images, size, flash_attention=False)


def test_scores_are_not_kept_with_flash_attention() -> None:
    made = seeing({**NATIVE, "max_pixels": 1000 * 196, "released_pixels": 3000 * 196}, **FREE)
    assert 1000 * EACH == encoder_bytes(made, 1)
