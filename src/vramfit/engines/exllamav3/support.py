"""GPUs that ExLlamaV3 starts on."""

from __future__ import annotations

from vramfit.engines.support import Rule, amd_but, below

RULES = (
    Rule("its kernels need compute capability 7.5", "theroyallab/tabbyAPI common/hardware.py; exllamav3 1.6.5 fa75.cu",
         below(7, 5)),
    Rule("its ROCm wheels are for RDNA 2, 3 and 4", "theroyallab/tabbyAPI wiki 11. ROCm",
         amd_but("gfx103", "gfx110", "gfx115", "gfx120")),
)  # fmt: skip
"""Reasons why ExLlamaV3 does not start, in the order in which they are named."""
