"""GPUs that llama.cpp's back ends run on."""

from __future__ import annotations

from vramfit.engines.support import Rule, accelerators, below, not_of

BUILD = "ggml-org/llama.cpp docs/build.md"

RULES = (
    Rule("it has no back end for Gaudi and TPUs", f"{BUILD}, list of back ends", accelerators),
    Rule("SYCL builds run on Intel's GPUs", "ggml-org/llama.cpp docs/backend/SYCL.md (2026-02)", not_of("intel"),
         backends=("sycl",)),
    Rule("CUDA builds have code for compute capability 5.0 and later", "ggml-org/llama.cpp ggml/src/ggml-cuda/CMakeLists.txt",
         below(5, 0), backends=("cuda",)),
)  # fmt: skip
"""Reasons why llama.cpp does not start, in the order in which they are named."""
