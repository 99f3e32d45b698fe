"""Machines that the GPUs of a server are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.samples import gpu
from vramfit.answer import answer
from vramfit.engines.keys import parse_request
from vramfit.engines.machines import names, spread
from vramfit.engines.resolve import resolve
from vramfit.errors import UsageError
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.hardware import Gpu


def settings(**request: Any) -> tuple[object, ...]:
    """Ranks, stages and machines that a server decides on for Llama 3.1 8B."""
    raw = {"model": "llama-3.1-8b", "quant": "bf16", "engine": "vllm", **request}
    found = answer(resolve(parse_request(raw), open_catalogue())[0]).estimate.settings
    return found["tensor_parallel"], found["pipeline_parallel"], found["nodes"]


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        ((1, 1, 1), {"gpu": "h100-sxm"}),
        ((8, 1, 1), {"gpu": "8xh100-sxm"}),
        # Layers are split inside a machine, and each machine has a part of them.
        ((8, 2, 2), {"gpu": "16xh100-sxm"}),
        ((8, 4, 4), {"gpu": "32xh100-sxm"}),
        # Rented instances have other numbers: one machine.
        ((1, 10, 1), {"gpu": "10xh100-sxm", "pipeline_parallel": 10}),
        ((4, 2, 2), {"gpu": "8xh100-sxm", "nodes": 2}),
        ((4, 1, 4), {"gpu": "4xh100-sxm", "nodes": 4}),
        # What the deployment states stands.
        ((16, 1, 2), {"gpu": "16xh100-sxm", "tensor_parallel": 16}),
        ((4, 4, 2), {"gpu": "16xh100-sxm", "pipeline_parallel": 4}),
        # Machines that share an NVLink, and those of one GPU, split layers over all.
        ((8, 1, 2), {"gpu": "8xgb200"}),
        ((2, 1, 2), {"gpu": "2xgb10"}),
        ((8, 2, 2), {"gpu": "16xh100-sxm", "engine": "sglang"}),
        ((8, 2, 2), {"gpu": "16xh100-sxm", "engine": "tensorrt-llm"}),
    ],
)
def test_machines(expected: tuple[int, int, int], request_: dict[str, Any]) -> None:
    assert expected == settings(**request_)


def test_machines_have_equal_numbers_of_gpus() -> None:
    with pytest.raises(UsageError, match="8 GPUs are not in 3 equal machines") as caught:
        settings(gpu="8xh100-sxm", nodes=3)
    assert "the number of GPUs must be a multiple of nodes" == caught.value.hint


@pytest.mark.parametrize(
    ("verdict", "gpu", "model", "engine"),
    [
        ("fits", "8xh200", "deepseek-r1", "vllm"),
        ("exceeds", "8xh100-sxm", "deepseek-r1", "vllm"),
        ("fits", "16xh100-sxm", "deepseek-r1", "vllm"),
        ("fits", "16xh100-sxm", "deepseek-r1", "sglang"),
        ("fits", "16xh200", "kimi-k2", "vllm"),
        ("fits", "16xh200", "kimi-k2", "sglang"),
        ("fits", "16xh200", "kimi-k2", "tensorrt-llm"),
    ],
)
def test_releases_in_fp8(verdict: str, gpu: str, model: str, engine: str) -> None:
    """671B parameters in 8 bits are 80 GiB on each of eight cards, and 40 on each of sixteen."""
    raw = {"gpu": gpu, "model": model, "engine": engine, "quant": "fp8-block"}
    assert verdict == answer(resolve(parse_request(raw), open_catalogue())[0]).verdict.word


def test_names() -> None:
    """Only the user knows the addresses."""
    assert ["FIRST_MACHINE", "SECOND_MACHINE"] == names(2)
    assert ["FIRST_MACHINE", "SECOND_MACHINE", "THIRD_MACHINE", "FOURTH_MACHINE", "MACHINE_5", "MACHINE_6"] == names(6)


ALONE = gpu("rtx4090", unified=True, segment="embedded")
"""A machine of one GPU."""
CARD = gpu("a100-sxm4-80gb")


@pytest.mark.parametrize(
    ("expected", "gpus", "nodes"),
    [
        ((1, 1), [CARD], None),
        ((1, 1), [CARD] * 8, None),
        ((2, 2), [CARD] * 16, None),
        ((1, 1), [CARD] * 12, None),
        ((3, 3), [CARD] * 12, 3),
        ((12, 1), [CARD] * 12, 12),
        ((1, 1), [ALONE], None),
        ((3, 1), [ALONE] * 3, None),
        # Of a mixture the first decides.
        ((2, 1), [ALONE, CARD], None),
        ((1, 1), [CARD, ALONE], None),
    ],
)
def test_machines_and_stages(expected: tuple[int, int], gpus: list[Gpu], nodes: int | None) -> None:
    assert expected == spread(gpus, nodes)
