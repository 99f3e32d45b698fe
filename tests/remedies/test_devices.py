"""Remedies on the same devices: memory that others hold, a raised limit, another division."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.catalogued import catalogue
from vramfit.check import Checked, check
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


@pytest.mark.parametrize(
    ("usable", "command", "request_"),
    [
        (
            "124GiB",
            "boot with ttm.pages_limit=32505856",
            {"gpu": "strix-halo-128gb", "model": "gpt-oss-120b", "quant": "Q8_0", "context": 65536, "parallel": 4},
        ),
        (
            "60GiB",
            "sudo sysctl iogpu.wired_limit_mb=61440",
            {"gpu": "m2-max-64gb", "model": "qwen3-32b", "quant": "Q8_0", "context": 40960, "parallel": 2},
        ),
    ],
)
def test_a_raised_limit(usable: str, command: str, request_: dict[str, Any]) -> None:
    """All of the machine's memory but 4 GiB, with the command that does it; shares of CPU and GPU together."""
    asked = row(engine="llama.cpp", **request_)
    assert asked.answer.verdict.word != "fits"
    (found,) = with_key("usable", engine="llama.cpp", **request_)
    assert found.changes["usable"] == usable
    assert found.proposal.summary.endswith(command)
    after = found.proposal.answer
    assert after.verdict.host_headroom_bytes is not None
    assert after.verdict.host_headroom_bytes >= 0


@pytest.mark.parametrize(
    "request_",
    [
        {"gpu": "m2-8gb", "model": "llama-3.1-70b", "quant": "Q4_K_M", "gpu_layers": 0},
        {"gpu": "strix-halo-64gb", "model": "qwen3-32b", "quant": "Q8_0", "platform": "windows"},
        {"gpu": "jetson-orin-nano-8gb", "model": "llama-3.1-8b", "quant": "Q6_K", "context": 16384},
        {"gpu": "rtx3060-12gb", "model": "qwen3-14b", "quant": "Q6_K"},
    ],
)
def test_no_limit_to_raise(request_: dict[str, Any]) -> None:
    """Where it does not suffice, or where no program sets one."""
    assert with_key("usable", engine="llama.cpp", **request_) == []


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
