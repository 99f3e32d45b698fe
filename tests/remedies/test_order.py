"""The order of remedies where a person would know it: docs/remedies.md has the rule."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vramfit.checks import Checked, check
from vramfit.engines.keys import parse_request
from vramfit.remedies import MOST, Proposal
from vramfit.remedies.cost import (
    LAST_BAND,
    PRICE_BANDS,
    QUALITY_BANDS,
    RENTED_HOURS,
    SHARE_BANDS,
    SLOW_SPEEDS,
    UNKNOWN_QUALITY_BAND,
    cost,
)
from vramfit.sources import open_catalogue
from vramfit.speed import Rate
from vramfit.units import gb

if TYPE_CHECKING:
    from vramfit.remedies import Remedy

CASES: dict[str, dict[str, Any]] = {
    "headline": {"gpu": "rtx4090", "model": "llava-1.6-13b"},
    "70B on one card": {"gpu": "rtx4090", "model": "llama-3.1-70b", "quant": "Q4_K_M"},
    "70B in 16 bits on one card": {"gpu": "rtx4090", "model": "llama-3.1-70b", "quant": "fp16"},
    "mixture on 12 GB": {"gpu": "rtx3060-12gb", "model": "qwen3-30b-a3b", "quant": "Q4_K_M"},
    "mixture in 16 bits on 12 GB": {"gpu": "rtx3060-12gb", "model": "qwen3-30b-a3b"},
    "long context": {
        "gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "Q8_0", "context": 131072, "reserve": "1GiB",
    },
    "longer context": {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "F16", "context": 131072,
                       "engine": "llama.cpp"},
    "many sequences": {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "Q8_0", "context": 8192, "parallel": 32},
    "vllm short of a little": {
        "gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "bf16", "engine": "vllm", "context": 32768,
        "gpu_memory_utilization": 0.82,
    },
    "vllm with many sequences": {
        "gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "bf16", "engine": "vllm", "parallel": 64,
    },
    "apple": {"gpu": "m2-max-32gb", "model": "llama-3.1-70b", "quant": "Q4_K_M"},
    "lora": {"gpu": "rtx3060-12gb", "model": "llama-3.1-8b", "task": "lora"},
    "qlora of long samples": {
        "gpu": "rtx3060-12gb", "model": "llama-3.1-8b", "task": "qlora", "sequence_length": 8192,
    },
    "full fine-tuning": {"gpu": "rtx4090", "model": "llama-3.1-8b", "task": "full"},
}  # fmt: skip


@cache
def first_row(name: str, everything: bool = False) -> Checked:
    """The first row of a case, with the catalogue people use."""
    return next(check(parse_request(CASES[name]), open_catalogue(), all_remedies=everything))


def remedies(name: str) -> tuple[Remedy, ...]:
    """Its remedies, best first."""
    return first_row(name).remedies


def kinds(name: str) -> list[str]:
    """The kinds in order."""
    return [remedy.proposal.kind for remedy in remedies(name)]


def test_the_headline_offers_all_that_it_must() -> None:
    """INT8, INT4, a GGUF file with its size, layers in RAM with their speed, two cards, a 32 and a 48 GB card, a rented
    card with its price and date, LLaVA 1.6 7B, and QLoRA of it: each verified, in the default list.
    """
    found = {r.proposal.summary: r for r in remedies("headline")}
    assert len(found) == len(remedies("headline")) == MOST
    by_kind: dict[str, list[Remedy]] = {}
    for remedy in remedies("headline"):
        by_kind.setdefault(remedy.proposal.kind, []).append(remedy)
    assert {"int8", "nf4", "Q8_0"} == {r.changes["quant"] for r in by_kind["quantize"]}
    file = next(r for r in by_kind["quantize"] if r.changes["quant"] == "Q8_0")
    assert f"a file of {gb(13_831_270_400)}" in file.proposal.summary
    (offload,) = by_kind["offload-layers"]
    assert offload.rate is not None
    assert 2 < offload.rate.expected < 20
    assert [{"gpu": "2xrtx4090", "quant": "fp16"}] == [r.changes for r in by_kind["multi-gpu"]]
    sizes = [r.proposal.answer.deployment.gpus[0].marketed_gb for r in by_kind["bigger-gpu"]]
    assert [32, 48] == sizes
    (rented,) = by_kind["cloud-gpu"]
    assert rented.proposal.cloud is not None
    assert rented.proposal.cloud["usd_per_hour"] > 0
    assert rented.proposal.cloud["as_of"] in rented.proposal.trade
    assert ["llava-1.6-7b"] == [r.changes["model"] for r in by_kind["smaller-model"]]
    (tuned,) = by_kind["finetune-smaller"]
    assert ("llava-1.6-7b", "qlora") == (tuned.changes["model"], tuned.changes["task"])
    assert {"fits"} == {r.proposal.answer.verdict.word for r in remedies("headline")}


def test_the_headline_s_order() -> None:
    """A near-lossless file first; what slows down before what costs money; another model and training last."""
    assert [
        "quantize", "quantize", "quantize", "offload-layers", "cloud-gpu", "multi-gpu", "bigger-gpu", "smaller-model",
        "bigger-gpu", "finetune-smaller",
    ] == kinds("headline")  # fmt: skip
    assert ["Q8_0", "int8", "nf4"] == [r.changes["quant"] for r in remedies("headline")[:3]]


def test_70b_on_one_card() -> None:
    """A second card or a rented one keeps speed and quality; layers in RAM keep quality; two bits are not offered unasked."""
    order = kinds("70B on one card")
    assert {"multi-gpu", "cloud-gpu"} == set(order[:2])
    assert "offload-layers" in order
    assert "quantize" not in order
    assert "severe" not in {r.quality[0] for r in remedies("70B on one card")}
    everything = first_row("70B on one card", everything=True).remedies
    assert "severe" in {r.quality[0] for r in everything if r.proposal.kind == "quantize"}


def test_70b_in_16_bits_needs_two_changes() -> None:
    """Four bits alone are not enough, so each other way is tried upon them; 16 bits in RAM are too slow to lead."""
    told = remedies("70B in 16 bits on one card")
    both = [r for r in told if r.changes.get("quant") == "Q4_K_M" and "model" not in r.changes]
    assert {"gpu_layers", "gpu"} <= {key for r in both for key in r.changes}
    assert {"quantize"} == {r.proposal.kind for r in both}
    places = {r.proposal.kind: n for n, r in enumerate(told) if r not in both}
    assert min(told.index(r) for r in both) < places["offload-layers"]


@pytest.mark.parametrize("name", ["mixture on 12 GB", "mixture in 16 bits on 12 GB"])
def test_a_mixture_leaves_its_experts_in_ram(name: str) -> None:
    """The first thing to do: attention and cache on the card, half the speed kept."""
    first = remedies(name)[0]
    assert "offload-experts" == first.proposal.kind
    assert "cpu_moe_layers" in first.changes
    if name == "mixture in 16 bits on 12 GB":
        second = remedies(name)[1]
        assert {"Q4_K_M"} == {second.changes["quant"]}
        assert "cpu_moe_layers" in second.changes


def test_a_long_context_has_its_cache_quantized_first() -> None:
    """Eight bits of cache cost nothing that anyone would notice; then less context, then other weights."""
    first = remedies("long context")[0]
    assert ("quantize-kv", "q8_0", "near-lossless") == (
        first.proposal.kind, first.changes["kv_cache_type"], first.quality[0],
    )  # fmt: skip
    assert ["shorten-context", "quantize-kv", "quantize"] == kinds("longer context")[:3]


def test_many_sequences() -> None:
    """The cache of all, then fewer of them, before money."""
    order = kinds("many sequences")
    assert "quantize-kv" == order[0]
    assert {"shorten-context", "fewer-sequences"} == set(order[1:3])


def test_vllm_short_of_a_little() -> None:
    """A larger share of the card first, which is a setting and nothing else; more remedies tell of eager mode too."""
    first = remedies("vllm short of a little")[0]
    assert "engine-setting" == first.proposal.kind
    assert 0.95 == first.changes["gpu_memory_utilization"]
    told = first_row("vllm short of a little", everything=True).remedies
    settings = {key for r in told if r.proposal.kind == "engine-setting" for key in r.changes}
    assert "gpu_memory_utilization" in settings
    assert first.proposal.answer.deployment.workload.context == 32768


def test_vllm_with_many_sequences() -> None:
    """A cache in FP8 with fewer of them; every remedy names what vLLM decides."""
    first = remedies("vllm with many sequences")[0]
    assert {"kv_cache_type", "parallel"} <= set(first.changes)
    parallel = first.changes["parallel"]
    assert isinstance(parallel, int)
    assert parallel < 64
    assert "fewer-sequences" in kinds("vllm with many sequences")


def test_apple_s_memory_is_one() -> None:
    """Layers left to the CPU are in the same memory, and must go into it; another size of Mac has no price here."""
    asked = first_row("apple").answer.deployment.gpus[0]
    for remedy in remedies("apple"):
        estimate = remedy.proposal.answer.estimate
        if remedy.proposal.kind == "offload-layers":
            assert estimate.gpus[0].total_bytes + estimate.host.total_bytes <= asked.memory_bytes
    assert "bigger-gpu" not in kinds("apple")


def test_fine_tuning_that_does_not_fit() -> None:
    """Adapters on 4-bit weights for LoRA; shorter samples for QLoRA; adapters at all for full fine-tuning."""
    first = remedies("lora")[0]
    assert ("quantize", "qlora", "nf4") == (first.proposal.kind, first.changes["task"], first.changes["quant"])
    order = kinds("qlora of long samples")
    assert "shorten-context" in order
    shorter = remedies("qlora of long samples")[order.index("shorten-context")]
    length = shorter.changes["sequence_length"]
    assert isinstance(length, int)
    assert length < 8192
    assert {"task": "lora"}.items() <= remedies("full fine-tuning")[0].changes.items()


@pytest.mark.parametrize("name", CASES)
def test_the_order_is_that_of_the_costs(name: str) -> None:
    """Worst band first, nothing costs less than what stands before it, and the same question has the same answer."""
    told = remedies(name)
    assert told
    assert sorted(told, key=lambda r: r.cost) == list(told)
    again = next(check(parse_request(CASES[name]), open_catalogue())).remedies
    assert [(r.proposal.summary, dict(r.changes)) for r in told] == [
        (r.proposal.summary, dict(r.changes)) for r in again
    ]


def test_the_documented_bands_are_the_program_s() -> None:
    """docs/remedies.md, "How they are ranked"."""
    page = (Path(__file__).parents[2] / "docs" / "remedies.md").read_text(encoding="utf-8")
    rows = [
        line.split("|")[1:-1] for line in page.splitlines() if line.startswith(tuple(f"| {n} |" for n in range(1, 6)))
    ]
    assert [1, 2, 3, 4, 5] == [int(row[0]) for row in rows]
    for label, band in QUALITY_BANDS.items():
        assert {"reference": "as released"}.get(label, label) in rows[band - 1][1]
    assert "not measured" in rows[UNKNOWN_QUALITY_BAND - 1][1]
    for share, row in zip(SHARE_BANDS, rows, strict=False):
        assert f"{share:.0%}".replace("%", " %") in row[2]
    for most, band in PRICE_BANDS:
        assert (f"${most:,}" if most else "none") in rows[band - 1][3]
    assert (5.0, 2.5, 1.0) == SLOW_SPEEDS
    assert "less than 5 tokens per second" in page
    assert "less than 2.5 in band 4, with less than 1 in band 5" in page
    assert MOST == 10
    assert "The\nten that come first" in page
    assert RENTED_HOURS == 1000
    assert "a thousand hours" in page


def proposal(**changes: Any) -> Proposal:
    """One that costs nothing, some of it changed."""
    first = remedies("headline")[0].proposal
    values = {"kind": "engine-setting", "changes": {}, "summary": "", "trade": "", "answer": first.answer, "effort": 1}
    return Proposal(**{**values, **changes})


@pytest.mark.parametrize(
    ("band", "label", "speed", "changes"),
    [
        (1, "reference", 1.0, {}),
        (1, "near-lossless", 0.8, {"kept": 0.9}),
        (2, "small", 1.0, {}),
        (2, "reference", 0.7, {}),
        (2, "reference", 1.0, {"kept": 0.5}),
        (2, "reference", 1.0, {"effort": 2}),
        (3, "noticeable", 1.0, {}),
        (3, "unknown", 1.0, {}),
        (3, "reference", 0.2, {}),
        (3, "reference", 1.0, {"price_usd": 1999}),
        (3, "reference", 1.0, {"cloud": {"usd_per_hour": 2.5}}),
        (4, "reference", 0.1, {}),
        (4, "reference", 1.0, {"price_usd": 4649}),
        (4, "reference", 1.0, {"price_usd": None}),
        (4, "reference", 1.0, {"cloud": {"usd_per_hour": 6.99}}),
        (5, "severe", 1.0, {}),
        (5, "reference", 0.01, {}),
        (5, "reference", 1.0, {"price_usd": 30_000}),
        (5, "reference", 1.0, {"effort": LAST_BAND}),
    ],
)
def test_bands(band: int, label: str, speed: float, changes: dict[str, Any]) -> None:
    """One thing at a time: its band is the remedy's."""
    before, after = Rate(50, 100, 150), Rate(50 * speed, 100 * speed, 150 * speed)
    assert band == cost(proposal(**changes), label, before, after)[0]


