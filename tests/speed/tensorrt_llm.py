"""TensorRT-LLM, which nobody has modelled: its rows speak for what all servers have in common, so the fit asks for it."""

from __future__ import annotations

from vramfit.engines.interface import Engine
from vramfit.engines.profile import SpeedProfile
from vramfit.engines.servers import CHUNK_TOKENS, LAYER_MICROSECONDS

PROFILE = SpeedProfile(
    # TensorRT-LLM 0.15 on an H200.
    bytes_per_clock={"": 15.5, "grouped": 8.27},
    layer_microseconds=LAYER_MICROSECONDS,
    chunk_tokens=CHUNK_TOKENS,
    # Measured on a card, in one version: set wider by hand.
    spread={"decode": (0.6, 1.6)},
)


class TensorRtLlm(Engine[None, None]):
    """Its speed alone."""

    name = "tensorrt-llm"

    def speed(self) -> SpeedProfile:
        """Constants of a server, and of its own kernels."""
        return PROFILE


ENGINE = TensorRtLlm()
