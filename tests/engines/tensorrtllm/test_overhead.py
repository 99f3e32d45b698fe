"""Activations of a step, graphs and libraries, by hand from NVIDIA's planner and one start-up log."""

from __future__ import annotations

import pytest

from tests.samples import model
from vramfit.engines.tensorrtllm.overhead import graph_count, overhead, peer_bytes, step_bytes
from vramfit.memory.vision import encoder_bytes
from vramfit.sources import open_catalogue
from vramfit.units import GIB, MIB


@pytest.mark.parametrize(
    ("expected", "high", "name", "tokens", "ranks"),
    [
        # 2 bytes x tokens x 4,096 x 11 of a single rank, and at most twice as many.
        (2 * 8192 * 4096 * 11, 2 * 2 * 8192 * 4096 * 11, "llama-3.1-8b", 8192, 1),
        (2 * 8192 * 4096 * 6.5, 2 * 2 * 8192 * 4096 * 6.5, "llama-3.1-8b", 8192, 2),
        (2 * 8192 * 4096 * 6.5, 2 * 2 * 8192 * 4096 * 6.5, "llama-3.1-8b", 8192, 3),
        (2 * 8192 * 4096 * 5, 2 * 2 * 8192 * 4096 * 5, "llama-3.1-8b", 8192, 4),
        (2 * 8192 * 4096 * 5, 2 * 2 * 8192 * 4096 * 5, "llama-3.1-8b", 8192, 16),
        # Never below 70 MiB.
        (70 * MIB, 140 * MIB, "llama-3.1-8b", 100, 1),
        # Twice in mixtures, whose 8 x 2 experts have scales of 4 bytes for 128 elements in their workspace.
        (2 * 1024 * 4096 * 22, 2 * 2 * 1024 * 4096 * 22 + 1024 * 4096 * 16 // 32, "mixtral-8x7b", 1024, 1),
        (2 * 1024 * 4096 * 10, 2 * 2 * 1024 * 4096 * 10 + 1024 * 4096 * 16 // 32 // 4, "mixtral-8x7b", 1024, 4),
        # Latent attention counts with the hidden width.
        (2 * 8192 * 7168 * 5, 2 * 2 * 8192 * 7168 * 5, "latent", 8192, 8),
    ],
)
def test_activations(expected: float, high: float, name: str, tokens: int, ranks: int) -> None:
    assert (expected, high) == step_bytes(model(name), tokens, ranks, 0, None)


def test_images_are_encoded_before() -> None:
    """The larger of the two counts: as many images as a step's tokens hold, or one that is larger than a step."""
    seeing = open_catalogue().model("qwen2.5-vl-7b")
    text, high = step_bytes(seeing, 16384, 1, 0, None)
    sight = encoder_bytes(seeing, 1)
    assert (text, high) == (1_291_845_632, 2_583_691_264)
    assert step_bytes(seeing, 16384, 1, 1, None) == (sight, high) == (1_567_621_120, high)
    assert step_bytes(seeing, 2048, 8, 1, None) == (sight, sight)


def test_a_model_without_layers_has_none() -> None:
    assert (0, 0) == step_bytes(model("llama-2-7b", layers=0), 8192, 1, 0, None)


@pytest.mark.parametrize(("count", "sequences"), [(1, 1), (8, 8), (32, 32), (33, 40), (33, 64), (34, 100), (34, 2048)])
def test_graphs(count: int, sequences: int) -> None:
    """Every batch size to 32, 64, 128, and the largest batch; 34 in logs of the default."""
    assert count == graph_count(sequences)


@pytest.mark.parametrize(("size", "ranks"), [(0, 1), (342 * MIB, 2), (342 * MIB, 3), (392 * MIB, 4), (392 * MIB, 16)])
def test_peers(size: int, ranks: int) -> None:
    assert size == peer_bytes(ranks)


def test_overhead() -> None:
    """1 GiB of libraries, 0.5 MiB a layer and batch size, and NCCL; bounds from fewer and from three times as much."""
    graphs = 94 * 34 * MIB // 2
    found = overhead(8, 94, 2048, eager=False)
    assert GIB + 392 * MIB + graphs == found.expected_bytes
    assert (300 * MIB + round(0.2 * graphs), 3584 * MIB + 3 * 392 * MIB + 4 * graphs) == (
        found.low_bytes, found.high_bytes,
    )  # fmt: skip
    assert (GIB, 3584 * MIB) == (
        overhead(1, 94, 2048, eager=True).expected_bytes, overhead(1, 94, 2048, eager=True).high_bytes,
    )  # fmt: skip
