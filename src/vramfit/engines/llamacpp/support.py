"""GPUs that llama.cpp's back ends run on."""

from __future__ import annotations

from vramfit.engines.support import Rule, accelerators, below, not_of, old_intel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.hardware import Gpu

BUILD = "ggml-org/llama.cpp docs/build.md"
CUDA = "ggml-org/llama.cpp ggml/src/ggml-cuda/CMakeLists.txt at 00a2d609"
SYCL = "ggml-org/llama.cpp docs/backend/SYCL.md at 01d98b4f"
FIRST_SYCL = "2020-09"
"""Month in which Intel's 11th generation of Core came, whose integrated GPUs are the first that SYCL runs on."""


def before_sycl(gpu: Gpu) -> bool:
    """Test for Intel's integrated GPUs before the 11th generation of Core."""
    return old_intel(gpu) and (gpu.released or FIRST_SYCL) < FIRST_SYCL


RULES = (
    Rule("it has no back end for Gaudi and TPUs", f"{BUILD}, list of back ends", accelerators),
    Rule("SYCL builds run on Intel's GPUs", f"{SYCL} (2026.02)", not_of("intel"), backends=("sycl",)),
    Rule("SYCL builds run on Intel's integrated GPUs from the 11th generation of Core on", SYCL, before_sycl,
         backends=("sycl",)),
    Rule("CUDA builds have code for compute capability 5.0 and later", CUDA,
         below(5, 0), backends=("cuda",)),
)  # fmt: skip
"""Reasons why llama.cpp does not start, in the order in which they are named."""
