"""Recommendations: that each holds what it says, and that their order follows its rule."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalogued import catalogue, some_gpu_id, some_model_id
from vramfit.answer import Answer, answer
from vramfit.catalogue import parse_gpu
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.errors import CannotTell, UsageError
from vramfit.recommend import recommend
from vramfit.recommend.attempts import Attempts
from vramfit.recommend.choices import OFFERED, Choice, Criteria, best_choice, engines
from vramfit.recommend.models import USES

if TYPE_CHECKING:
    from collections.abc import Mapping


TRIED = ("llama.cpp", "transformers", "vllm", "sglang")
"""Engines that are tried on an NVIDIA card, of equal choices the first one's."""


def criteria_of(least_speed: float = 0.0, speed_asked: bool = False, **keys: Any) -> Criteria:
    """Criteria for generation at level ``fits``."""
    return Criteria({"level": "fits", **keys}, least_speed, speed_asked, False, Attempts())


def asked_again(entry: Mapping[str, Any]) -> Answer:
    """The recommendation's deployment keys, read as from a file and checked afresh."""
    keys = {name: value for name, value in entry["deployment"].items() if value is not None}
    (found,) = map(answer, resolve(parse_request(keys), catalogue()))
    return found


def holds(report: Mapping[str, Any]) -> None:
    """Every recommendation, checked as a fresh deployment, has what it promised, and what was wished for."""
    for entry in report["recommendations"]:
        found = asked_again(entry)
        assert found.verdict.word == entry["verdict"]
        assert found.required_bytes == entry["required_bytes"]["expected"]
        assert found.verdict.headroom_bytes == entry["headroom_bytes"]
        assert found.reached
        assert found.quality[0] == entry["quality"]["label"]
        assert (entry["tokens_per_second"] or float("inf")) >= report["min_speed"]
        assert entry["command"]


@settings(max_examples=25)
@given(
    some_gpu_id,
    st.sampled_from((1, 1, 2, 4)),
    st.sampled_from(sorted(USES)),
    st.sampled_from((None, 2048, 16384, 100_000)),
    st.sampled_from((None, 0.0, 30.0)),
)
def test_models_for_a_gpu_hold_what_they_promise(
    gpu: str, count: int, use: str, context: int | None, speed: float | None
) -> None:
    """Any GPU, use, context and speed."""
    wished = {"context": context, "min_speed": speed}
    request = {name: value for name, value in wished.items() if value is not None}
    try:
        report = recommend({"gpu": (f"{count}x{gpu}",), "use": use, "limit": 4, **request}, catalogue())
    except UsageError as error:
        assert "does not run on" in error.message or "is a machine by itself" in error.message
        assert gpu.startswith("tpu") or count > 1
        return
    holds(report)
    entries = report["recommendations"]
    assert len(entries) <= 4
    assert [entry["rank"] for entry in entries] == list(range(1, len(entries) + 1))
    assert all(entry["model"]["modality"] in USES[use] for entry in entries)
    assert len({entry["model"]["id"] for entry in entries}) == len(entries)
    if context is not None:
        assert all(context == entry["deployment"]["context"] <= entry["model"]["max_context"] for entry in entries)


@settings(max_examples=15)
@given(some_model_id, st.sampled_from((None, "int4", "Q4_K_M", "fp16")), st.sampled_from((None, 8192)))
def test_gpus_for_a_model_hold_what_they_promise(model: str, quant: str | None, context: int | None) -> None:
    """Any model: of each offer the price is whole and rises; a dearer one is faster or loses less."""
    request = {name: value for name, value in {"quant": quant, "context": context}.items() if value is not None}
    try:
        report = recommend({"model": model, **request}, catalogue())
    except CannotTell:
        return
    except UsageError as error:
        assert "tokens, and a context of" in error.message
        assert catalogue().model(model).context < (context or 0)
        return
    holds(report)
    owned = [entry for entry in report["recommendations"] if entry["cost"]["price_usd"] is not None]
    rented = [entry for entry in report["recommendations"] if entry["cost"]["usd_per_hour"] is not None]
    assert report["recommendations"] == [*owned, *rented]
    for entries, price in ((owned, "price_usd"), (rented, "usd_per_hour")):
        prices = [entry["cost"][price] for entry in entries]
        assert prices == sorted(prices)
        for place, dearer in enumerate(entries):
            for cheaper in entries[:place]:
                faster = (dearer["tokens_per_second"] or 0) > (cheaper["tokens_per_second"] or 0)
                assert faster or better(dearer) < better(cheaper)
    assert all(entry["cost"]["as_of"] and entry["cost"]["provider"] for entry in rented)
    if quant:
        assert all(quant in (entry["quant"]["scheme"], entry["quant"]["class"]) for entry in report["recommendations"])


