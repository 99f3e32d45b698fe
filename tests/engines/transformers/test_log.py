"""Figures of a trainer's output: torch's peaks, whatever the trainer calls them."""

from __future__ import annotations

import pytest

from vramfit.engines.transformers.log import PEAK_ALLOCATED, read
from vramfit.units import MIB

LOADED, CHANGE, PEAK = "init_mem_gpu_alloc_delta", "train_mem_gpu_alloc_delta", "train_mem_gpu_peaked_delta"


@pytest.mark.parametrize(
    ("mebibytes", "lines"),
    [
        # What the model took, what is left of the steps, and what they took above it at most (transformers Trainer).
        (3584, (f"{LOADED} = 1024MB", f"{CHANGE} = 512MB", f"{PEAK} = 2048MB")),
        (2560, (f"{CHANGE} = 512MB", f"{PEAK} = 2048MB")),
        (1536, (f"{CHANGE} = -512MB", f"{PEAK} = 2048MB")),
        (3, (f"{LOADED} = {MIB}", f"{CHANGE} = {MIB}", f"{PEAK} = {MIB}")),
        (None, (f"{LOADED} = 1024MB", f"{PEAK} = 2048MB")),
        (None, (f"{LOADED} = 1024MB", f"{CHANGE} = 512MB")),
        (None, ("loss = 0.5",)),
        # A peak that is stated is the one.
        (4096, ("Memory used: 4.00 GB", f"{CHANGE} = 512MB", f"{PEAK} = 2048MB")),
    ],
)
def test_the_peak_of_the_trainer_s_metrics(mebibytes: int | None, lines: tuple[str, ...]) -> None:
    found = read(lines)
    figures = () if found is None else found.figures

    assert ([] if mebibytes is None else [(PEAK_ALLOCATED, mebibytes * MIB)]) == [
        (one.name, one.value) for one in figures
    ]
