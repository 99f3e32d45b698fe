"""What an SGLang process holds besides weights, cache and activations."""

from __future__ import annotations

import pytest

from tests.samples import model
from vramfit.engines.sglang.overhead import before_bytes, overhead, workspace_bytes
from vramfit.units import GIB, MIB


@pytest.mark.parametrize(
    ("mib", "world", "link"),
    [
        (90, 1, "pcie"), (90, 1, "nvlink"), (90, 1, "rocm"), (262, 2, "pcie"), (394, 4, "pcie"), (1990, 8, "nvlink"),
        (1810, 2, "nvlink"), (3200, 8, "rocm"),
    ],
)  # fmt: skip
def test_before_it_loads(mib: int, world: int, link: str) -> None:
    """Alone, and with the links between ranks: 0.26 GB for two RTX 4090, 0.39 for four cards, 1.96 for eight H200."""
    assert mib * MIB == before_bytes(world, link)


@pytest.mark.parametrize(
    ("after", "low", "high", "flashinfer", "captured", "sees", "sizes"),
    [
        (6 * 32 + 8 * 50 + 160, 0.3 * (90 + 192 + 160), 144 + 2.5 * 192 + 2 * 400 + 480, False, True, False, 50),
        (384 + 100 + 160, 0.3 * (90 + 160), 144 + 480 + 484, True, False, True, 0),
    ],
)
def test_overhead(
    after: int, low: float, high: float, flashinfer: bool, captured: bool, sees: bool, sizes: int
) -> None:
    """Graphs for decoding and prefill, a workspace, embeddings of images, and libraries."""
    found = overhead(1, 32, sizes, link="pcie", flashinfer=flashinfer, decodes_captured=captured, sees=sees)
    assert after * MIB == found.after_bytes
    assert (round(low * MIB), round(high * MIB)) == (found.low_bytes, found.high_bytes)


def test_workspace_of_aiter() -> None:
    """Qwen3-30B at 262,144 tokens and 3,261 requests: 51.75 GiB (sgl-project/sglang PR 18263); none with latents."""
    qwen = model("llama-3.1-8b", heads=32, kv_heads=4, head_dim=128)
    assert 51.75 == pytest.approx(workspace_bytes(qwen, 262_144, 1, 3261) / GIB, abs=0.005)
    assert 2048 * 16 * 1024 * (4 * 128 + 8) == workspace_bytes(qwen, 262_144, 2, None)
    assert 0 == workspace_bytes(model("latent"), 262_144, 1, 3261)
