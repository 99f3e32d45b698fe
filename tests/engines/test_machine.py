"""GPUs that stand in one machine, and the platforms it runs."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.errors import UsageError
from vramfit.sources import open_catalogue


def asked(request: dict[str, Any]) -> None:
    """Resolve a deployment of a small model."""
    resolve(parse_request({"model": "qwen3-4b", "quant": "fp16", **request}), open_catalogue())


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ("Apple M2 8GB runs macOS, not linux", {"gpu": "m2-8gb", "platform": "linux"}),
        ("Apple M2 8GB runs macOS, not windows", {"gpu": "m2-8gb", "platform": "windows"}),
        ("macOS does not drive NVIDIA GeForce RTX 4090", {"gpu": "rtx4090", "platform": "macos"}),
        ("Intel Gaudi 2 (HL-225) runs Linux, not Windows", {"gpu": "gaudi2", "platform": "windows"}),
        ("Google TPU v6e Trillium runs Linux, not Windows", {"gpu": "tpu-v6e", "platform": "windows"}),
        ("AMD Instinct MI300X runs Linux, not Windows", {"gpu": ["rtx4090", "mi300x"], "platform": "windows"}),
        ("NVIDIA Jetson AGX Orin 64GB runs Linux, not Windows", {"gpu": "jetson-agx-orin-64gb", "platform": "windows"}),
        (
            "Apple M2 8GB is a machine by itself, and 2 devices were given",
            {"gpu": "2xm2-8gb", "engine": "llama.cpp", "quant": "F16"},
        ),
        (
            "NVIDIA GB10 is a machine by itself, and 2 devices were given",
            {"gpu": ["rtx4090", "gb10"], "engine": "llama.cpp", "quant": "F16"},
        ),
        ("NVIDIA GB10 is a machine by itself, and 2 devices were given", {"gpu": "2xgb10"}),
        ("NVIDIA GB10 is a machine by itself, and 2 devices were given", {"gpu": ["gb10", "h200"], "engine": "vllm"}),
    ],
)
def test_what_is_refused(message: str, request_: dict[str, Any]) -> None:
    """A device of one machine beside that of another, and a platform that it does not run."""
    with pytest.raises(UsageError) as caught:
        asked(request_)
    assert message == caught.value.message


@pytest.mark.parametrize(
    "request_",
    [
        {"gpu": "m2-8gb", "platform": "macos"},
        {"gpu": "m2-8gb"},
        {"gpu": "2xgb10", "engine": "vllm"},
        {"gpu": "gb10", "platform": "linux"},
        {"gpu": ["strix-halo-128gb", "rtx4090"]},
        {"gpu": "2xrtx4090", "platform": "windows"},
        {"gpu": "h100-sxm", "platform": "windows"},
        {"gpu": "mi50-32gb", "platform": "windows"},
        {"gpu": "4xmi300a", "platform": "linux", "engine": "sglang"},
    ],
    ids=str,
)
def test_what_is_answered(request_: dict[str, Any]) -> None:
    """Cards beside an integrated GPU, and several boards that are alike in an engine that spans machines."""
    asked(request_)
