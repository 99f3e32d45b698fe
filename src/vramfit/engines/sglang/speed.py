"""Constants of SGLang's speed: those of all servers, except for the kernels of weights with groups of scales."""

from __future__ import annotations

from vramfit.engines.profile import SpeedProfile
from vramfit.engines.servers import BYTES_PER_CLOCK, LAYER_MICROSECONDS

PROFILE = SpeedProfile(
    # The grouped entry is fitted on the AWQ and GPTQ kernels of 0.4.6, on an H20.
    bytes_per_clock={"": BYTES_PER_CLOCK, "grouped": 6.27},
    layer_microseconds=LAYER_MICROSECONDS,
    # Only one or two cards were measured, in one version, so the spread is set by hand and wider.
    spread={"decode": (0.6, 1.7)},
)
