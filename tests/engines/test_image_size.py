"""``image_size``: what images of a given size take, in tokens, activations and the report."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.command import report, vramfit
from tests.engines.llamacpp.asking import catalogue_model
from vramfit.engines.llamacpp.cards import vision_compute_bytes
from vramfit.engines.vllm.activations import peak_bytes
from vramfit.memory.vision import encoder_bytes, image_patches, tokens_of_image
from vramfit.model.vision import image_tokens
from vramfit.sources import open_catalogue

CARD = ("-g", "a100-sxm4-80gb")
SEEING = [row.id for row in open_catalogue().model_rows() if catalogue_model(row.id).vision is not None]


@pytest.mark.parametrize(
    ("model", "size", "patches"),
    [
        # 577 positions of CLIP ViT-L/14 at 336 pixels for each tile and the whole.
        ("llava-1.6-13b", (336, 336), 577 * 3),
        ("llava-1.6-13b", (672, 672), 577 * 5),
        # 1344 x 1008 pixels are 48 x 36 merged patches of 28 pixels; more than 1280 of them, so 41 x 30 remain.
        ("qwen2-vl-7b", (1344, 1008), 48 * 36 * 4),
        ("qwen3-vl-8b", (640, 480), 40 * 30),
        ("pixtral-12b", (512, 256), 32 * 16),
        ("mistral-small-3.1", (280, 280), 20 * 20),
        # One tile stands alone, two come with a view of the whole.
        ("internvl3-8b", (448, 448), 1025),
        ("internvl3-8b", (896, 448), 1025 * 3),
        ("idefics3-8b", (500, 250), 677 * (4 * 2 + 1)),
        # Every image is scaled to 896 pixels, padded to four tiles, or cut into slices of 448 pixels.
        ("gemma-3-27b", (100, 100), 64 * 64 + 1),
        ("llama-3.2-11b-vision", (100, 100), 4 * 1601),
        ("minicpm-v-2.6", (448, 448), 1025),
    ],
)
def test_patches_of_an_image(model: str, size: tuple[int, int], patches: int) -> None:
    tower = catalogue_model(model).vision
    assert tower is not None
    assert patches == image_patches(tower, size)


@given(st.sampled_from(SEEING), st.integers(1, 65536), st.floats(1 / 200, 200))
def test_no_image_is_more_than_the_largest(name: str, width: int, ratio: float) -> None:
    """Over every vision model and every size that is accepted."""
    height = min(65536, 200 * width, max(1, -(-width // 200), round(width * ratio)))
    model = catalogue_model(name)
    assert model.vision is not None
    assert 0 < image_tokens(model, width, height) <= tokens_of_image(model, None)
    assert image_patches(model.vision, (width, height)) <= image_patches(model.vision, None)
    assert encoder_bytes(model, 1, (width, height)) <= encoder_bytes(model, 1)


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        ("llava-1.6-13b", "672x672", 2928),
        ("llava-1.6-13b", "1008x336", 2328),
        ("llava-1.6-13b", "336x1008", 2376),
        ("qwen2-vl-7b", "1344x1008", 48 * 36),
        ("gemma-3-27b", "3000x100", 256),
        ("llama-3.2-11b-vision", "1120x1120", 1),
    ],
)
def test_the_report_says_size_and_tokens(model: str, size: str, tokens: int) -> None:
    (estimate,) = report(*CARD, "-m", model, "--quant", "fp16", "--image-size", size).estimates

    assert (estimate["deployment"]["image_size"], estimate["model"]["image_tokens"]) == (size, tokens)


@pytest.mark.parametrize("model", ["llava-1.6-13b", "llama-3.1-8b"])
def test_without_a_size_both_are_null(model: str) -> None:
    (estimate,) = report(*CARD, "-m", model, "--quant", "fp16").estimates

    assert (estimate["deployment"]["image_size"], estimate["model"]["image_tokens"]) == (None, None)


def compute(engine: str, *more: str) -> int:
    """Activations of eight images to a Qwen3-VL 8B, whose largest image is 16 megapixels."""
    asked = (*CARD, "-m", "qwen3-vl-8b", "--engine", engine, "--quant", "fp16", "--context", "16384", "--images", "8")
    (estimate,) = report(*asked, *more).estimates
    return int(estimate["breakdown"]["compute"])


@pytest.mark.parametrize("engine", ["transformers", "vllm", "sglang"])
def test_smaller_images_take_smaller_activations(engine: str) -> None:
    """Than the largest; the smallest of all are more to a step, so they need not take less than those between."""
    largest = compute(engine)
    sizes = [compute(engine, "--image-size", size) for size in ("1280x1280", "640x480", "64x64")]
    assert 0 < max(sizes) < largest


def test_transformers_encodes_all_images_in_one_batch() -> None:
    """Eight of 1600 x 1600: 100 x 100 patches, 4 x 1152 + 2 x 4304 elements of two bytes each."""
    model = catalogue_model("qwen3-vl-8b")
    assert encoder_bytes(model, 8, (1600, 1600)) == 8 * 100 * 100 * 2 * (4 * 1152 + 2 * 4304)


def test_vllm_profiles_as_many_as_one_step_holds() -> None:
    """2500 tokens each: three go into a step of 8192."""
    model = catalogue_model("qwen3-vl-8b")
    peak, _ = peak_bytes(model, 8192, 1, 1, 1, (1600, 1600))
    layer, _ = peak_bytes(model, 8192, 1, 1, 0)
    assert peak == max(layer, encoder_bytes(model, 3, (1600, 1600)))


def test_llama_cpp_grows_beyond_its_warm_up_only() -> None:
    """Warmed up at 1472 x 1472 pixels, and never given more than 4096 image tokens, 2048 x 2048 pixels."""
    model = catalogue_model("qwen3-vl-8b")
    warm = vision_compute_bytes(model, flash_attention=True)
    sizes = [(64, 64), (1472, 1472), (2048, 2048), (4000, 4000)]
    small, same, large, beyond = (vision_compute_bytes(model, flash_attention=True, size=size) for size in sizes)

    assert warm == small == same
    assert large == beyond
    assert large / warm == pytest.approx(4096 / 46**2, rel=0.01)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--image-size", "672x672", "--images", "2"),
         "2 images of 672x672 pixels take 5856 tokens of a context of 4096"),
        (("--image-size", "672x672", "--context", "2927"),
         "an image of 672x672 pixels take 2928 tokens of a context of 2927"),
        (("--image-size", "0x5"), 'image_size: "0x5" is not a valid value'),
    ],
)  # fmt: skip
def test_images_that_do_not_go_in_are_refused(more: tuple[str, ...], message: str) -> None:
    ran = vramfit("check", *CARD, "-m", "llava-1.6-13b", *more, "--json")

    assert (ran.code, ran.document["error"]["message"]) == (2, message)
    assert ran.document["error"]["hint"]


def test_images_that_just_go_in_are_answered() -> None:
    """2928 tokens, and a context of no more; without images there is nothing to go in."""
    for more in (("--context", "2928"), ("--context", "100", "--images", "0")):
        (estimate,) = report(
            *CARD, "-m", "llava-1.6-13b", "--quant", "fp16", "--image-size", "672x672", *more
        ).estimates
        assert estimate["model"]["image_tokens"] == 2928


def test_a_text_model_takes_none() -> None:
    ran = vramfit("check", *CARD, "-m", "llama-3.1-8b", "--image-size", "672x672", "--json")

    assert (ran.code, ran.document["error"]["message"]) == (2, 'model "llama-3.1-8b" takes no images')


def test_the_file_key_and_the_flag_are_one() -> None:
    deployment: dict[str, Any] = {"gpu": CARD[1], "model": "qwen2-vl-7b", "quant": "fp16", "image_size": "1344x1008"}
    told = vramfit("check", "--file", "-", "--json", stdin=json.dumps({"deployments": [deployment]}))
    flag = report(*CARD, "-m", "qwen2-vl-7b", "--quant", "fp16", "--image-size=1344x1008")

    assert told.estimates == flag.estimates
    assert "the tokens of one image of 1344 x 1008 pixels" in told.out


def test_the_command_of_vllm_sets_the_size() -> None:
    """Else vLLM profiles the largest images the model takes."""
    asked = ("-g", "rtx3060-12gb", "-m", "qwen3-vl-8b", "--engine", "vllm", "--quant", "fp16")
    (estimate,) = report(*asked, "--image-size", "640x480", "--images", "2").estimates
    commands = [r["command"] for r in estimate["remedies"] if r["command"].startswith("vllm ")]

    assert commands
    assert all("""'{"image": {"count": 2, "width": 640, "height": 480}}'""" in command for command in commands)


def test_the_longest_context_holds_the_images() -> None:
    """A limit below what one image takes would be refused as a context."""
    asked = ("-g", "custom:27.3GiB@900GB/s", "-m", "llava-1.6-13b", "--quant", "fp16")
    (free,) = report(*asked).estimates
    (sized,) = report(*asked, "--image-size", "672x672").estimates

    assert 0 < free["limits"]["max_context"] < 2928
    assert sized["limits"]["max_context"] == 0


def test_people_read_the_size_where_the_images_are() -> None:
    out = vramfit(
        "check", *CARD, "-m", "qwen2-vl-7b", "--image-size", "640x480", "--images", "2", "--format", "table"
    ).out

    assert "2 images of 640 × 480 per sequence" in " ".join(out.split())
