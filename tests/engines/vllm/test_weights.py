"""What PyTorch counts of a tensor, and which of its bytes are weights."""

from __future__ import annotations

import pytest

from vramfit.engines.vllm.weights import allocated_bytes
from vramfit.units import MIB


@pytest.mark.parametrize(
    ("allocated", "size"),
    [
        (0, 0),
        (1, 1),
        (10 * MIB - 1, 10 * MIB - 1),
        (10 * MIB, 10 * MIB),
        # From 10 MiB on blocks are whole steps of 2 MiB; a rest of at most 1 MiB is not split off.
        (10 * MIB + 1, 10 * MIB + 1),
        (11 * MIB - 1, 11 * MIB - 1),
        (12 * MIB, 11 * MIB),
        (12 * MIB, 12 * MIB - 1),
        (12 * MIB, 12 * MIB),
        (100 * MIB, 99 * MIB + 5),
    ],
)
def test_what_is_counted_of_a_block(allocated: int, size: int) -> None:
    """``c10/cuda/CUDACachingAllocator.cpp`` ``should_split``."""
    assert allocated_bytes(size) == allocated
