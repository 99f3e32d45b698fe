"""Steps of denoisers of videos: tokens, results at once, masks, and their bounds."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.engines import estimate
from vramfit.engines.diffusers.steps import STEPS, USUAL, step_of
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue

OPENED = open_catalogue()


def estimated(**request: Any) -> Any:
    """The estimate of a request: blocks in RAM, where the step is the largest turn, in bf16 on an H200."""
    raw = {
        "gpu": "h200",
        "quant": "bf16",
        "engine": "diffusers",
        "component_offload": "group",
        "vae_tiling": True,
        **request,
    }
    return estimate(resolve(parse_request(raw), OPENED)[0])


@pytest.mark.parametrize(
    ("model", "results", "patch", "frames"),
    [
        ("wan2.1-t2v-14b", 11, 16, 4),
        ("wan2.1-i2v-14b", 11, 16, 4),
        ("wan2.2-t2v-a14b", 11, 16, 4),
        ("wan2.1-t2v-1.3b", 16, 16, 4),
        ("wan2.2-ti2v-5b", 32, 32, 4),
        ("wan2.1-vace-14b", 20, 16, 4),
        ("wan2.1-vace-1.3b", 32, 16, 4),
        ("skyreels-v2-14b", 11, 16, 4),
        ("skyreels-v2-1.3b", 16, 16, 4),
        ("sana-video-2b", 28, 16, 4),
        ("kandinsky-5.0-t2v-lite", 13, 16, 4),
        ("hunyuanvideo", 18, 16, 4),
        ("hunyuanvideo-1.5", 12, 16, 4),
        ("cogvideox-5b", 24, 16, 4),
        ("cogvideox1.5-5b", 24, 16, 8),
        ("ltx-video", 32, 32, 8),
        ("ltx-2-19b", 43, 32, 8),
        ("ltx-2.3-22b", 43, 32, 8),
        ("mochi-1", 24, 16, 6),
        ("flux.1-dev", 20, 16, 4),
        ("wan2.2-s2v-14b", 20, 16, 4),
    ],
)
def test_steps_by_model(model: str, results: int, patch: int, frames: int) -> None:
    step = step_of(OPENED.model(model))

    assert (step.results, step.patch, step.frames) == (results, patch, frames)
    assert step.low < 1 < step.high


@pytest.mark.parametrize(
    ("activations", "request_"),
    [
        # Latent frames are counted up: 81 frames are 21, 82 are as well, 85 are 22.
        (11 * 2 * 5120 * 80 * 45 * 21, {"model": "wan2.1-t2v-14b", "output_size": "1280x720", "frames": 81}),
        (11 * 2 * 5120 * 80 * 45 * 21, {"model": "wan2.1-t2v-14b", "output_size": "1280x720", "frames": 84}),
        (11 * 2 * 5120 * 80 * 45 * 22, {"model": "wan2.1-t2v-14b", "output_size": "1280x720", "frames": 85}),
        (11 * 2 * 5120 * 52 * 30 * 21 * 2, {"model": "wan2.1-t2v-14b", "parallel": 2}),
        (18 * 2 * 3072 * 60 * 34 * 33, {"model": "hunyuanvideo", "output_size": "960x544", "frames": 129}),
        (43 * 2 * 4096 * 40 * 22 * 31, {"model": "ltx-2-19b", "output_size": "1280x704", "frames": 241}),
        # Masks of all pairs of tokens, with the prompt's 512, in diffusers alone.
        (
            12 * 2 * 2048 * 80 * 45 * 31 + 4 * (80 * 45 * 31 + 512) ** 2,
            {"model": "hunyuanvideo-1.5", "output_size": "1280x720", "frames": 121},
        ),
        # ComfyUI has no masks; its largest turn is a tile of all frames.
        (
            700 * 256 * 256 * 121,
            {"model": "hunyuanvideo-1.5", "output_size": "1280x720", "frames": 121, "engine": "comfyui"},
        ),
        (2000 * 256 * 256 * 85, {"model": "mochi-1", "output_size": "848x480", "frames": 85}),
    ],
)  # fmt: skip
def test_activations_of_a_step(activations: int, request_: dict[str, Any]) -> None:
    assert estimated(**request_).gpus[0].compute_bytes == activations


def growth(**request: Any) -> tuple[int, int, int]:
    """Bytes by which the lower bound, the activations and the upper bound grow from 81 frames to 161."""
    less, more = estimated(**request, frames=81).gpus[0], estimated(**request, frames=161).gpus[0]
    return (
        more.low_bytes - less.low_bytes,
        more.compute_bytes - less.compute_bytes,
        more.high_bytes - less.high_bytes,
    )


def test_bounds_are_shares_of_the_results() -> None:
    low, expected, high = growth(model="wan2.1-t2v-14b", output_size="1280x720")

    assert expected == 11 * 2 * 5120 * 80 * 45 * 20
    assert (low, high) == (expected // 2, round(2.3 * expected))


def test_masks_are_named() -> None:
    notes = estimated(model="hunyuanvideo-1.5").assumptions

    assert any(note.startswith("attention has masks of all pairs of tokens") for note in notes)
    assert not any("masks" in note for note in estimated(model="hunyuanvideo-1.5", engine="comfyui").assumptions)


def test_comfyui_decodes_in_tiles_what_does_not_fit_whole() -> None:
    asked = {
        "model": "wan2.2-t2v-a14b",
        "engine": "comfyui",
        "quant": "fp8",
        "output_size": "1280x720",
        "vae_tiling": False,
    }
    fits, falls_back = estimated(**asked, gpu="rtx4090"), estimated(**asked, gpu="rtx3060-8gb")

    assert fits.gpus[0].compute_bytes == 2800 * 1280 * 720 * 4
    assert falls_back.gpus[0].compute_bytes == 11 * 2 * 5120 * 80 * 45 * 21
    assert any("decodes in tiles" in note for note in falls_back.assumptions)
    assert not any("decodes in tiles" in note for note in fits.assumptions)


def test_comfyui_needs_no_scores_on_gpus_before_ampere() -> None:
    asked = {"model": "wan2.1-t2v-14b", "engine": "comfyui", "quant": "fp8", "output_size": "1280x720"}
    old, new = growth(**asked, gpu="v100-sxm2-32gb"), growth(**asked, gpu="rtx5090")

    assert old[:2] == new[:2]
    assert old[2] == 2 * new[2]


def test_every_step_belongs_to_a_model() -> None:
    found = {
        id(step_of(OPENED.model(row.id))) for row in OPENED.model_rows() if (row.modality or "").endswith("-generation")
    }

    assert {name for name, step in STEPS.items() if id(step) not in found} == set()
    assert id(USUAL) in found
