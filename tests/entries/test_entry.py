"""What ``list`` and ``show`` are told: objects in the contract's keys, with figures worked out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.each import each
from vramfit.catalogue import filters
from vramfit.catalogue.names import normalise, normalise_model
from vramfit.entries.entry import UnknownEntry, entry_object
from vramfit.entries.listing import engine_objects, gpu_objects, model_objects, quant_objects
from vramfit.errors import AmbiguousName, UnknownGpu, UnknownModel, UsageError
from vramfit.units import MIB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.catalogue import Catalogue

GPU_KEYS = ["id", "name", "vendor", "marketed_gb", "memory_bytes", "usable_bytes", "bandwidth_bytes_per_second"]
MODEL_KEYS = ["id", "name", "family", "modality", "parameters", "active_parameters", "max_context"]


def test_lists_are_whole_and_begin_with_the_contract_keys(catalogue: Catalogue) -> None:
    """In its order; each object of a list has the same keys."""
    gpus, models = gpu_objects(catalogue), model_objects(catalogue)

    assert len(gpus) >= 320
    assert len(models) >= 390
    assert {tuple(gpu)[:7] for gpu in gpus} == {tuple(GPU_KEYS)}
    assert {tuple(model)[:7] for model in models} == {tuple(MODEL_KEYS)}
    assert len({tuple(gpu) for gpu in gpus}) == len({tuple(model) for model in models}) == 1


def test_every_entry_can_be_shown(catalogue: Catalogue) -> None:
    """With the list's object as its beginning, and sources; tensors by role sum to the parameters."""
    for listed in each(gpu_objects(catalogue)):
        shown = entry_object(catalogue, listed["id"])
        assert {key: shown[key] for key in listed} == listed
        assert shown["sources"]
    for listed in each(model_objects(catalogue)):
        shown = entry_object(catalogue, listed["id"])
        assert {key: shown[key] for key in listed if key != "dtype"} == {
            k: v for k, v in listed.items() if k != "dtype"
        }
        assert shown["sources"]
        assert sum(role["parameters"] for role in shown["tensors"]) == shown["parameters"]


def test_a_card_with_ecc(catalogue: Catalogue) -> None:
    """The L4: 24 GB on the box, 23,034 MiB by nvidia-smi with ECC on, 22,692 MiB for a program on Linux."""
    shown = entry_object(catalogue, "l4")

    assert (shown["kind"], shown["marketed_gb"], shown["ecc"]) == ("gpu", 24, "inline")
    assert (shown["memory_bytes"], shown["memory_measured"]) == (23034 * MIB, True)
    assert shown["usable"]["linux"] == {"bytes": 22692 * MIB, "basis": "reading"}
    assert shown["usable"]["windows"]["basis"] == "rule"
    assert shown["usable_bytes"] == 22692 * MIB
    assert {"tpu", "public-logs", "unsloth"} <= {s["key"] for s in (*shown["sources"], *shown["references"])}


def test_a_mac_shares_its_memory(catalogue: Catalogue) -> None:
    """Metal's share is a reading for 128 GB and an assumption for 192 GB."""
    read, assumed = entry_object(catalogue, "m4 max 128gb"), entry_object(catalogue, "m2-ultra-192gb")

    assert read["usable"] == {"macos": {"bytes": 110100 * MIB, "basis": "reading"}}
    assert (read["unified"], read["usable_platform"]) == (True, "macos")
    assert assumed["usable"]["macos"]["basis"] == "rule"


def test_an_integrated_gpu_has_no_sizes(catalogue: Catalogue) -> None:
    """Unknown is null, never 0."""
    shown = entry_object(catalogue, "radeon 780m")

    assert (shown["marketed_gb"], shown["memory_bytes"], shown["usable_bytes"], shown["usable"]) == (
        None,
        None,
        None,
        {},
    )


