"""Constants of MLX's speed, fitted on an M4 Pro and an M4 Max."""

from __future__ import annotations

from vramfit.engines.profile import SpeedProfile

PROFILE = SpeedProfile(
    bus_share={"": 0.854},
    layer_microseconds={"": 55.3},
    recurrent_microseconds={"": 0.54},
    expert_microseconds={"": 56.1},
    matrix_rate="fp32",
    matrix_share={"": 0.682},
    gain_16_bit={"": 1.0},
    # Only two cards were measured, in one version, so the spread is set by hand and wider.
    spread={"decode": (0.75, 1.3), "prefill": (0.65, 1.4)},
)
