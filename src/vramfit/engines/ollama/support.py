"""GPUs that Ollama uses; on others it runs on the CPU."""

from __future__ import annotations

from vramfit.engines.support import Rule, accelerators, below

GPUS = "ollama/ollama docs/gpu.mdx at fb3076099"

RULES = (
    Rule("it uses CUDA from compute capability 5.0, and else the CPU", GPUS, below(5, 0)),
    Rule("it has no back end for Gaudi and TPUs, and uses the CPU", GPUS, accelerators),
)
"""Reasons why Ollama does not use a GPU, in the order in which they are named."""