def better(entry: Mapping[str, Any]) -> int:
    """How much a label loses; released and near-lossless are as good."""
    order = [*OFFERED, "severe", "unknown"]
    return max(1, order.index(entry["quality"]["label"]))


def test_cards_come_in_the_fewest_that_hold_the_model() -> None:
    """Two 24 GB cards hold a 70B in four bits, one does not; the price is of both."""
    report = recommend({"model": "llama-3.3-70b", "quant": "Q4_K_M", "limit": 50}, catalogue())
    cards = {entry["deployment"]["gpu"]: entry["cost"]["price_usd"] for entry in report["recommendations"]}
    assert 2 * 999 == cards["2xrx7900xtx"]
    assert "rx7900xtx" not in cards
    assert "4xrx7900xtx" not in cards


def test_instances_are_offered_as_they_are_rented() -> None:
    """A rent is of so many GPUs, with its date."""
    report = recommend({"model": "llama-3.3-70b", "limit": 50}, catalogue())
    offers = {(offer.gpu, offer.gpus, offer.usd_per_hour, offer.as_of) for offer in catalogue().cloud_offers(0)}
    rented = [entry for entry in report["recommendations"] if entry["cost"]["usd_per_hour"]]
    assert rented
    for entry in rented:
        count, name = parse_gpu(entry["deployment"]["gpu"])
        assert (name, count, entry["cost"]["usd_per_hour"], entry["cost"]["as_of"]) in offers


def test_models_are_ranked_by_equivalents_behind_their_loss() -> None:
    """What loses little quality first, and within it the larger equivalent first."""
    report = recommend({"gpu": ("rtx3060-12gb",), "limit": 300, "min_speed": 0.0}, catalogue())
    ranks = [
        (entry["quality"]["label"] in ("noticeable", "severe", "unknown"), -entry["equivalent_parameters_billion"])
        for entry in report["recommendations"]
    ]
    assert len(ranks) > 100
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("gpu", "floor", "taken"), [("rtx4090", 0.0, "Q8_0"), ("rtx3060-12gb", 0.0, "Q8_0"), ("rtx3060-12gb", 45.0, None)]
)
def test_the_best_measured_scheme_that_does_is_taken(gpu: str, floor: float, taken: str | None) -> None:
    """Of a model and engine: each better one misses the level or the speed. 16 bits are not among them."""
    criteria = criteria_of(floor, True, engine="llama.cpp")
    choice = best_choice(catalogue().model("qwen3-8b"), catalogue().gpus(gpu), criteria)
    assert choice is not None
    found = choice.answer.deployment.scheme.id
    assert taken in (None, found)
    for scheme in ("Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M"):
        if scheme == found:
            break
        request = {"gpu": (gpu,), "model": "qwen3-8b", "engine": "llama.cpp", "quant": scheme, "level": "fits"}
        (other,) = map(answer, resolve(request, catalogue()))
        assert not other.reached or (other.rate is not None and other.rate.expected < floor)


def test_the_faster_engine_of_equal_quality_is_taken() -> None:
    """Against each engine by itself."""
    model, gpus = catalogue().model("qwen3-8b"), catalogue().gpus("h100-sxm")
    criteria = criteria_of()
    best = best_choice(model, gpus, criteria)
    assert best is not None
    for name in TRIED:
        alone = best_choice(model, gpus, criteria_of(engine=name))
        assert alone is None or best.order <= alone.order