def test_a_mixture_with_latent_attention(catalogue: Catalogue) -> None:
    """DeepSeek-V3: 671.026 B counted without prediction heads (its model card says 671 B, 37 B active); MLA keeps
    512 + 64 elements per token in each of 61 layers (arXiv 2412.19437, section 2.1.1)."""
    shown = entry_object(catalogue, "deepseek-v3")

    assert shown["parameters"] == 671_026_404_352
    assert shown["kv_cache"]["bytes_per_token"] == 61 * (512 + 64) * 2
    assert shown["kv_cache"]["bytes_at_context"]["4096"] == 4096 * 61 * 576 * 2
    assert [group["count"] for group in shown["layers"]] == [3, 58]
    assert shown["layers"][1]["feed_forward"]["type"] == "experts"
    assert shown["layers"][0]["feed_forward"]["type"] == "dense"


def test_a_model_with_windows_and_shared_caches(catalogue: Catalogue) -> None:
    """Gemma 3n E4B: of 35 layers 20 own a cache, 16 of them over 512 tokens; 2 KV heads of 256, K and V."""
    cache = entry_object(catalogue, "gemma-3n-e4b")["kv_cache"]
    layer = 2 * 2 * 256 * 2

    assert (cache["bytes_per_token"], cache["windowed_bytes_per_token"], cache["window"]) == (
        4 * layer,
        16 * layer,
        512,
    )
    assert cache["bytes_at_context"]["32768"] == 32768 * 4 * layer + 512 * 16 * layer


def test_a_vision_model(catalogue: Catalogue) -> None:
    """LLaVA 1.6 13B: 800 KiB of cache per token, CLIP and projector apart from the language model."""
    shown = entry_object(catalogue, "llava-1.6-13b")

    assert shown["kv_cache"]["bytes_per_token"] == 2 * 40 * 5120 * 2
    assert 300_000_000 < shown["vision_parameters"] < 400_000_000
    assert shown["vision"]["image_tokens"]["max"] >= shown["vision"]["image_tokens"]["usual"] > 576


def test_a_pipeline_has_networks_and_no_cache(catalogue: Catalogue) -> None:
    """Nothing is made up for what is known by its parameters alone."""
    shown = entry_object(catalogue, "flux.1-dev")

    assert (shown["layers"], shown["kv_cache"], shown["layer_count"]) == ([], None, None)
    assert sum(network["parameters"] for network in shown["components"]) == shown["parameters"]


def test_names_that_mean_nothing_or_too_much(catalogue: Catalogue) -> None:
    """Each with the hint that helps."""
    with pytest.raises(UnknownEntry) as unknown:
        entry_object(catalogue, "rtx4091")
    assert unknown.value.hint is not None
    assert "did you mean rtx4090" in unknown.value.hint
    with pytest.raises(UnknownEntry, match="zzzz"):
        entry_object(catalogue, "zzzzzzzz")
    with pytest.raises(AmbiguousName, match="rtx3060-8gb and rtx3060-12gb"):
        entry_object(catalogue, "3060")
    with pytest.raises(UnknownGpu):
        entry_object(catalogue, "llava-1.6-13b", "gpu")
    with pytest.raises(UnknownModel):
        entry_object(catalogue, "rtx4090", "model")


def test_schemes_have_their_bits_per_weight(catalogue: Catalogue) -> None:
    """Q8_0 is 8.5 bits by its block of 34 bytes for 32 weights, and 16-bit weights are 16."""
    quants = {quant["id"]: quant for quant in quant_objects(catalogue)}

    assert quants["fp16"]["bits_per_weight"] == 16
    assert quants["Q8_0"]["bits_per_weight"] == pytest.approx(8.5, abs=0.01)
    assert "llama.cpp" in quants["Q4_K_M"]["engines"]
    assert all(quant["bits_per_weight"] is not None for quant in quants.values())


def test_engines_say_whether_they_are_modelled() -> None:
    """And what they load, where they are."""
    engines = {engine["id"]: engine for engine in engine_objects()}

    assert engines["llama.cpp"]["modelled"]
    assert "f16" in engines["llama.cpp"]["cache_types"]
    assert {engine["tasks"] is None for engine in engines.values() if not engine["modelled"]} <= {True}


