"""What a forward pass needs beside weights and cache."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import MODELS, model
from vramfit.memory.activations import peak_bytes, widest_feed_forward


def peak(name: str, tokens: int, sequence: int | None = None, flash: bool = True) -> int:
    return peak_bytes(model(name), tokens, flash_attention=flash, sequence=sequence or tokens)


@pytest.mark.parametrize(
    ("expected", "name", "tokens"),
    [
        # Residual stream and norm (4 x 4096) and gate, up and their product (3 x 11008), 16 bits, per token.
        (2 * (4 * 4096 + 3 * 11008) * 4096, "llama-2-7b", 4096),
        # Two of eight experts at a time, and their two outputs.
        (2 * (4 * 4096 + 3 * 2 * 14336 + 2 * 4096) * 4096, "mixtral-8x7b", 4096),
        # 128 heads, each with an expanded query and key of 192 and value of 128: more than the feed-forward network.
        (2 * (4 * 7168 + 128 * (2 * 192 + 2 * 128)) * 4096, "latent", 4096),
        # One token: the logits, 16 bits and their fp32 copy, are larger than any layer.
        (32000 * 6, "llama-2-7b", 1),
        (262144 * 6, "sliding", 1),
    ],
)
def test_peak_bytes(expected: int, name: str, tokens: int) -> None:
    """The worst layer or the last token's logits, whichever is larger (transformers ``modeling_llama.py``)."""
    assert expected == peak(name, tokens)


def test_without_flash_attention_scores_exist() -> None:
    """32 heads x tokens x sequence, as 16-bit scores and their fp32 softmax."""
    assert 32 * 4096 * 4096 * 6 == peak("llama-2-7b", 4096, flash=False) - peak("llama-2-7b", 4096)
    assert 32 * 8192 * 4096 * 6 == peak("llama-2-7b", 8192, 4096, flash=False) - peak("llama-2-7b", 8192, 4096)


def test_every_sequence_has_logits() -> None:
    """``generate`` asks for the logits of the last token of each sequence."""
    assert 8 * 32000 * 6 == peak("llama-2-7b", 8, 1)


@given(st.sampled_from(sorted(MODELS)), st.integers(1, 2**17), st.integers(0, 2**12), st.booleans())
def test_more_tokens_never_need_less(name: str, tokens: int, more: int, flash: bool) -> None:
    """The peak grows with the prompt, and flash attention never needs more."""
    assert 0 < peak(name, tokens, flash=flash) <= peak(name, tokens + more, flash=flash)
    assert peak(name, tokens, flash=True) <= peak(name, tokens, flash=False)


@pytest.mark.parametrize(
    ("expected", "name"), [(11008, "llama-2-7b"), (2 * 14336, "mixtral-8x7b"), (0, "recurrent"), (18432, "latent")]
)
def test_widest_feed_forward(expected: int, name: str) -> None:
    """What a token passes: the active experts together, or the dense width; nothing where there is none."""
    assert expected == widest_feed_forward(model(name))


def test_a_model_without_layers_has_no_activations() -> None:
    """A diffusion pipeline whose networks are not modelled: nothing is made up."""
    assert 0 == peak_bytes(model("llama-2-7b", layers=0), 4096, flash_attention=True, sequence=4096)