def test_engines_are_tried_where_their_schemes_run() -> None:
    """CUDA's from Turing on and on Linux; the asked one anywhere."""
    criteria = criteria_of()
    assert ("llama.cpp",) == engines(catalogue().gpus("gtx1080"), criteria)
    assert ("llama.cpp",) == engines(catalogue().gpus("mi300x"), criteria)
    assert ("llama.cpp", "mlx") == engines(catalogue().gpus("m4-max-64gb"), criteria)
    assert TRIED == engines(catalogue().gpus("rtx4090"), criteria)
    assert "vllm" not in engines(catalogue().gpus("rtx4090"), criteria_of(platform="windows"))
    assert ("vllm",) == engines(catalogue().gpus("mi300x"), criteria_of(engine="vllm"))


def test_a_release_in_fewer_bits_is_recommended_as_released() -> None:
    """gpt-oss in MXFP4: more bits would gain nothing."""
    report = recommend({"gpu": ("rtx4090",), "limit": 300}, catalogue())
    (entry,) = [one for one in report["recommendations"] if one["model"]["id"] == "gpt-oss-20b"]
    assert "reference" == entry["quality"]["label"]
    assert entry["quant"]["scheme"].startswith("MXFP4")


def test_an_asked_speed_must_be_known() -> None:
    """A card of unknown bandwidth does for no floor that was asked for, and for the usual one."""
    criteria = {"gpu": ("custom:24GiB",), "limit": 3}
    assert 3 == len(recommend(criteria, catalogue())["recommendations"])
    assert [] == recommend({**criteria, "min_speed": 1.0}, catalogue())["recommendations"]


def test_embeddings_are_judged_by_how_fast_they_read() -> None:
    """They generate nothing: the speed is the prompt's."""
    report = recommend({"gpu": ("rtx4090",), "use": "embedding", "limit": 3}, catalogue())
    assert 0 == report["min_speed"]
    for entry in report["recommendations"]:
        assert entry["tokens_per_second"] == entry["throughput"]["prefill_tokens_per_second"]["expected"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "--gpu or --model"),
        ({"gpu": ("rtx4090",), "model": "phi-4"}, "not both"),
        ({"model": "phi-4", "use": "chat"}, "--use goes with --gpu"),
        ({"gpu": ("rtx4090",), "task": "qlora", "min_speed": 5.0}, "how fast fine-tuning is"),
        ({"gpu": ("rtx4090",), "speculative": "mtp"}, "leaves speculative decoding out"),
    ],
)
def test_requests_that_mean_nothing(request_: dict[str, Any], message: str) -> None:
    """Are errors with a hint."""
    with pytest.raises(UsageError, match=message) as caught:
        recommend(request_, catalogue())
    assert caught.value.hint


def test_what_can_be_tuned_on_a_card() -> None:
    """Largest models first, each an answer that a check gives too."""
    report = recommend({"gpu": ("rtx3060-12gb",), "task": "qlora", "trainer": "unsloth", "limit": 3}, catalogue())
    found = report["recommendations"]
    assert found
    for entry in found:
        assert (entry["verdict"], entry["engine"]) == ("fits", "transformers")
        assert entry["deployment"]["task"] == "qlora"
        assert "FastLanguageModel" in entry["command"] or "FastVisionModel" in entry["command"]
        assert entry["limits"]["max_sequence_length"] >= 2048


def test_a_pipeline_has_no_recommendation() -> None:
    """Its activations are not modelled."""
    with pytest.raises(CannotTell):
        recommend({"model": "sdxl-base"}, catalogue())


def test_choices_are_ordered_by_label_then_speed() -> None:
    """As released and near-lossless are equal; what was never measured comes last."""

    def choice(label: str, speed: float) -> tuple[int, float]:
        found: Any = SimpleNamespace(quality=(label, ""))
        return Choice(found, speed).order

    assert choice("near-lossless", 20) < choice("reference", 10) < choice("small", 90) < choice("noticeable", 99)
    assert choice("severe", 1) < choice("unknown", 99)


