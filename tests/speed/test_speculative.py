"""Gain of speculative decoding in speed, against what was measured with prediction heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.catalogued import catalogue
from vramfit.answer import answer
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.speed.speculative import ACCEPTED, SPREAD, tokens_of_step

if TYPE_CHECKING:
    from vramfit.speed import Rate

MEASURED = (
    # sudoingX/qwen38-mtp README.md (August 2026): card, file, tokens ahead, tokens per second without and with the head.
    ("rtx3090", "Q4_K_M", 2, 31.0, 41.3),
    ("rtx3090", "Q4_K_M", 2, 41.3, 63.5),
    ("rtx3090ti", "Q4_K_M", 2, 42.0, 60.9),
    ("rtx3090", "Q4_K_M", 4, 31.9, 52.8),
    ("rtx3090", "UD-Q4_K_XL", 2, 43.9, 79.6),
    ("rtx4090", "Q4_K_M", 2, 47.7, 76.3),
    ("rtx4090", "Q4_K_M", 2, 47.0, 68.8),
    ("rtx4090", "UD-Q4_K_XL", 2, 36.1, 74.8),
    ("rtx5090", "Q6_K", 2, 61.9, 130.0),
    ("rtx5090", "Q4_K_M", 2, 76.9, 155.5),
    ("rtx5090", "UD-Q4_K_XL", 4, 74.4, 182.0),
    ("rtx5090", "Q4_K_M", 3, 62.7, 108.7),
    ("rtx5090", "Q4_K_M", 4, 69.3, 129.1),
    ("rtxpro6000", "Q4_K_M", 2, 63.8, 91.5),
    ("rtxpro6000maxq", "Q8_0", 2, 45.7, 97.1),
    ("rx7900xtx", "Q4_K_M", 2, 30.7, 43.9),
    ("r9700", "Q4_K_M", 2, 27.0, 43.3),
    ("rx9060xt-16gb", "IQ3_M", 2, 15.2, 28.7),
    ("v100-sxm2-32gb", "Q4_K_M", 2, 33.3, 48.0),
    ("rtx5060ti-16gb", "IQ4_XS", 4, 26.3, 59.5),
    ("2xrtx5060ti-16gb", "Q4_K_M", 2, 22.1, 42.8),
    ("rtx3080-10gb", "UD-IQ2_XXS", 2, 45.1, 64.4),
    ("m3-ultra-96gb", "Q6_K", 2, 22.8, 24.2),
)


def rate(gpu: str, quant: str, tokens: int = 0, **request: Any) -> Rate:
    """Decode speed of Qwen3.8 27B, with a prediction head if tokens are drafted."""
    raw: dict[str, Any] = {
        "gpu": gpu, "model": "qwen3.8-27b", "quant": quant, "images": 0, "context": 16384, "prompt_tokens": 400,
        "kv_cache_type": "q4_0", **request,
    }  # fmt: skip
    if tokens:
        raw |= {"speculative": "mtp", "speculative_tokens": tokens}
    found = answer(resolve(parse_request(raw), catalogue())[0]).rate
    assert found is not None
    return found


def test_nine_gains_in_ten_are_inside_the_interval() -> None:
    """Of the expected gain times the interval's shares; the median of measured to expected is near one."""
    inside, ratios = 0, []
    for gpu, quant, tokens, before, after in MEASURED:
        ratio = (after / before) / (rate(gpu, quant, tokens).expected / rate(gpu, quant).expected)
        ratios.append(ratio)
        inside += SPREAD["mtp"][0] <= ratio <= SPREAD["mtp"][1]
    assert inside >= 0.9 * len(MEASURED)
    assert 0.85 <= sorted(ratios)[len(ratios) // 2] <= 1.1


@pytest.mark.parametrize(
    ("expected", "method", "tokens"),
    [
        (1.0, "mtp", 0),
        (1.75, "mtp", 1),
        (2.3125, "mtp", 2),
        (2.734375, "mtp", 3),
        (1.65, "draft", 1),
        (1.7, "eagle3", 1),
    ],
)
def test_tokens_of_a_step(expected: float, method: str, tokens: int) -> None:
    """One of the model's own, and of the drafted ones as many as are accepted in a row."""
    assert expected == pytest.approx(tokens_of_step(method, tokens))


@given(method=st.sampled_from(sorted(ACCEPTED)), tokens=st.integers(0, 63))
def test_a_step_yields_at_most_one_more_than_was_drafted(method: str, tokens: int) -> None:
    assert 1 <= tokens_of_step(method, tokens) <= tokens + 1
    assert tokens_of_step(method, tokens) < tokens_of_step(method, tokens + 1)


def test_the_gain_shrinks_with_sequences() -> None:
    """Checking many tokens of many sequences is bound by arithmetic."""
    gains = [
        rate("rtx4090", "Q4_K_M", 2, parallel=count).expected / rate("rtx4090", "Q4_K_M", parallel=count).expected
        for count in (1, 4, 16)
    ]
    assert gains[0] > gains[1] > gains[2]


def test_the_interval_is_wider_than_without() -> None:
    plain, found = rate("rtx4090", "Q4_K_M"), rate("rtx4090", "Q4_K_M", 2)
    assert found.low / found.expected < plain.low / plain.expected
    assert found.high / found.expected > plain.high / plain.expected


def test_a_card_of_unknown_arithmetic() -> None:
    """Each drafted token then costs a share of the model's own pass."""
    plain, found = rate("custom:24GiB@1000GB/s", "Q4_K_M"), rate("custom:24GiB@1000GB/s", "Q4_K_M", 2)
    assert 1.3 < found.expected / plain.expected < 2.1
