"""Bytes of MXFP4: 4-bit floats (E2M1) with one 8-bit exponent for each 32 of a row (OCP Microscaling 1.0)."""

from __future__ import annotations

BLOCK = 32
BLOCK_BYTES = 17
"""Bytes of 32 weights of half a byte and their exponent."""


def matrix_bytes(inputs: int, outputs: int) -> int:
    """Bytes of ``outputs`` rows of ``inputs`` weights, whether as stored or as an engine rounds them up."""
    return outputs * -(-inputs // BLOCK) * BLOCK_BYTES
