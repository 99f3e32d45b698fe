"""Terms of a compute buffer when it is fullest: what its largest tensors are called, and what stands together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.catalogued import catalogue
from vramfit.engines.keys import parse_request
from vramfit.engines.llamacpp.peak import add_buffer
from vramfit.engines.llamacpp.schedule import Program
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import Ledger, terms

HIDDEN = 4096
"""Llama 3.1 8B, like the 32 heads below."""


def buffers(**request: Any) -> dict[tuple[str, str], tuple[int, dict[str, float]]]:
    """Bytes and inputs of the terms of the buffers, by device and name."""
    asked = {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "Q4_K_M", "engine": "llama.cpp", **request}
    found = terms(resolve(parse_request(asked), catalogue())[0])
    return {(term.device, term.name): (term.bytes, dict(term.inputs)) for term in found if term.part == "compute"}


@pytest.mark.parametrize("context", [2048, 4096])
def test_scores_are_named_by_their_width(context: int) -> None:
    """A 32-bit number for each of 512 tokens, 32 heads and cell."""
    found = buffers(flash_attention="off", context=context)
    width = 32 * context

    assert found["gpu0", "attention scores"] == (4 * 512 * width, {"tensors": 1, "tokens": 512, "width": width})
    assert ("gpu0", "attention scores") not in buffers(context=context)


def test_masks_hidden_states_and_what_is_small() -> None:
    """A mask of 4,096 cells in 16 bits for 512 tokens takes what 2,048 numbers of 32 bits do."""
    found = buffers(flash_attention="off", context=4096)

    assert found["host", "attention mask in 16 bits"] == (4 * 512 * 2048, {"tensors": 1, "tokens": 512, "width": 2048})
    assert found["host", "hidden states"] == (3 * 4 * 512 * HIDDEN, {"tensors": 3, "tokens": 512, "width": HIDDEN})
    assert set(found) == {
        ("gpu0", "attention scores"), ("gpu0", "hidden states"), ("gpu0", "small tensors, inputs and gaps"),
        ("host", "attention mask in 16 bits"), ("host", "hidden states"), ("host", "small tensors, inputs and gaps"),
    }  # fmt: skip


@pytest.mark.parametrize(("share", "told"), [(49, True), (50, False)])
def test_what_takes_a_fiftieth_is_told_apart(share: int, told: bool) -> None:
    """Two tensors of 128 bytes and of ``share`` times as many, in which no width of the model is found."""
    program = Program()
    program.sizes = [(128 * share, 0, 0), (128, 0, 0)]
    program.events = [0, 2]
    parts: Any = SimpleNamespace(layer_tensors=())
    run: Any = SimpleNamespace(tokens=512, outputs=0)
    ledger = Ledger()
    add_buffer(ledger, "gpu0", parts, catalogue().model("llama-3.1-8b"), run, program, (256, 256), "source")

    small = [("tensors of 128 B", 128)] if told else [("small tensors, inputs and gaps", 128)]
    assert [(f"tensors of {128 * share:,} B", 128 * share), *small] == [(one.name, one.bytes) for one in ledger.terms]
