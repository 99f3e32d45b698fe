"""Videos of more frames and pixels never need less, and components in RAM never more than all on the GPU."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue

OPENED = open_catalogue()
MODELS = [row.id for row in OPENED.model_rows() if row.modality == "video-generation"]
KNOWN = [model for model in MODELS if any(one.width for one in OPENED.model(model).components)]
FRAMES, SIZES = (1, 5, 17, 33, 49, 81, 129, 161), ("256x256", "512x320", "832x480", "1280x720", "1920x1088")
MODES = ("none", "model", "group", "sequential")


def needed(**request: Any) -> tuple[int, int]:
    """Expected need of a request in bytes, and its lowest."""
    raw = {"gpu": "h200", "engine": "diffusers", "quant": "bf16", **request}
    (gpu, *_) = estimate(resolve(parse_request(raw), OPENED)[0]).gpus
    assert gpu.low_bytes <= gpu.total_bytes <= gpu.high_bytes
    return gpu.total_bytes, gpu.low_bytes


def test_there_are_models_to_ask_of() -> None:
    assert len(KNOWN) >= 20
    assert set(MODELS) - set(KNOWN) <= {"minimax-h3"}


@pytest.mark.parametrize("model", KNOWN)
@pytest.mark.parametrize("rest", [{}, {"component_offload": "group"}], ids=["none", "group"])
def test_more_frames_and_pixels_never_need_less(model: str, rest: dict[str, Any]) -> None:
    by_frames = [needed(model=model, output_size="832x480", frames=frames, **rest) for frames in FRAMES]
    by_size = [needed(model=model, output_size=size, frames=81, **rest) for size in SIZES]

    assert [pair for pair in pairwise(by_frames) if pair[0] > pair[1]] == []
    assert [pair for pair in pairwise(by_size) if pair[0] > pair[1]] == []


@pytest.mark.parametrize("model", KNOWN)
def test_components_in_ram_never_need_more(model: str) -> None:
    by_mode = [needed(model=model, output_size="832x480", frames=81, component_offload=mode)[0] for mode in MODES]

    assert by_mode == sorted(by_mode, reverse=True)


@pytest.mark.parametrize("model", KNOWN)
def test_the_need_of_all_components_is_above_their_weights(model: str) -> None:
    weights = sum(2 * one.parameters for one in OPENED.model(model).components)

    assert needed(model=model, component_offload="none")[0] > weights
