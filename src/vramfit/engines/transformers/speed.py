"""Constants of transformers' speed: calls from Python determine the time of a layer, on any card."""

from __future__ import annotations

from vramfit.engines.profile import SpeedProfile

PROFILE = SpeedProfile(
    # Fitted: the 16-bit entry on A100 and H20, bitsandbytes on A100, the others on H20.
    layer_microseconds={"": 586.0, "int8": 3890.0, "bitsandbytes": 1590.0, "gptq": 1310.0, "awq": 516.0, "fp8": 1990.0},
    latency_by="scheme",
    # Only one or two cards were measured, in one version, so the spread is set by hand and wider.
    spread={"decode": (0.5, 2.0)},
)
