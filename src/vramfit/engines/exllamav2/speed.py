"""Constants of ExLlamaV2's speed: the measured rows behind those of ExLlamaV3 are of this engine."""

from __future__ import annotations

from vramfit.engines.exllamav3.speed import PROFILE

__all__ = ["PROFILE"]
