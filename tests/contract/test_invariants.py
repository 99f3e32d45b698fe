"""What holds for every answer, whatever is asked."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from tests.command import Ran, report, vramfit
from tests.each import each
from vramfit.checks import MAX_PARALLEL, MAX_TRAINED_TOKENS
from vramfit.sources import open_catalogue

CASES: dict[str, tuple[str, ...]] = {
    "the headline": ("-g", "rtx4090", "-m", "llava-1.6-13b"),
    "far too large": ("-g", "rtx4090", "-m", "deepseek-r1"),
    "two cards": ("-g", "2xrtx3090", "-m", "llama-3.1-70b"),
    "mixed cards": ("-g", "rtx3060-12gb", "-g", "rtx4090", "-m", "qwen2.5-32b"),
    "cards of different makers": ("-g", "rtx4090", "-g", "rx7900xtx", "-m", "qwen2.5-32b", "--engine", "llama.cpp"),
    "eight cards": ("-g", "8xh100-sxm", "-m", "llama-3.1-405b"),
    "data centre": ("-g", "h100-sxm", "-m", "llama-3.1-70b"),
    "amd": ("-g", "rx7900xtx", "-m", "gemma-3-27b"),
    "apple": ("-g", "m2-ultra-192gb", "-m", "llama-3.1-70b"),
    "small apple": ("-g", "m2-8gb", "-m", "llama-3.1-8b"),
    "images of a size": ("-g", "rtx3060-12gb", "-m", "qwen2.5-vl-7b", "--image-size", "1344x1008", "--images", "2"),
    "windows": ("-g", "rtx4090", "-m", "llava-1.6-13b", "--platform", "windows"),
    "custom card": ("-g", "custom:10GiB@500GB/s", "-m", "llama-3.1-8b"),
    "custom card of unknown speed": ("-g", "custom:10GiB", "-m", "llama-3.1-8b"),
    "sliding windows": ("-g", "rtx4090", "-m", "gemma-3-27b", "--context", "32768", "--engine", "llama.cpp"),
    "latent attention": ("-g", "rtx4090", "-m", "deepseek-v2-lite", "--context", "32768"),
    "recurrent": ("-g", "rtx3060-12gb", "-m", "mamba2-2.7b", "--parallel", "64"),
    "experts": ("-g", "rtx3060-12gb", "-m", "qwen3-30b-a3b", "--quant", "Q4_K_M"),
    "experts in ram": (
        "-g", "rtx3060-12gb", "-m", "qwen3-30b-a3b", "--quant", "Q4_K_M", "--cpu-moe-layers", "28", "--context", "16384",
    ),
    "layers in ram": ("-g", "rtx4090", "-m", "llama-3.1-70b", "--quant", "Q4_K_M", "--gpu-layers", "40"),
    "automatic layers": ("-g", "rtx4090", "-m", "llama-3.1-70b", "--quant", "Q4_K_M", "--gpu-layers", "auto"),
    "too little ram": (
        "-g", "rtx4090", "-m", "llama-3.1-70b", "--quant", "Q4_K_M", "--gpu-layers", "40", "--ram", "8GiB",
    ),
    "long context": ("-g", "rtx4090", "-m", "llama-3.1-8b", "--context", "131072", "--quant", "bf16"),
    "many sequences": ("-g", "rtx4090", "-m", "llama-3.1-8b", "--parallel", "32", "--quant", "int8"),
    "quantized cache": (
        "-g", "rtx4090", "-m", "llama-3.1-8b", "--quant", "Q4_K_M", "--context", "131072", "--kv-cache-type", "q8_0",
    ),
    "reserve": ("-g", "rtx4090", "-m", "llama-3.1-8b", "--reserve", "9GiB"),
    "reserve beyond the card": ("-g", "rtx3060-12gb", "-m", "llama-3.1-8b", "--reserve", "64GiB"),
    "level fits": ("-g", "rtx3060-12gb", "-m", "llava-1.6-13b", "--level", "fits"),
    "no flash attention": ("-g", "rtx4090", "-m", "llama-2-13b", "--flash-attention", "off"),
    "vllm": ("-g", "rtx4090", "-m", "llama-2-13b", "--engine", "vllm"),
    "vllm and a rented card of another size": ("-g", "rtx4090", "-m", "llama-3.1-70b", "--engine", "vllm"),
    "sglang": ("-g", "2xrtx3090", "-m", "llama-3.1-70b", "--engine", "sglang"),
    "full fine-tuning": ("-g", "rtx4090", "-m", "llama-3.1-8b", "--task", "full"),
    "lora": ("-g", "rtx4090", "-m", "llama-3.1-8b", "--task", "lora", "--sequence-length", "4096"),
    "qlora": ("-g", "rtx3060-12gb", "-m", "llama-3.1-8b", "--task", "qlora"),
    "zero": ("-g", "8xa100-sxm4-80gb", "-m", "llama-3.1-8b", "--task", "full", "--zero-stage", "3"),
    "a smaller model of shorter context": ("-g", "custom:2GiB", "-m", "qwen3-embedding-0.6b"),
    "a vision tower that is not modelled": ("-g", "rtx3060-12gb", "-m", "mistral-small-3.1"),
    "named": ("-g", "rtx4090", "-m", "llama-3.1-8b", "--name", "nightly \u2014 \"8B\""),
}  # fmt: skip

NAMES = pytest.mark.parametrize("name", CASES)


@cache
def ran(name: str) -> Ran:
    return report(*CASES[name])


def asked_again(deployments: list[dict[str, Any]]) -> list[Any]:
    """The entries of ``check --file -`` for deployments written as JSON, which is YAML too."""
    told = vramfit("check", "--file", "-", "--format", "ndjson", stdin=json.dumps({"deployments": deployments}))
    assert len(deployments) == len(told.lines), told
    return told.lines


@NAMES
def test_breakdown_sums_to_the_expected_need(name: str) -> None:
    """Over the GPUs; host memory is told apart."""
    for estimate in each(ran(name).estimates):
        assert estimate["required_bytes"]["expected"] == sum(estimate["breakdown"].values())
        for part, total in estimate["breakdown"].items():
            assert total == sum(d[f"{part}_bytes"] for d in estimate["devices"] if d["device"] != "host")


@NAMES
def test_the_parts_of_a_device_sum_to_its_total(name: str) -> None:
    """GPUs and host alike, and what is left is what was usable less the total."""
    for estimate in each(ran(name).estimates):
        for device in each(estimate["devices"]):
            parts = ("weights_bytes", "kv_cache_bytes", "compute_bytes", "overhead_bytes")
            assert device["total_bytes"] == sum(device[part] for part in parts)
            if device["usable_bytes"] is None:
                assert device["headroom_bytes"] is None
            else:
                assert device["headroom_bytes"] == device["usable_bytes"] - device["total_bytes"]


@NAMES
def test_devices_are_the_gpus_in_order_and_the_host(name: str) -> None:
    """``gpu0`` to the last, then ``host``; the host's size is known where it was given, or with the device."""
    for estimate in each(ran(name).estimates):
        devices = [device["device"] for device in estimate["devices"]]
        assert [f"gpu{i}" for i in range(estimate["gpu"]["count"])] + ["host"] == devices
        known = estimate["deployment"]["ram"] is not None or estimate["gpu"]["vendor"] == "apple"
        assert (estimate["devices"][-1]["usable_bytes"] is not None) == known


