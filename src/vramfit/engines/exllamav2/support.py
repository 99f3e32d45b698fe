"""GPUs that ExLlamaV2 starts on."""

from __future__ import annotations

from vramfit.engines.support import OLD_AMD, OLD_AMD_PROBLEM, OLD_AMD_SOURCE, Rule, below

WHEELS = "turboderp-org/exllamav2 .github/workflows/build-wheels-release.yml cudaarch at da07fac"

RULES = (
    Rule("its wheels have code for compute capability 6.0 and later", WHEELS, below(6, 0)),
    # Its wheels for ROCm are built with PyTorch's (build-wheels-release-rocm.yml).
    Rule(OLD_AMD_PROBLEM, OLD_AMD_SOURCE, OLD_AMD),
)
"""Reasons why ExLlamaV2 does not start, in the order in which they are named."""