def offers(**keys: Any) -> list[Any]:
    """Recommendations of GPUs for a model, as keys of the request ask for them."""
    found: list[Any] = recommend({"limit": 4, **keys}, catalogue())["recommendations"]
    return found


def test_what_a_buyer_may_spend() -> None:
    """Nothing dearer than the budget, which is for all cards together, and nothing to rent."""
    found = offers(model="qwen3-32b", budget=1200.0)
    assert found
    assert max(entry["cost"]["price_usd"] for entry in found) <= 1200
    assert {None} == {entry["cost"]["usd_per_hour"] for entry in found}
    cards = offers(model="qwen3-32b", max_price=500.0)
    assert cards
    assert max(entry["cost"]["price_usd"] / entry["gpu"]["count"] for entry in cards) <= 500


def test_what_a_buyer_wants() -> None:
    """Vendors, a number of cards, and prices of the day."""
    from vramfit.recommend.gpus import Price

    amd = offers(model="qwen3-8b", vendor=("amd",))
    assert amd
    assert {"amd"} == {catalogue().gpu(entry["gpu"]["id"]).vendor for entry in amd}
    assert {1} == {entry["gpu"]["count"] for entry in offers(model="qwen3-32b", max_cards=1)}
    used = offers(model="qwen3-8b", prices={"rtx3090": Price(1.0, "2026-11")})
    assert ("rtx3090", 1, "2026-11") == (used[0]["gpu"]["id"], used[0]["cost"]["price_usd"], used[0]["cost"]["as_of"])


def test_a_mac_with_a_price() -> None:
    from vramfit.recommend.gpus import Price

    prices = {"m4-max-64gb": Price(3000.0)}
    found = offers(model="qwen3-8b", vendor=("apple",), prices=prices, max_price=4000.0)
    assert ["m4-max-64gb"] == [entry["gpu"]["id"] for entry in found]


def test_macs_without_a_price() -> None:
    """Where a vendor is asked for and no limit: behind those with a price, the least memory first, each faster."""
    found = offers(model="qwen3-32b", vendor=("apple",), limit=10)
    assert len(found) > 2
    assert {None} == {entry["cost"]["price_usd"] for entry in found} | {
        entry["cost"]["usd_per_hour"] for entry in found
    }
    memory = [entry["gpu"]["memory_bytes"] for entry in found]
    assert sorted(memory) == memory
    assert [] == offers(model="qwen3-32b", vendor=("apple",), budget=5000.0)
    priced = [entry["cost"]["price_usd"] is None for entry in offers(model="qwen3-32b", vendor=("amd",), limit=20)]
    assert sorted(priced) == priced


def test_experts_go_to_ram_where_it_is_known() -> None:
    """A mixture that exceeds the card is run with its experts in RAM; the deployment says so, and holds."""
    found = recommend({"gpu": ("rtx3060-12gb",), "ram": 64 * 2**30, "limit": 3}, catalogue())
    holds(found)
    assert any(entry["deployment"]["cpu_moe_layers"] for entry in found["recommendations"])
    without = recommend({"gpu": ("rtx3060-12gb",), "limit": 3}, catalogue())
    assert not any(entry["deployment"]["cpu_moe_layers"] for entry in without["recommendations"])


def test_the_floor_of_quality() -> None:
    """Severe losses are let in only where they are asked for."""
    usual = recommend({"gpu": ("rtx3090",), "limit": 10}, catalogue())
    assert "noticeable" == usual["min_quality"]
    assert "severe" not in {entry["quality"]["label"] for entry in usual["recommendations"]}
    near = recommend({"gpu": ("rtx3090",), "limit": 10, "min_quality": "near-lossless"}, catalogue())
    assert {"near-lossless", "reference"} >= {entry["quality"]["label"] for entry in near["recommendations"]}


def test_wishes_for_a_card_that_is_given() -> None:
    with pytest.raises(UsageError, match="go with --model"):
        recommend({"gpu": ("rtx3090",), "budget": 100.0}, catalogue())
