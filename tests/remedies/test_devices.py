"""Remedies on the same devices: memory that others hold, another division."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.catalogued import catalogue
from vramfit.checks import Checked, check
from vramfit.engines.keys import parse_request

if TYPE_CHECKING:
    from vramfit.remedies import Remedy

GPT = {"gpu": "2xrtx3090", "model": "gpt-oss-120b", "engine": "llama.cpp", "quant": "MXFP4", "cpu_moe_layers": 18}


def row(**request: Any) -> Checked:
    """First row of a check with every remedy."""
    return next(check(parse_request(request), catalogue(), all_remedies=True))


def with_key(key: str, **request: Any) -> list[Remedy]:
    """Remedies that are settings and change a key."""
    remedies = row(**request).remedies
    return [one for one in remedies if key in one.changes and one.proposal.kind == "engine-setting"]


def test_a_card_without_a_desktop() -> None:
    """The reserve is dropped where that suffices, and the promise is spelled like a user would."""
    (found,) = with_key("reserve", gpu="rtx4090", model="qwen3-32b", quant="Q4_K_M", reserve="4GiB")
    assert found.changes == {"reserve": "0B"}
    assert found.proposal.answer.verdict.word == "fits"
    assert "free the 4.00 GiB that others hold" in found.proposal.summary
    assert with_key("reserve", gpu="rtx4090", model="llama-3.1-70b", quant="Q4_K_M", reserve="4GiB") == []
    assert with_key("reserve", gpu="m2-8gb", model="llama-3.1-8b", quant="Q4_K_M", reserve="1GiB") == []


def test_another_division() -> None:
    """Experts in RAM leave the last card full and the first nearly empty: the layers are divided anew."""
    asked = row(**GPT)
    first, second = (gpu.total_bytes for gpu in asked.answer.estimate.gpus)
    assert first * 5 < second
    found = with_key("tensor_split", **GPT)
    assert found
    assert "tensor_split" in found[0].changes
    assert found[0].changes["tensor_split"] == "75,25"
    assert found[0].command.count(" -ts 75,25 ") == 1
    assert all(one.proposal.answer.reached for one in found)


@pytest.mark.parametrize(
    "request_",
    [
        {**GPT, "cpu_moe_layers": "auto"},
        {**GPT, "split_mode": "row", "cpu_moe_layers": 0},
        {"gpu": "2xrtx3060-12gb", "model": "llama-3.1-70b", "quant": "Q4_K_M"},
        {**GPT, "gpu": "rtx3090"},
    ],
)
def test_nothing_to_divide_anew(request_: dict[str, Any]) -> None:
    """One card, no room on all together, or a split that is not by layers or is chosen by itself."""
    assert with_key("tensor_split", **request_) == []
