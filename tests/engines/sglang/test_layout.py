"""Copies of a model and of its attention layers over GPUs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import Catalogue
from vramfit.engines import engine
from vramfit.engines.interface import Job
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.sglang.layout import spread_of, stage_of, stage_weights
from vramfit.engines.sglang.share import Spread
from vramfit.errors import UsageError


def job(**request: Any) -> Job[Any, Any]:
    """The job of a request for Mixtral 8x7B in fp16."""
    raw = {"model": "mixtral-8x7b", "quant": "fp16", "engine": "sglang", **request}
    deployment = resolve(parse_request(raw), Catalogue())[0]
    view = engine("sglang").view(deployment.gpus, deployment.workload)
    return Job(deployment.checkpoint, deployment.workload, view.traits, len(deployment.gpus))


@pytest.mark.parametrize(
    ("expected", "stages", "request_"),
    [
        (Spread(8, 1), [0] * 8, {}),
        (Spread(4, 2), [0, 0, 0, 0, 1, 1, 1, 1], {"pipeline_parallel": 2}),
        (Spread(8, 1), [0] * 8, {"expert_parallel": True}),
        # Copies of the whole model, each with its own stages.
        (Spread(4, 1, 2), [0] * 8, {"data_parallel": 2}),
        (Spread(2, 2, 2), [0, 0, 1, 1, 0, 0, 1, 1], {"data_parallel": 2, "pipeline_parallel": 2}),
        # Copies of the attention layers share the GPUs of a stage.
        (Spread(1, 1, 8, True), [0] * 8, {"data_parallel": 8, "expert_parallel": True}),
        (
            Spread(2, 2, 2, True), [0, 0, 0, 0, 1, 1, 1, 1],
            {"data_parallel": 2, "pipeline_parallel": 2, "expert_parallel": True, "tensor_parallel": 2},
        ),
    ],
)  # fmt: skip
def test_spread_of(expected: Spread, stages: list[int], request_: dict[str, Any]) -> None:
    """``data_parallel`` alone copies the model, with ``expert_parallel`` the attention layers."""
    found = spread_of(job(gpu="8xrtx4090", **request_))
    assert expected == found
    assert stages == [stage_of(found, number) for number in range(8)]


def test_widths() -> None:
    """Ranks of the feed-forward layers, and copies that share them."""
    assert (8, 8) == (Spread(1, 1, 8, True).width, Spread(1, 1, 8, True).attention_copies)
    assert (2, 1) == (Spread(2, 1, 4).width, Spread(2, 1, 4).attention_copies)


@pytest.mark.parametrize(
    ("gpu", "request_"),
    [
        ("3xrtx4090", {"data_parallel": 2}),
        ("rtx4090", {"data_parallel": 2}),
        ("4xrtx4090", {"data_parallel": 2, "tensor_parallel": 4}),
    ],
)
def test_copies_that_do_not_go(gpu: str, request_: dict[str, Any]) -> None:
    """The product must be the number of GPUs."""
    with pytest.raises(UsageError):
        spread_of(job(gpu=gpu, **request_))


def test_weights_of_copies() -> None:
    """Attention whole on each of four GPUs, experts and head in four parts."""
    asked = job(gpu="4xrtx4090", data_parallel=4, expert_parallel=True)
    (one,) = stage_weights(asked.checkpoint, Spread(1, 1), "marlin")
    (four,) = stage_weights(asked.checkpoint, Spread(4, 1), "marlin")
    (copied,) = stage_weights(asked.checkpoint, spread_of(asked), "marlin")
    wide = 32 * 8 * 3 * 4096 * 14336 * 2 + 32000 * 4096 * 2
    narrow = 2 * (32 * (2 * 4096 * 4096 + 2 * 4096 * 1024) + 32000 * 4096)
    # Norms and routers are whole everywhere; PyTorch rounds blocks up by less than 1 MiB.
    assert wide / 4 + narrow == pytest.approx(copied.weights_bytes, rel=0.003)
    assert four.weights_bytes < copied.weights_bytes < one.weights_bytes
    assert copied.read_bytes < one.read_bytes
