"""Tokens per second, as far as bandwidth decides them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import Catalogue
from vramfit.engines.resolve import resolve
from vramfit.remedies.answer import Answer, answer
from vramfit.speed import decode_rate, spill_rate
from vramfit.units import GIB
from vramfit.workload import parse_request


def answered(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> Answer:
    """Llama 2 7B in fp16 on an RTX 4090 unless the request says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-2-7b", "quant": "fp16", **request}
    return answer(resolve(parse_request(raw), Catalogue(changes))[0])


def expected(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> float:
    """Its expected decode rate."""
    rate = answered(changes, **request).rate
    assert rate is not None
    return rate.expected


def test_reading_weights_and_cache_bounds_the_rate() -> None:
    """13.2 GB of weights and half the cache at 85 % of 1008 GB/s, and 0.6 ms for each of 32 layers."""
    read = 2 * (6_738_415_616 - 32000 * 4096 - 4096) + 2_147_483_648 // 2
    seconds = read / (1008e9 * 0.85) + 32 * 600e-6
    rate = answered().rate
    assert rate is not None
    assert float(f"{1 / seconds:.3g}") == rate.expected
    assert rate.low < rate.expected < rate.high


# premAI-io/benchmarks README: Llama 2 7B chat with transformers on an A100 80 GB, 512 tokens.
@pytest.mark.parametrize(("measured", "quant"), [(36.65, "fp16"), (5.1, "int8"), (19.6, "nf4")])
def test_the_measured_rate_is_within_the_interval(measured: float, quant: str) -> None:
    """Of the very benchmark the constants come from: they must not drift away from it."""
    rate = answered(gpu="a100-sxm4-80gb", quant=quant, context=1024).rate
    assert rate is not None
    assert rate.low <= measured <= rate.high
    assert abs(rate.expected - measured) < 0.15 * measured


@pytest.mark.parametrize(
    ("faster", "slower"),
    [
        ({}, {"gpu": "rtx3060-12gb"}),
        ({"context": 512}, {"context": 4096}),
        ({"engine": "llama.cpp", "quant": "Q4_K_M"}, {"engine": "llama.cpp", "quant": "Q8_0"}),
        ({"engine": "llama.cpp", "quant": "Q4_K_M"}, {"engine": "llama.cpp", "quant": "Q4_K_M", "gpu_layers": 20}),
        ({}, {"gpu_layers": 20}),
        ({"model": "llama-2-7b"}, {"model": "llama-2-13b"}),
    ],
)
def test_fewer_bytes_per_token_are_faster(faster: dict[str, Any], slower: dict[str, Any]) -> None:
    """A wider bus, a shorter context, fewer bits, nothing in RAM, a smaller model."""
    assert expected(**faster) > expected(**slower)


def test_experts_left_out_are_not_read() -> None:
    """Mixtral reads 2 of 8 experts per token: far faster than its size, far slower than one expert alone."""
    big = {"a100-sxm4-80gb": {"memory_mib": 2 * 81920}}
    mixtral = expected(big, gpu="a100-sxm4-80gb", model="mixtral-8x7b")
    dense = expected(big, gpu="a100-sxm4-80gb", model="mixtral-8x7b", quant="fp32")
    assert dense < mixtral
    assert mixtral > 2039e9 / (2 * 46_702_792_704)


def test_layers_on_two_cards_run_one_after_another() -> None:
    """A layer split adds memory, not bandwidth."""
    assert expected(gpu="2xrtx3090") == expected(gpu="rtx3090")


@pytest.mark.parametrize(
    ("changes", "request_"),
    [
        ({"rtx4090": {"bandwidth_gb_s": None}}, {}),
        ({"rtx4090": {"pcie": None}}, {"gpu_layers": 20}),
        ({}, {"task": "lora", "quant": "bf16"}),
    ],
)
def test_unknown_is_none(changes: dict[str, dict[str, Any]], request_: dict[str, Any]) -> None:
    """Without the bandwidth or the link there is no figure, and training decodes nothing."""
    assert answered(changes, **request_).rate is None


def test_a_recurrent_model_decodes_too() -> None:
    """Its state is read per token instead of a cache."""
    assert expected(model="recurrent") > 0


def test_spilling_to_ram_is_slower_by_the_link() -> None:
    """What does not fit crosses PCIe, 31.5 GB/s at 80 %, for every token (the Windows driver's fallback)."""
    found = answered()
    resident = decode_rate(found.deployment, found.estimate)
    assert resident is not None
    seconds = 1 / resident.expected + 4 * GIB / (31.504e9 * 0.8)
    assert float(f"{1 / seconds:.3g}") == spill_rate(found.deployment, found.estimate, 4 * GIB)


def test_spilling_over_an_unknown_link_is_none() -> None:
    """Nothing is guessed."""
    found = answered({"rtx4090": {"pcie": None}})
    assert spill_rate(found.deployment, found.estimate, GIB) is None


@pytest.mark.parametrize(
    "request_", [{}, {"gpu_layers": 3}, {"engine": "llama.cpp", "quant": "Q4_K_M", "gpu_layers": 3}]
)
def test_three_significant_digits(request_: dict[str, Any]) -> None:
    """More would promise what no such estimate can keep."""
    rate = answered(**request_).rate
    assert rate is not None
    for value in (rate.low, rate.expected, rate.high):
        assert value == float(f"{value:.3g}")


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_servers_split_the_reading(engine: str) -> None:
    """Worked out: bytes at 85 % of the bus, 130 microseconds a layer, and on several ranks two sums of 15 in each."""
    for ranks in (1, 2, 4):
        found = answered(gpu=f"{ranks}xrtx4090", engine=engine)
        device = found.estimate.gpus[0]
        read = device.read_bytes + device.kv_cache_bytes / 2
        seconds = read / (1008e9 * 0.85) + 32 * (130e-6 + (30e-6 if ranks > 1 else 0))
        assert found.rate is not None
        assert 1 / seconds == pytest.approx(found.rate.expected, rel=0.005)


def test_stages_read_one_after_another() -> None:
    """Two stages of a pipeline read what one GPU reads: no faster."""
    one, two = expected(engine="vllm"), expected(engine="vllm", gpu="2xrtx4090", pipeline_parallel=2)
    assert one == pytest.approx(two, rel=0.01)
