"""GPUs that TensorRT-LLM starts on, by scheme.

Source: NVIDIA/TensorRT-LLM ``docs/source/features/quantization.md`` at 09d4c79 ("Hardware Support Matrix") and
``docs/source/supported-hardware.md`` at 8f2e263.
"""

from __future__ import annotations

from vramfit.engines.support import Rule, below, not_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.hardware import Gpu

MATRIX = "TensorRT-LLM docs/source/features/quantization.md"
HARDWARE = "TensorRT-LLM docs/source/supported-hardware.md"
HOPPER_MAJOR, SMALL_BLACKWELL_MAJOR = 9, 12
"""Major numbers of compute capabilities."""
CLASSIC = "compressed_tensors"
"""Family that only the TensorRT back end runs (``--backend tensorrt``, until 1.2): INT8 weights and activations."""


def blackwell(gpu: Gpu) -> bool:
    """Test for cards of Blackwell and later."""
    return (gpu.compute_capability or (0, 0)) >= (10, 0)


def small_blackwell(gpu: Gpu) -> bool:
    """Test for Blackwell outside of data centres."""
    return (gpu.compute_capability or (0, 0))[0] == SMALL_BLACKWELL_MAJOR


def not_hopper(gpu: Gpu) -> bool:
    """Test for cards of any other generation than Hopper; cards whose capability is not known pass."""
    return gpu.compute_capability is not None and gpu.compute_capability[0] != HOPPER_MAJOR


RULES = (
    Rule("it runs on NVIDIA GPUs alone", HARDWARE, not_of("nvidia")),
    Rule("it runs on Ampere cards and later", HARDWARE, below(8, 0)),
    Rule("its kernels for FP8 need compute capability 8.9", MATRIX, below(8, 9), ("fp8",)),
    Rule("its kernels for FP8 with scales by blocks need Hopper or later", MATRIX, below(9, 0), schemes=("fp8-block",)),
    Rule("it has no kernels for FP8 with scales by blocks on compute capability 12.x", MATRIX, small_blackwell,
         schemes=("fp8-block",)),
    Rule("its kernels for FP8 with scales by rows are for Hopper alone", MATRIX, not_hopper,
         schemes=("fp8-channel", "fbgemm_fp8")),
    Rule("its kernels for NVFP4 need Blackwell", MATRIX, below(10, 0), ("nvfp4",)),
    # The matrix lists Blackwell alone; on Hopper activations stay in 16 bits.
    Rule("its kernels for MXFP4 need Hopper or later", "TensorRT-LLM _torch/model_config.py get_mxfp4_quant_algo",
         below(9, 0), ("mxfp4",)),
    Rule("it has no kernels on Blackwell for 4-bit weights with 16-bit activations", MATRIX, blackwell, ("awq", "gptq")),
    Rule("it has no kernels on Blackwell for INT8", MATRIX, blackwell, (CLASSIC,)),
)  # fmt: skip
"""Reasons why TensorRT-LLM does not start, in the order in which they are named."""
