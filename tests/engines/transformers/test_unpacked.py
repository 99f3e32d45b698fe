"""Weights that transformers unpacks for want of kernels: their memory is that of 16 bits, the file's stays its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.catalogued import catalogue
from vramfit.answer import answer
from vramfit.engines import engine
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.quantization import SCHEMES


def deployed(gpu: str, model: str, quant: str) -> Any:
    """Answer to a deployment."""
    raw = {"engine": "transformers", "gpu": gpu, "model": model, "quant": quant, "context": 1024}
    (found,) = resolve(parse_request(raw), catalogue())
    return answer(found)


@pytest.mark.parametrize(
    ("unpacked", "gpu", "model", "quant"),
    [
        (True, "t4", "qwen2.5-3b", "fp8-block"),
        (True, "a100-sxm4-40gb", "qwen2.5-3b", "fp8"),
        (False, "l4", "qwen2.5-3b", "fp8-block"),
        (False, "mi300x", "qwen2.5-3b", "fp8-block"),
        (True, "m4-max-64gb", "qwen2.5-3b", "fp8-block"),
        (True, "v100-sxm2-32gb", "gpt-oss-20b", "MXFP4"),
        (False, "t4", "gpt-oss-20b", "MXFP4"),
        (True, "m4-max-64gb", "gpt-oss-20b", "MXFP4"),
        (True, "gaudi3", "gpt-oss-20b", "MXFP4"),
        (False, "max1550", "gpt-oss-20b", "MXFP4"),
        (True, "rtx4090", "qwen2.5-3b", "w4a16"),
        (True, "h100-sxm", "qwen2.5-3b", "w8a8"),
        (False, "t4", "qwen2.5-3b", "awq"),
        (False, "custom:24GiB", "qwen2.5-3b", "fp8-block"),
    ],
)
def test_weights_take_what_they_become(unpacked: bool, gpu: str, model: str, quant: str) -> None:
    """By card and scheme (transformers 5.24.0 ``quantizers``)."""
    found = deployed(gpu, model, quant)
    (mine,) = found.estimate.gpus
    assert found.deployment.checkpoint.file_bytes == found.estimate.checkpoint_bytes
    assert unpacked == any("are unpacked to 16 bits" in note for note in found.estimate.assumptions)
    (wide,) = deployed(gpu, model, "bf16").estimate.gpus
    assert unpacked == (mine.weights_bytes == wide.weights_bytes)


@pytest.mark.parametrize(
    ("expected", "gpu", "quant"),
    [
        (False, "t4", "fp8"),
        (True, "l4", "fp8"),
        (False, "l4", "w4a16"),
        (True, "t4", "nf4"),
        (False, "m1-16gb", "MXFP4"),
    ],
)
def test_what_a_card_computes_with(expected: bool, gpu: str, quant: str) -> None:
    """Recommendations leave out what is unpacked."""
    assert expected == engine("transformers").computes_with(SCHEMES[quant], (catalogue().gpu(gpu),))
