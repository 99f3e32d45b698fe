"""How layers are spread over GPUs, where halves of layers end at a share to the byte."""

from __future__ import annotations

import pytest

from vramfit.engines.transformers.estimate import split_layers
from vramfit.memory.weights import Slices


@pytest.mark.parametrize(
    ("spread", "layers", "on_gpu", "gpus", "before", "output"),
    [
        # Shares of 3 bytes: half of the second layer ends at 3.
        ([(0, 2), (2, 3)], (2, 2, 2), 3, 2, 0, 0),
        # One byte before them, or behind: shares of 3.5, the half at 4 or at 3.
        ([(0, 1), (1, 3)], (2, 2, 2), 3, 2, 1, 0),
        ([(0, 2), (2, 3)], (2, 2, 2), 3, 2, 0, 1),
        # Shares of 2, 4 and 6 bytes: halves at 1, 3 and 5.
        ([(0, 1), (1, 2), (2, 3)], (2, 2, 2), 3, 3, 0, 0),
        # A large layer is more than a share: half of it at 3 of 3 and a third, and nothing is left for the second.
        ([(0, 1), (1, 1), (1, 3)], (6, 2, 2), 3, 3, 0, 0),
        # What stays in RAM counts for no share.
        ([(0, 1), (1, 2)], (2, 2, 9), 2, 2, 0, 0),
        ([(0, 0), (0, 0)], (2, 2, 9), 0, 2, 5, 5),
        ([(0, 3)], (2, 2, 2), 3, 1, 0, 0),
    ],
)
def test_layers_by_halves(
    spread: list[tuple[int, int]], layers: tuple[int, ...], on_gpu: int, gpus: int, before: int, output: int
) -> None:
    """A GPU takes layers as long as half of the next lies within its share of the bytes."""
    assert split_layers(Slices(0, layers, layers, output, 0, 0, 0), on_gpu, gpus, before) == spread