GPUS: list[dict[str, Any]] = [
    {"id": "a", "name": "A", "marketed_gb": 24, "price_usd": 1599, "released": "2022-10-12", "architecture": "Ada Lovelace"},
    {"id": "b", "name": "B", "marketed_gb": 8, "price_usd": None, "released": "2023", "architecture": "Ampere"},
    {"id": "c", "name": "c", "marketed_gb": None, "price_usd": 99, "released": None, "architecture": "RDNA 3"},
    {"id": "d", "name": "D", "marketed_gb": 96, "price_usd": 8565, "released": "2025-03", "architecture": "RDNA 3.5"},
]  # fmt: skip


def ids(objects: Iterable[Any]) -> str:
    return "".join(one["id"] for one in objects)


@pytest.mark.parametrize(
    ("by", "reverse", "expected"),
    [("memory", False, "badc"), ("memory", True, "dabc"), ("price", False, "cadb"), ("released", False, "abdc"),
     ("name", False, "abcd"), ("name", True, "dcba"), (None, False, "abcd"), (None, True, "dcba")],
)  # fmt: skip
def test_sorting(by: str | None, reverse: bool, expected: str) -> None:
    """Smallest first, the unknown last either way, letters without regard to case."""
    assert ids(filters.ordered("gpus", GPUS, by, reverse=reverse)) == expected


@pytest.mark.parametrize(
    ("date", "expected"),
    [("2022", "abd"), ("2023", "bd"), ("2023-06", "bd"), ("2022-10-13", "bd"), ("2025-03-10", "d"), ("2026", "")],
)
def test_released_since(date: str, expected: str) -> None:
    """A year alone counts for the whole year; an unknown date never."""
    assert ids(filters.since(GPUS, date)) == expected


@pytest.mark.parametrize(
    ("word", "expected"), [("ada", "a"), ("Ada Lovelace", "a"), ("rdna", "cd"), ("rdna 3", "c"), ("RDNA 3.5", "d")]
)
def test_words_match_whole_words_from_the_beginning(word: str, expected: str) -> None:
    """So that ``qwen3`` is not ``qwen3.5``."""
    assert ids(filters.words(GPUS, ("architecture",), [word], "family")) == expected


def test_a_word_that_fits_nothing_is_an_error() -> None:
    """With the nearest that does."""
    with pytest.raises(UsageError, match='no family is called "ampre"') as caught:
        filters.words(GPUS, ("architecture",), ["ampre"], "family")

    assert caught.value.hint == "did you mean Ampere?"


def test_memory_bounds_are_the_size_on_the_box() -> None:
    """GB and GiB both mean the figure; GPUs without memory of their own never match."""
    for text in ("24GB", "24GiB", "24 gb"):
        assert ids(filters.between(GPUS, ("marketed_gb",), filters.marketed_gb(text), None)) == "ad"
    assert ids(filters.between(GPUS, ("marketed_gb",), None, 8)) == "b"


@pytest.mark.parametrize(("text", "count"), [("7B", 7e9), ("350M", 350e6), ("1.5t", 1.5e12), (" 13b ", 13e9)])
def test_parameter_counts(text: str, count: float) -> None:
    """As people write them."""
    assert filters.parameter_count(text) == pytest.approx(count)


@pytest.mark.parametrize("text", ["7", "", "B", "7GB", "-7B", "1e9", "nanB", "7.5.1B"])
def test_parameter_counts_without_a_unit_are_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(UsageError):
        filters.parameter_count(text)


@pytest.mark.parametrize("date", ["20", "2024-6", "24-06", "yesterday", "2024-06-30-1", ""])
def test_dates_in_another_form_are_refused(date: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(UsageError):
        filters.since(GPUS, date)


def test_searching_folds_as_look_up_does(catalogue: Catalogue) -> None:
    """However it is written."""
    gpus, models = gpu_objects(catalogue), model_objects(catalogue)

    assert "rtx4090" in [gpu["id"] for gpu in filters.searched(gpus, "GeForce RTX 4090", normalise)]
    assert "llama-2-7b" in [model["id"] for model in filters.searched(models, "meta-llama/Llama-2", normalise_model)]
