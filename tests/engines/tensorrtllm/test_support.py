"""Which cards and schemes TensorRT-LLM starts on, by its own matrix."""

from __future__ import annotations

import pytest

from tests.catalogued import catalogue
from tests.deployed import workload
from vramfit.engines import engine
from vramfit.quantization import find_scheme

RUNS = engine("tensorrt-llm")


def reason(quant: str, *cards: str) -> str | None:
    gpus = tuple(catalogue().gpu(card) for card in cards)
    return RUNS.unsupported(gpus, find_scheme(quant), workload("tensorrt-llm", context=4096))


@pytest.mark.parametrize(
    ("quant", "card"),
    [
        ("bf16", "a100-sxm4-80gb"), ("bf16", "gb10"), ("fp8", "rtx4090"), ("fp8", "h100-sxm"), ("fp8-block", "h200"),
        ("fp8-block", "b200"), ("nvfp4", "b200"), ("nvfp4", "rtx5090"), ("MXFP4", "h100-sxm"), ("MXFP4", "b300"),
        ("awq", "a100-sxm4-80gb"), ("awq", "h100-sxm"), ("gptq-int4", "rtx4090"), ("w8a8", "a100-sxm4-80gb"),
    ],
)  # fmt: skip
def test_what_runs(quant: str, card: str) -> None:
    """From Ampere on, each family on the generations of the matrix."""
    assert reason(quant, card) is None


@pytest.mark.parametrize(
    ("problem", "quant", "cards"),
    [
        ("it runs on NVIDIA GPUs alone, and this is AMD Instinct MI300X", "bf16", ["mi300x"]),
        ("it runs on Ampere cards and later, and this is Tesla T4 with 7.5", "bf16", ["t4"]),
        ("it runs on Ampere cards and later, and this is Tesla P40 with 6.1", "fp8", ["p40"]),
        ("its kernels for FP8 need compute capability 8.9, and this is NVIDIA A100", "fp8", ["a100-sxm4-80gb"]),
        ("its kernels for FP8 with scales by blocks need Hopper or later, and this", "fp8-block", ["l40s"]),
        ("its kernels for NVFP4 need Blackwell, and this is NVIDIA H100", "nvfp4", ["h100-sxm"]),
        ("its kernels for MXFP4 need Hopper or later, and this is NVIDIA L40S", "MXFP4", ["l40s"]),
        ("it has no kernels on Blackwell for 4-bit weights with 16-bit activations", "awq", ["b200"]),
        ("it has no kernels on Blackwell for 4-bit weights with 16-bit activations", "gptq-int4", ["rtx5090"]),
        ("it has no kernels on Blackwell for INT8", "w8a8", ["b200"]),
        # One card of several is enough.
        ("its kernels for FP8 need compute capability 8.9, and this is NVIDIA A100", "fp8",
         ["h100-sxm", "a100-sxm4-80gb"]),
    ],
)  # fmt: skip
def test_what_does_not_run(problem: str, quant: str, cards: list[str]) -> None:
    """What is missing, the card, and where it was read."""
    found = reason(quant, *cards)
    assert found is not None
    assert found.startswith(problem)
    assert "(TensorRT-LLM " in found
