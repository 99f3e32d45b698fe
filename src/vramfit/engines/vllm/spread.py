"""Spread of each term of vLLM's memory in start-up logs, as factors of the expected bytes.

``python -m tests.accuracy.vllm`` fits the factors on a part of the logs, checks them on the others, and writes the table
in docs/accuracy.md.
"""

from __future__ import annotations

from vramfit.units import MIB

WEIGHTS_LOW, WEIGHTS_HIGH = 0.995, 1.015
"""Lowest and highest factor of the expected weights. Loaded weights in start-up logs are within 0.5 % of the expected ones
(tests/engines/vllm/measured.yaml), but some checkpoints of a scheme keep further layers at 16 bits."""
WEIGHTS_HIGH_BITSANDBYTES = 1.08
"""Highest factor of the expected weights for bitsandbytes: later versions undo the double quantization (``weights``), and
dynamic checkpoints keep further layers at 16 bits (Llama-3.1-8B 5.60 GiB instead of 5.35,
unslothai/notebooks@bdda2efc Llama3.1_(8B)-GRPO)."""
PEAK = (0.9, 1.1, 64 * MIB)
LIBRARIES = (0.7, 1.3, 64 * MIB)
GRAPHS = (0.4, 1.6, 64 * MIB)
"""Lowest and highest factor of the profile run's peak, of libraries and of CUDA graphs, and bytes by which each differs in
addition."""
ESTIMATED_SHARE = 0.95
"""vLLM's own estimate of its CUDA graphs as a share of what they take: 0.70-2.2, mostly 0.75-1.05, in 32 start-up logs of
vLLM 0.19.0 on H100 (jgchn/llm-d-planner, branch accuracy)."""


def low_bytes(expected: int, spread: tuple[float, float, int]) -> int:
    """Lower bound of a term."""
    return max(0, round(expected * spread[0]) - spread[2]) if expected else 0


def high_bytes(expected: int, spread: tuple[float, float, int]) -> int:
    """Upper bound of a term."""
    return round(expected * spread[1]) + spread[2] if expected else 0
