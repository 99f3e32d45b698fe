"""The speed of SGLang: that of any server, but for its kernels of weights in groups."""

from __future__ import annotations

from vramfit.engines.profile import SpeedProfile
from vramfit.engines.servers import BYTES_PER_CLOCK, CHUNK_TOKENS, LAYER_MICROSECONDS

PROFILE = SpeedProfile(
    # The grouped entry is fitted on the AWQ and GPTQ kernels of 0.4.6, on an H20.
    bytes_per_clock={"": BYTES_PER_CLOCK, "grouped": 6.27},
    layer_microseconds=LAYER_MICROSECONDS,
    chunk_tokens=CHUNK_TOKENS,
    # Measured on a card or two, in one version: set wider by hand.
    spread={"decode": (0.6, 1.7)},
)