@pytest.mark.parametrize(
    ("band", "asked", "left"),
    [
        (1, 6.0, 4.9),
        (3, 10.0, 4.9),
        (2, 10.0, 5.0),
        (3, 10.0, 2.5),
        (4, 10.0, 2.4),
        (4, 2.0, 1.0),
        (5, 2.0, 0.9),
        (1, 1.0, 0.9),
    ],
)
def test_a_speed_below_reading_is_worse_where_it_is_lost(band: int, asked: float, left: float) -> None:
    """As slow as the asked deployment would be is no loss."""
    before, after = Rate(asked, asked, asked), Rate(left, left, left)
    assert band == cost(proposal(), "reference", before, after)[0]


def test_a_mac_s_limit_is_raised_before_anything_is_offloaded() -> None:
    """A setting of the system that costs nothing."""
    request = {"gpu": "m3-max-36gb", "model": "qwen3-30b-a3b", "quant": "Q8_0"}
    first = next(check(parse_request(request), open_catalogue())).remedies[0]
    assert ("engine-setting", {"usable": "33GiB"}) == (first.proposal.kind, first.proposal.changes)


def test_four_bits_that_fit_just_get_one_more_setting() -> None:
    """And no more than one; the hardware to buy beside four bits is one set of cards."""
    request = {"gpu": "rtx4090", "model": "qwen3-32b", "engine": "vllm", "quant": "fp16"}
    told = next(check(parse_request(request), open_catalogue())).remedies
    both = [r for r in told if r.changes.get("quant") == "awq" and "gpu_memory_utilization" in r.changes]
    assert ["fits"] == [r.proposal.answer.verdict.word for r in both if "kv_cache_type" not in r.proposal.changes]
