"""Terms of one layer's results, the logits and the scores: whole terms, the bytes worked out beside them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import model
from vramfit.engines.compute_terms import add_layer
from vramfit.engines.terms import Ledger
from vramfit.memory.activations import peak_bytes

HIDDEN, FFN, HEADS, VOCABULARY = 4096, 11008, 32, 32000
"""Llama 2 7B."""
WIDEST = 3 * FFN
"""Gate, up and their product of one token."""


def added(tokens: int, sequence: int, size: int, **options: Any) -> list[tuple[str, int, dict[str, float]]]:
    """Name, bytes and inputs of the terms of that peak."""
    ledger = Ledger()
    add_layer(ledger, "gpu0", model("llama-2-7b"), tokens, sequence, size, **options)
    return [(term.name, term.bytes, dict(term.inputs)) for term in ledger.terms]


@pytest.mark.parametrize(
    ("tokens", "sequence", "sequences"), [(4, 4, 1), (8, 4, 2), (6, 4, 2), (5, 4, 2), (3, 1, 3), (2, 0, 2)]
)
def test_logits_of_the_last_token_of_each_sequence(tokens: int, sequence: int, sequences: int) -> None:
    """In 16 and in 32 bits; a sequence that is not full counts."""
    size = sequences * VOCABULARY * (2 + 4)
    expected = [("logits of the last tokens", size, {"sequences": sequences, "vocabulary": VOCABULARY})]

    assert expected == added(tokens, sequence, size)


def test_results_of_a_layer() -> None:
    layer = 100 * 2 * (4 * HIDDEN + WIDEST)
    inputs = {"tokens": 100, "hidden": HIDDEN, "widest": WIDEST}

    assert peak_bytes(model("llama-2-7b"), 100, flash_attention=True, sequence=100) == layer
    assert [("activations of a layer", layer, inputs)] == added(100, 100, layer)


def test_scores_stand_beside_the_layer() -> None:
    """Without flash attention: of every pair of tokens of a sequence, in 16 bits and as the softmax of 32."""
    layer, scores = 200 * 2 * (4 * HIDDEN + WIDEST), HEADS * 200 * 100 * (2 + 4)

    assert [
        ("activations of a layer", layer, {"tokens": 200, "hidden": HIDDEN, "widest": WIDEST}),
        ("attention scores", scores, {"heads": HEADS, "tokens": 200, "sequence": 100}),
    ] == added(200, 100, layer + scores, flash_attention=False)


def test_a_peak_that_no_width_explains_is_a_sum() -> None:
    assert [("activations of a layer", 801, {"activation_bytes": 801})] == added(4, 4, 801)
