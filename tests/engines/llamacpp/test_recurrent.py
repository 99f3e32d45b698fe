"""What layers with a state compute, node by node (ggml-org/llama.cpp v0.5.0 ``src/models/mamba-base.cpp`` and others)."""

from __future__ import annotations

import pytest

from tests.engines.llamacpp.graphs import HIDDEN, SEQUENCES, STORE, TOKENS, Size, nodes, part
from vramfit.engines.llamacpp import recurrent
from vramfit.model.mixers import LinearAttention, ShortConvolution, StateSpace


def convolved(kept: int, width: int, projected: list[int], result: list[int]) -> list[Size]:
    """A convolution over ``kept`` inputs more: they are read, the other sequences' moved, the window is laid out.

    What is projected comes between them, the result once the new state is written.
    """
    state = kept * width * SEQUENCES
    return [STORE, state, STORE, *projected, width * TOKENS + state, STORE, STORE, *result]


def test_mamba_1() -> None:
    """Both halves in one projection; steps, B and C from the convolved one; the scan with the state behind it."""
    mixer = StateSpace("mamba1", inner=22, state=3, conv=5, dt_rank=7)
    wide = 22 * TOKENS

    assert nodes(lambda build, source: recurrent.mixer(build, mixer, source)) == [
        *convolved(4, 22, [2 * wide], [wide, wide, wide]),
        (7 + 2 * 3) * TOKENS, wide, wide, wide + 3 * 22 * SEQUENCES, STORE, STORE,
        wide, wide, wide, wide, HIDDEN * TOKENS,
    ]  # fmt: skip


def test_mamba_2() -> None:
    """B and C of two groups are convolved with the input; steps of 11 heads come out of the one projection."""
    mixer = StateSpace("mamba2", inner=22, state=3, conv=5, groups=2, heads=11)
    wide, mixed = 22 * TOKENS, 22 + 2 * 2 * 3

    assert nodes(lambda build, source: recurrent.mixer(build, mixer, source)) == [
        *convolved(4, mixed, [(22 + mixed + 11) * TOKENS], [mixed * TOKENS] * 3),
        11 * TOKENS, 11 * TOKENS, wide + 3 * 22 * SEQUENCES, STORE, STORE,
        wide, wide, wide, wide, wide, wide, HIDDEN * TOKENS,
    ]  # fmt: skip


@pytest.mark.parametrize("home", ["gpu", "ram"])
@pytest.mark.parametrize("split_gates", [False, True])
@pytest.mark.parametrize("value_heads", [2, 4])
def test_linear_attention(value_heads: int, split_gates: bool, home: str) -> None:
    """Two heads of keys are repeated for four of values, unless the gates come apart (Qwen3.5).

    On a GPU the gate comes with the heads, before the recurrence; in RAM behind what comes out of it.
    """
    mixer = LinearAttention("gated_delta_net", key_heads=2, value_heads=value_heads, key_dim=3, value_dim=7, conv=4)
    key, value = 2 * 3, value_heads * 7
    mixed, matrix = 2 * key + value, value_heads * 3 * 7 * SEQUENCES
    repeated = value_heads == 4 and not split_gates
    heads = [key * TOKENS, value_heads * 3 * TOKENS] * 2 if repeated else [key * TOKENS] * 2
    gates = [] if split_gates else [2 * value_heads * TOKENS]
    together = [value * TOKENS] * 2 if home == "gpu" else []
    found = nodes(lambda build, source: recurrent.mixer(build, mixer, source), home, split_gates=split_gates)

    assert found == [
        *convolved(3, mixed, [mixed * TOKENS], []),
        matrix, STORE, mixed * TOKENS, mixed * TOKENS, *heads, *gates, *[value_heads * TOKENS] * 5, *together,
        value * TOKENS + matrix, STORE, *[value * TOKENS] * (5 - len(together)), HIDDEN * TOKENS,
    ]  # fmt: skip


def test_short_convolution() -> None:
    """Three parts of one projection; the product of two is convolved, the third multiplies what comes out (LFM2)."""
    wide = HIDDEN * TOKENS

    assert nodes(lambda build, source: recurrent.mixer(build, ShortConvolution(4), source)) == [
        STORE, 3 * HIDDEN * SEQUENCES, STORE, 3 * wide, wide, wide + 3 * HIDDEN * SEQUENCES, STORE, wide, wide, wide,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("states", "mixer"),
    [
        # Inputs of the convolution, of which there is one fewer than its kernel has columns; then the matrix.
        ([4 * 22, 3 * 22], StateSpace("mamba1", inner=22, state=3, conv=5, dt_rank=7)),
        ([4 * 34, 3 * 22], StateSpace("mamba2", inner=22, state=3, conv=5, groups=2, heads=11)),
        ([3 * 26, 2 * 3 * 7], LinearAttention("gated_delta_net", 2, 2, 3, 7, 4)),
        ([3 * 7 * 2], LinearAttention("gated_delta_net", 2, 2, 3, 7, 0)),
        ([3 * HIDDEN], ShortConvolution(4)),
    ],
)
def test_states_of_a_layer(states: list[int], mixer: StateSpace | LinearAttention | ShortConvolution) -> None:
    """Numbers of each sequence that are kept beside the cache, where they are copied."""
    graph = part(lambda build, source: recurrent.mixer(build, mixer, source))
    kept = {id(one): one.size[0] for node in graph.nodes for one in node.sources if one.stored and not one.weight}

    assert list(kept.values()) == [4 * SEQUENCES * size for size in states]
