"""Vision towers, audio encoders and projectors, alone."""

from __future__ import annotations

import pytest

from vramfit.model import Model, tensors


def part(model: Model, *names: str) -> int:
    """Parameters of some parts of a model."""
    return sum(tensor.parameters for tensor in tensors(model) if tensor.part in names)


def test_clip_by_hand(models: dict[str, Model]) -> None:
    """ViT-L/14 at 336 pixels: one layer of width 1024 and inner width 4096 is 12,596,224."""
    width, ffn = 1024, 4096
    layer = 4 * (width * width + width) + 2 * width * ffn + ffn + width + 4 * width
    stem = 3 * 14 * 14 * width + width + (24 * 24 + 1) * width + 2 * width

    assert layer == 12_596_224
    assert part(models["llava-1.5-7b"], "vision") == stem + 24 * layer + 2 * width == 303_507_456


@pytest.mark.parametrize(
    ("key", "tower", "projector"),
    [
        # Towers counted in transformers 5.23.0 without weights.
        ("llama-3.2-11b-vision", 863_567_379, 31_461_376),
        ("llama-4-maverick", 811_115_008, 60_817_408),
        ("mistral-small-3.1", 403_305_472, 35_652_608),
        ("mistral-medium-3.5", 2_495_702_144, 182_519_424),
        ("qwen2-vl-7b", 631_183_360, 44_575_744),
        ("qwen2.5-vl-72b", 636_401_664, 68_172_032),
        ("qwen3-vl-8b", 415_891_440, 160_496_896),
        ("gemma-3-27b", 416_866_032, 6_194_304),
        ("gemma-4-31b", 569_548_080, 6_193_152),
        ("glm-4.1v-9b", 707_416_576, 185_081_856),
        ("internvl3-38b", 5_536_496_000, 91_786_240),
        ("idefics3-8b", 412_926_192, 18_874_368),
        ("aya-vision-8b", 412_926_192, 190_882_816),
        ("kimi-k2.5", 416_866_032, 54_277_888),
        # The projectors of MiniCPM-V and Molmo are what their published totals leave beside language model and tower.
        ("minicpm-v-4", 417_792_240, 35_906_560),
        ("molmo-7b-d", 290_909_184, 114_040_832),
    ],
)
def test_towers_and_projectors(models: dict[str, Model], key: str, tower: int, projector: int) -> None:
    assert (tower, projector) == (part(models[key], "vision"), part(models[key], "projector"))


def test_whisper_encoder_is_audio(models: dict[str, Model]) -> None:
    """The encoder of Whisper large v3, which Qwen2-Audio and Voxtral use too."""
    assert part(models["whisper-large-v3"], "audio") == 636_968_960


def test_layers_of_a_tower_are_copies(models: dict[str, Model]) -> None:
    query = next(tensor for tensor in tensors(models["llava-1.6-13b"]) if tensor.name == "v.attn_q.weight")

    assert (query.shape, query.layers, query.copies, query.linear) == ((1024, 1024), (), 24, True)