@NAMES
def test_the_interval_holds_the_expected_need(name: str) -> None:
    """low <= expected <= high."""
    for estimate in each(ran(name).estimates):
        need = estimate["required_bytes"]
        assert 0 < need["low"] <= need["expected"] <= need["high"]


@NAMES
def test_headroom_is_the_tightest_gpu_s(name: str) -> None:
    """Negative for a deficit; the host does not count."""
    for estimate in each(ran(name).estimates):
        assert estimate["headroom_bytes"] == min(d["headroom_bytes"] for d in estimate["devices"][:-1])


@NAMES
def test_the_verdict_follows_from_the_figures(name: str) -> None:
    """For one GPU exactly as the contract says; for several, each must hold its share."""
    for estimate in each(ran(name).estimates):
        need, gpus, host = estimate["required_bytes"], estimate["devices"][:-1], estimate["devices"][-1]
        host_short = host["headroom_bytes"] is not None and host["headroom_bytes"] < 0
        if estimate["headroom_bytes"] < 0 or host_short:
            assert estimate["verdict"] == "exceeds"
        elif len(gpus) == 1:
            usable = gpus[0]["usable_bytes"]
            assert estimate["verdict"] == ("fits" if need["high"] <= usable else "tight")
        else:
            assert estimate["verdict"] in ("fits", "tight")
            if need["high"] > sum(gpu["usable_bytes"] for gpu in gpus):
                assert estimate["verdict"] == "tight"


