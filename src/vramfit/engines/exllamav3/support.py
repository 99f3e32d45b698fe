"""GPUs that ExLlamaV3 starts on."""

from __future__ import annotations

from vramfit.engines.support import Rule, amd_but, below

RULES = (
    # Releases up to 1.4.1 asked for 8.0 (turboderp-org/exllamav3 .github/workflows/build.yml cudaarch at 4f8ad01).
    Rule("its kernels need compute capability 7.5", "exllamav3 1.6.5 util/backend.py (sm_75), exllamav3_ext/turing/fa75.cu",
         below(7, 5)),
    Rule("on ROCm its kernels need RDNA 2 or later, whose waves have 32 lanes",
         "exllamav3 1.6.5 util/arch_list.py maybe_set_rocm_arch_env; theroyallab/tabbyAPI wiki 11. ROCm",
         amd_but("gfx103", "gfx110", "gfx115", "gfx120")),
)  # fmt: skip
"""Reasons why ExLlamaV3 does not start, in the order in which they are named."""
