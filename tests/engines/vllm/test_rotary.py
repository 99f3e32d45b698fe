"""Tables of rotary angles."""

from __future__ import annotations

import pytest

from tests.samples import model
from vramfit.engines.vllm.rotary import rotary_bytes
from vramfit.sources import open_catalogue
from vramfit.units import MIB


@pytest.mark.parametrize(
    ("name", "size"),
    [
        # 131,072 positions of 128, in 16 bits.
        ("llama-3.1-8b", 131_072 * 128 * 2),
        # A quarter of 256, positions in time, height and width.
        ("qwen3.5-9b", 262_144 * 4 * 64 * 2),
        ("glm-4.5", 131_072 * 64 * 2),
        ("minimax-m2.5", 196_608 * 64 * 2),
        # Full and sliding layers; those of full ones are scaled linearly by 8 in sizes with a tower.
        ("gemma-3-4b", 131_072 * 256 * 2 * (8 + 1)),
        ("gemma-3-27b", 131_072 * 128 * 2 * (8 + 1)),
        ("gemma-3-1b", 32_768 * 256 * 2 * 2),
        # The rotary key of latent attention alone.
        ("deepseek-v2", 163_840 * 64 * 2),
        # A learned position table, no rotation, none loaded.
        ("gpt2", 0),
        ("nemotron-nano-9b-v2", 0),
        ("llama-4-scout", 0),
    ],
)
def test_rotary_bytes(name: str, size: int) -> None:
    """By the width that is rotated and the positions."""
    assert rotary_bytes(open_catalogue().model(name)) == size


def test_no_attention_no_table() -> None:
    """A Mamba model has no positions."""
    assert rotary_bytes(model("recurrent")) == 0
    assert rotary_bytes(model("llama-3.1-8b")) == 32 * MIB
