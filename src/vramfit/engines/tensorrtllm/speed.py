"""Constants of TensorRT-LLM's speed: those of all servers, except for its own kernels."""

from __future__ import annotations

from vramfit.engines.profile import SpeedProfile
from vramfit.engines.servers import LAYER_MICROSECONDS

PROFILE = SpeedProfile(
    # Fitted on TensorRT-LLM 0.15 on an H200.
    bytes_per_clock={"": 15.5, "grouped": 8.27},
    layer_microseconds=LAYER_MICROSECONDS,
    # Only one card was measured, in one version, so the spread is set by hand and wider.
    spread={"decode": (0.6, 1.6)},
)