@NAMES
def test_the_document_s_verdict_is_the_worst(name: str) -> None:
    """So that one word answers for all rows."""
    order = ["unknown", "exceeds", "tight", "fits"]
    document = ran(name).document
    assert document["verdict"] == min((e["verdict"] for e in document["estimates"]), key=order.index)


@NAMES
def test_the_exit_code_follows_the_first_row(name: str) -> None:
    """0 where it reaches the asked level, 1 where it does not."""
    first = ran(name).estimates[0]
    reached = first["verdict"] == "fits" or (first["verdict"] == "tight" and first["deployment"]["level"] == "tight")
    assert ran(name).code == (0 if reached else 1)


@NAMES
def test_same_input_same_bytes(name: str) -> None:
    """No clock, no host name, no order of a set."""
    assert ran(name) == vramfit("check", *CASES[name], "--json")


@NAMES
def test_the_deployment_asked_again_gives_the_same_estimate(name: str) -> None:
    """What the report says was used is all there was: pinned, it gives the same figures, speed and verdict.

    Remedies, limits and assumptions may differ: what was left to the engine is pinned now, and no longer theirs.
    """
    estimates = ran(name).estimates
    for before, after in each(zip(estimates, asked_again([e["deployment"] for e in estimates]), strict=True)):
        assert "error" not in after, after
        free = ("remedies", "limits", "assumptions")
        assert {k: v for k, v in before.items() if k not in free} == {k: v for k, v in after.items() if k not in free}


def remedies(name: str) -> list[tuple[Any, Any]]:
    """Each remedy of a case with the estimate it is for."""
    return [(estimate, remedy) for estimate in ran(name).estimates for remedy in estimate["remedies"]]


def promised(remedy: Any, after: Any) -> None:
    """The remedy's word and figures are those of the answer."""
    assert "error" not in after, after
    assert (remedy["verdict"], remedy["required_bytes"], remedy["headroom_bytes"]) == (
        after["verdict"],
        after["required_bytes"]["expected"],
        after["headroom_bytes"],
    ), (remedy["kind"], remedy["changes"])
    # A model that generates nothing has a speed for prompts alone.
    rate = after["throughput"] and after["throughput"]["decode_tokens_per_second"]
    assert remedy["decode_tokens_per_second"] == (rate and rate["expected"])
    order = ("reference", "near-lossless", "small", "noticeable", "unknown", "severe")
    labels = [after["quality"]["label"]]
    if after["deployment"]["task"] == "inference":
        labels.append(after["quality"]["kv_cache"]["label"])
    assert remedy["quality"] == max(labels, key=order.index), remedy["changes"]


@NAMES
def test_remedies_put_on_the_asked_keys_keep_their_promise(name: str) -> None:
    """``changes`` put on what the user asked, and checked afresh."""
    told = remedies(name)
    if not told:
        return
    asked = request(CASES[name])
    for (_, remedy), after in zip(told, asked_again([{**asked, **r["changes"]} for _, r in told]), strict=True):
        promised(remedy, after)


@NAMES
def test_remedies_put_on_the_reported_deployment_keep_their_promise(name: str) -> None:
    """``changes`` put on the report's ``deployment``, and checked afresh."""
    told = remedies(name)
    if not told:
        return
    changed = [{**estimate["deployment"], **remedy["changes"]} for estimate, remedy in told]
    for (_, remedy), after in zip(told, asked_again(changed), strict=True):
        promised(remedy, after)


@NAMES
def test_remedies_reach_the_level_and_change_something(name: str) -> None:
    """Only answers that do not fit comfortably have any, each reaches the asked level, and no two are the same."""
    for estimate in each(ran(name).estimates):
        if estimate["verdict"] == "fits":
            assert estimate["remedies"] == []
        told = [(r["kind"], json.dumps(r["changes"], sort_keys=True)) for r in estimate["remedies"]]
        assert sorted(set(told)) == sorted(told)
        for remedy in estimate["remedies"]:
            assert remedy["verdict"] == "fits" or estimate["deployment"]["level"] == "tight"
            assert any(estimate["deployment"][key] != value for key, value in remedy["changes"].items())


