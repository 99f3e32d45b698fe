"""Constants of ExLlamaV3's speed, fitted on measured rows of ExLlamaV2 (RTX 4090, RTX 3090 Ti, A100)."""

from __future__ import annotations

from vramfit.engines.exllama import CHUNK
from vramfit.engines.profile import SpeedProfile

PROFILE = SpeedProfile(
    bus_share={"": 0.925},
    bytes_per_clock={"": 5.09},
    layer_microseconds={"": 38.8},
    chunk_tokens=CHUNK,
    # Another version was measured, so the spread is set by hand and wider.
    spread={"decode": (0.6, 1.4)},
)
