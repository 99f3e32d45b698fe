"""CUDA graphs of vLLM: their sizes and bytes, and the cache that they are captured with."""

from __future__ import annotations

import pytest

from tests.samples import model
from vramfit.engines.servers import ServerKeys
from vramfit.engines.vllm.graphs import graphs, profiled_blocks, sizes
from vramfit.engines.vllm.release import Release, release
from vramfit.units import MIB


def facts(version: str | None) -> Release:
    """Facts of a version."""
    return release(ServerKeys(engine_version=version))


@pytest.mark.parametrize(
    ("count", "largest", "rows", "tokens", "query", "version", "blackwell"),
    [
        # 102 graphs in the logs of 0.19: 51 of pieces, 51 of whole steps.
        (51, 512, 1024, 8192, 1, "0.19.0", False),
        (51, 512, 256, 2048, 1, "0.19.0", False),
        # By 8 to the end before 0.12.
        (67, 512, 256, 2048, 1, "0.10.1", False),
        # Whatever the sequences in V1 before 0.10, and no more than they are in V0.
        (67, 512, 1, 2048, 1, "0.8.5", False),
        (67, 512, 1, 2048, 1, "0.9.2", False),
        (2, 2, 1, 2048, 1, "0.10.0", False),
        (19, 128, 1, 128, 1, "0.9.2", False),
        (35, 256, 256, 2048, 1, "0.7.2", False),
        (1, 1, 1, 2048, 1, "0.7.2", False),
        (5, 16, 13, 2048, 1, "0.7.2", False),
        (5, 16, 8, 2048, 1, None, False),
        (2, 2, 1, 2048, 1, None, False),
        # Each sequence of two tokens has four.
        (4, 8, 1, 2048, 4, None, False),
        # No more than a step.
        (19, 128, 256, 128, 1, None, False),
        (83, 1024, 1024, 16384, 1, None, True),
        (51, 512, 1024, 16384, 1, "0.26", True),
    ],
)
def test_sizes(count: int, largest: int, rows: int, tokens: int, query: int, version: str, blackwell: bool) -> None:
    """1, 2, 4, by 8 up to 256, by 16 from there."""
    found = sizes(rows, tokens, query, facts(version), blackwell)
    assert (count, largest) == (len(found), found[-1])
    assert sorted(set(found)) == list(found)


EACH = 51 * round(0.2 * MIB) + 51 * round(0.11 * MIB)
"""Bytes of a dense layer in graphs of 51 sizes of each kind."""


@pytest.mark.parametrize(
    ("sample", "mxfp4", "eight_bit", "expected"),
    [
        ("llama-3.1-8b", False, False, 160 * MIB + 32 * EACH),
        ("llama-3.1-8b", False, True, 160 * MIB + round(32 * EACH * 1.18)),
        ("mixtral-8x7b", False, False, 160 * MIB + 2 * 32 * EACH),
        ("mixtral-8x7b", True, False, 160 * MIB + round(3.4 * 32 * EACH)),
        ("recurrent", False, False, 160 * MIB + 3 * 64 * EACH),
    ],
)
def test_bytes_by_kind_of_layer(sample: str, mxfp4: bool, eight_bit: bool, expected: int) -> None:
    """Experts and states take more kernels."""
    made = model(sample)
    captured = sizes(1024, 8192, 1, facts("0.19.0"), False)
    found = graphs(made, 1, (0, made.layer_count), captured, 1024, facts("0.19.0"), mxfp4, eight_bit, False).bytes
    assert expected == pytest.approx(found, abs=2)


@pytest.mark.parametrize(
    ("sample", "ranks", "rows", "more"),
    [
        # 32 parts of 512 tokens of 32 heads of 128 in float32; the latent has 512 for each head.
        ("llama-3.1-8b", 1, 1024, 32 * 512 * 4 * 4096),
        ("llama-3.1-8b", 2, 1024, 32 * 512 * 4 * 2048),
        ("llama-3.1-8b", 1, 8, 32 * 8 * 4 * 4096),
        ("latent", 8, 1024, 32 * 512 * 4 * 128 * 512 // 8),
    ],
)
def test_split_outputs_of_attention(sample: str, ranks: int, rows: int, more: int) -> None:
    """FlashAttention 3 divides long sequences, in graphs of whole steps."""
    made = model(sample)
    captured = sizes(1024, 8192, 1, facts("0.19.0"), False)
    found = [
        graphs(made, ranks, (0, 4), captured, rows, facts("0.19.0"), False, False, splits).bytes
        for splits in (True, False)
    ]
    assert found[0] - found[1] == more


def test_stages_have_graphs_of_their_layers() -> None:
    """And without graphs there are none."""
    made, captured = model("llama-3.1-8b"), sizes(1024, 8192, 1, facts("0.19.0"), False)
    quarter = graphs(made, 1, (8, 16), captured, 1024, facts("0.19.0"), False, False, False).bytes
    assert quarter == 160 * MIB + 8 * EACH
    assert graphs(made, 1, (0, 32), (), 1024, facts("0.19.0"), False, False, False).bytes == 0


def test_no_whole_steps_before_0_11() -> None:
    """67 sizes of pieces: 0.50 GiB of 28 layers in 0.10.1."""
    captured = sizes(256, 2048, 1, facts("0.10.1"), False)
    found = graphs(
        model("llama-3.1-8b", layers=28), 1, (0, 28), captured, 256, facts("0.10.1"), False, False, False
    ).bytes
    assert found == 160 * MIB + 28 * 67 * round(0.2 * MIB)


@pytest.mark.parametrize(
    ("rows", "version", "blocks"),
    [
        (256, "0.17.0", 0),
        (256, "0.18.0", 512),
        (256, "0.25.0", 512),
        (256, "0.26.0", 256),
        (8, None, 8),
        (1024, None, 512),
    ],
)
def test_blocks_to_capture_with(rows: int, version: str | None, blocks: int) -> None:
    """One for each sequence of the largest size, later for no more than there are."""
    captured = sizes(rows, 8192, 1, facts(version), False)
    assert profiled_blocks(captured, rows, facts(version)) == blocks
    assert profiled_blocks((), rows, facts(version)) == 0