@NAMES
def test_limits_are_the_last_that_reach_the_level(name: str) -> None:
    """``max_context`` reaches the asked level and one token more does not; the same of ``max_parallel``.

    Of fine-tuning they are the longest sample and the most samples of a step on a GPU.
    """
    for estimate in each(ran(name).estimates):
        if estimate["limits"] is None:
            continue
        level = ("fits",) if estimate["deployment"]["level"] == "fits" else ("fits", "tight")
        inference = (
            ("context", "max_context", max(estimate["model"]["max_context"], estimate["deployment"]["context"])),
            ("parallel", "max_parallel", 256 if estimate["engine"] in ("llama.cpp", "ollama") else 4096),
        )
        training = (
            ("sequence_length", "max_sequence_length", MAX_TRAINED_TOKENS),
            ("micro_batch", "max_micro_batch", MAX_PARALLEL),
        )
        for key, limit, most in each(inference if estimate["deployment"]["task"] == "inference" else training):
            largest = estimate["limits"][limit]
            assert 0 <= largest <= most
            asked = {**request(CASES[name]), "quant": estimate["quant"]["scheme"], "engine": estimate["engine"]}
            inside, outside = asked_again([{**asked, key: max(1, largest)}, {**asked, key: largest + 1}])
            if largest:
                assert inside["verdict"] in level
            if largest < most:
                # A context that its images alone exceed is refused, with an error object in its place.
                assert outside.get("verdict") not in level
                assert "verdict" in outside or outside["error"]["code"] == "usage"


def request(arguments: tuple[str, ...]) -> dict[str, Any]:
    """The deployment keys of a case's arguments, as a file would have them."""
    from vramfit.cli.options import read

    values = read(["check", *arguments])
    assert values is not None
    return {key: value[0] if value == [*value[:1]] else value for key, value in values.items()}


def test_every_model_is_answered_or_refused_with_a_reason() -> None:
    """No entry of the catalogue ends in a fault of the program, in either engine, on small, large and Apple GPUs."""
    gpus = ("rtx3060-12gb", "h200", "m2-ultra-192gb", "2xrtx3090", "custom:4GiB")
    quants = ("fp16", "int8", "nf4", "Q4_K_M")
    for number, row in each(enumerate(open_catalogue().model_rows())):
        gpu, quant = gpus[number % len(gpus)], quants[number % len(quants)]
        told = vramfit("check", "-g", gpu, "-m", row.id, "--quant", quant, "--json")
        assert told.code in (0, 1, 3), (row.id, told)
        document = told.document
        if told.code == 3:
            assert document["error"]["code"] == "cannot-tell"
        else:
            assert {row.id} == {estimate["model"]["id"] for estimate in document["estimates"]}


def test_every_gpu_is_answered_or_refused_with_a_reason() -> None:
    """Nor does any GPU, for a small and for a large model."""
    for number, row in each(enumerate(open_catalogue().gpu_rows())):
        for model in ("llama-3.2-1b",) if number % 4 else ("llama-3.2-1b", "llama-3.1-405b"):
            told = vramfit("check", "-g", row.id, "-m", model, "--quant", "fp16", "--json")
            assert told.code in (0, 1, 3), (row.id, told)
            document = told.document
            if told.code != 3:
                (estimate,) = document["estimates"]
                assert row.id == estimate["gpu"]["id"]
                assert estimate["gpu"]["usable_bytes"] <= estimate["gpu"]["memory_bytes"]


def test_a_larger_card_of_a_series_never_turns_a_yes_into_a_no() -> None:
    """More memory and nothing else changed: the verdict only improves."""
    order = ["exceeds", "tight", "fits"]
    for model in ("llama-3.1-8b", "llava-1.6-13b", "qwen3-30b-a3b"):
        words = [
            vramfit("check", "-g", f"custom:{size}GiB@500GB/s", "-m", model, "--quant", "fp16", "--json").estimates[0][
                "verdict"
            ]
            for size in range(2, 96, 3)
        ]
        assert words == sorted(words, key=order.index)
        assert {"exceeds", "fits"} <= set(words)
