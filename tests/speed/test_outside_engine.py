"""The speed of an engine that nobody measured: usual constants, wide intervals, no refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.registering import registered
from tests.samples import Catalogue
from vramfit.answer import answer
from vramfit.engines import Registration
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.speed import throughput
from vramfit.speed.decode import step
from vramfit.speed.prefill import PREFILL_BUS_SHARE, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.answer import Answer

WEIGHTS = 6_738_415_616 - 2 * 32000 * 4096 - 65 * 4096


@pytest.fixture
def found() -> Iterator[Answer]:
    """Llama 2 7B in fp16 on two RTX 4090."""
    raw = {"gpu": "2xrtx4090", "model": "llama-2-7b", "quant": "fp16", "engine": "unmeasured"}
    changes = {"rtx4090": {"tflops": {"fp16": 165.2}}}
    with registered(Registration("unmeasured", "tests.speed.unmeasured")):
        yield answer(resolve(parse_request(raw), Catalogue(changes))[0])


def test_decoding(found: Answer) -> None:
    """85 % of the bus, and 70 microseconds a layer."""
    terms = step(found.deployment, found.estimate)
    assert terms is not None
    read = 2 * (6_738_415_616 - 32000 * 4096 - 4096)
    cache = 2048 * 32 * 2 * 4096 * 2
    assert terms[0] == pytest.approx((read + cache / 0.876) / (1008e9 * 0.85))
    assert terms[1:] == pytest.approx((0, 32 * 70e-6, 0, 0, 0, 0))


def test_prompts(found: Answer) -> None:
    """Half of the 16-bit rate, all tokens in one pass, one card at a time."""
    terms = seconds(found.deployment, found.estimate, 2048)
    assert terms is not None
    rate = 165.2e12 * 0.5
    attention = 2048 * 1024 * 32 * 4 * 4096 / (rate * 1.16)
    weights = sum(gpu.weights_bytes for gpu in found.estimate.gpus)
    assert terms[0] == pytest.approx(2 * 2048 * WEIGHTS / rate + attention)
    assert terms[1] == pytest.approx(weights / (1008e9 * PREFILL_BUS_SHARE))
    assert terms[2:] == (0, 0)


def test_intervals(found: Answer) -> None:
    """Those of a rate that rests on no row."""
    speed = throughput(found.deployment, found.estimate)
    assert speed is not None
    assert speed.decode is not None
    assert speed.prefill is not None
    decode = [speed.decode.low / speed.decode.expected, speed.decode.high / speed.decode.expected]
    prefill = [speed.prefill.low / speed.prefill.expected, speed.prefill.high / speed.prefill.expected]
    assert decode == pytest.approx([0.5, 1.6], rel=0.01)
    assert prefill == pytest.approx([0.4, 1.8], rel=0.01)
