"""The speed of transformers: a layer's time is that of calling its matrices from Python, whatever the card."""

from __future__ import annotations

from vramfit.engines.profile import SpeedProfile

PROFILE = SpeedProfile(
    # Fitted: the 16-bit entry on A100 and H20, bitsandbytes on A100, the others on H20.
    layer_microseconds={"": 586.0, "int8": 3890.0, "bitsandbytes": 1590.0, "gptq": 1310.0, "awq": 516.0, "fp8": 1990.0},
    latency_by="scheme",
    # Measured on a card or two, in one version: set wider by hand.
    spread={"decode": (0.5, 2.0)},
)
