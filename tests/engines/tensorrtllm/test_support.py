"""Which cards and schemes TensorRT-LLM runs, by its own matrix."""

from __future__ import annotations

import pytest

from vramfit.engines.tensorrtllm.support import HARDWARE, MATRIX, unsupported
from vramfit.quantization import find_scheme


@pytest.mark.parametrize(
    ("quant", "capability", "dtype"),
    [
        ("bf16", (8, 0), "bf16"), ("bf16", (12, 1), "bf16"), ("fp8", (8, 9), "bf16"), ("fp8", (9, 0), "bf16"),
        ("fp8-block", (9, 0), "fp8"), ("fp8-block", (10, 0), "fp8"), ("nvfp4", (10, 0), "bf16"),
        ("nvfp4", (12, 0), "bf16"), ("MXFP4", (9, 0), "mxfp4"), ("MXFP4", (10, 3), "mxfp4"), ("awq", (8, 0), "bf16"),
        ("gptq-int4", (9, 0), "bf16"), ("w8a8", (8, 0), "bf16"), ("nvfp4", None, "bf16"),
    ],
)  # fmt: skip
def test_what_runs(quant: str, capability: tuple[int, int] | None, dtype: str) -> None:
    """From Ampere on, each family on the generations of the matrix, and anything on a card that is not known."""
    assert unsupported(find_scheme(quant), capability, dtype) is None


@pytest.mark.parametrize(
    ("reason", "quant", "capability", "dtype"),
    [
        (f"it runs on Ampere cards and later ({HARDWARE})", "bf16", (7, 5), "bf16"),
        (f"it runs on Ampere cards and later ({HARDWARE})", "fp8", (6, 1), "bf16"),
        (f"it has no FP8 kernels for compute capability 8.0 ({MATRIX})", "fp8", (8, 0), "bf16"),
        (f"it has no NVFP4 kernels for compute capability 9.0 ({MATRIX})", "nvfp4", (9, 0), "bf16"),
        (f"it has no MXFP4 kernels for compute capability 8.9 ({MATRIX})", "MXFP4", (8, 9), "mxfp4"),
        (f"it has no AWQ kernels for Blackwell ({MATRIX})", "awq", (10, 0), "bf16"),
        (f"it has no GPTQ kernels for Blackwell ({MATRIX})", "gptq-int4", (12, 0), "bf16"),
        (f"it has no INT8 kernels for Blackwell ({MATRIX})", "w8a8", (10, 0), "bf16"),
        (f"it has no kernels for FP8 with scales by blocks on Ada Lovelace ({MATRIX})", "fp8-block", (8, 9), "bf16"),
        # A release in FP8 has scales by blocks, whatever the scheme is called.
        (f"it has no kernels for FP8 with scales by blocks on Ada Lovelace ({MATRIX})", "fp8", (8, 9), "fp8"),
    ],
)
def test_what_does_not_run(reason: str, quant: str, capability: tuple[int, int], dtype: str) -> None:
    assert reason == unsupported(find_scheme(quant), capability, dtype)
