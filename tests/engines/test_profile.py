"""What tables of speed are keyed by, and the profile of an engine that states none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import gpu
from vramfit.engines import engine, names
from vramfit.engines.base import Engine
from vramfit.engines.profile import UNKNOWN_SPREAD, USUAL, SpeedProfile, call, card_kind, intake, pick
from vramfit.quantization import find_scheme


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"architecture": "Ampere", "memory_type": "HBM2e"}, "Ampere HBM"),
        ({"architecture": "Ampere", "memory_type": "GDDR6X"}, "Ampere"),
        ({"architecture": "Blackwell", "unified": True}, "NVIDIA unified"),
        ({"vendor": "apple", "architecture": "Apple Silicon", "compute_target": "apple8"}, "Apple 7-8"),
        ({"vendor": "apple", "architecture": "Apple Silicon", "compute_target": "apple9"}, "Apple 9"),
        ({"architecture": "Ampere", "memory_type": None}, "Ampere"),
        ({"architecture": "Hopper", "memory_type": "HBM3"}, "Hopper"),
        ({"vendor": "amd", "architecture": "RDNA 3.5", "unified": True}, "RDNA 3.5"),
        ({"vendor": "apple", "architecture": "Apple Silicon", "compute_target": "apple7"}, "Apple 7-8"),
        ({"vendor": "custom", "architecture": None}, ""),
    ],
)
def test_kinds_of_cards(changes: dict[str, Any], kind: str) -> None:
    """By what makes a difference, never by the card's name."""
    assert card_kind(gpu("rtx4090", **changes)) == kind


@pytest.mark.parametrize(
    ("scheme", "kind"),
    [
        ("Q4_K_M", "K"),
        ("Q6_K", "K"),
        ("IQ4_XS", "K"),
        ("Q2_K", "low"),
        ("Q3_K_M", "low"),
        ("IQ2_XXS", "low"),
        ("IQ3_M", "low"),
        ("TQ1_0", "low"),
        ("Q8_0", ""),
        ("Q4_0", ""),
        ("F16", ""),
        ("fp16", ""),
        ("fp8", ""),
        ("nf4", ""),
        ("awq", "grouped"),
        ("gptq", "grouped"),
        ("w4a16-g32", "grouped"),
        ("torchao-int8", "grouped"),
        ("hqq-4bit", "grouped"),
    ],
)
def test_how_weights_are_taken_in(scheme: str, kind: str) -> None:
    """K and I quants are unpacked at some cost, those below 4 bits at more; grouped ones by a kernel of their own."""
    assert intake(find_scheme(scheme)) == kind


@pytest.mark.parametrize(
    ("scheme", "kind"),
    [("int8", "int8"), ("nf4", "bitsandbytes"), ("fp16", "plain"), ("fp8", "fp8"), ("awq", "awq"), ("gptq", "gptq")],
)
def test_how_matrices_are_called(scheme: str, kind: str) -> None:
    """LLM.int8 and NF4 are of one family, and called in two ways."""
    assert call(find_scheme(scheme)) == kind


def test_the_entry_without_a_name_stands_for_all_others() -> None:
    """Zero is an entry like others."""
    table = {"": 1.5, "Ampere": 0.0}
    assert (pick(table, "Ampere"), pick(table, "Turing"), pick(table, "")) == (0.0, 1.5, 1.5)


@pytest.mark.parametrize("name", names())
def test_tables_have_an_entry_for_all_others(name: str) -> None:
    """Whatever card or scheme comes, there is a number; and an engine has one profile, not one for each question."""
    profile = engine(name).speed()
    assert profile is engine(name).speed()
    tables: tuple[Any, ...] = (
        profile.bus_share, profile.bytes_per_clock, profile.layer_microseconds, profile.expert_microseconds,
        profile.matrix_share, profile.gain_16_bit, profile.attention_share, *profile.operations_per_weight.values(),
    )  # fmt: skip
    assert ["" in table for table in tables] == [True] * len(tables)
    assert profile.latency_by in ("card", "scheme")
    assert profile.matrix_rate in ("fp16", "fp32")


@pytest.mark.parametrize(
    ("name", "phase", "spread"),
    [
        ("llama.cpp", "decode", (0.72, 1.23)),
        ("llama.cpp", "prefill", (0.63, 1.38)),
        ("ollama", "decode", (0.72, 1.23)),
        ("mlx", "decode", (0.75, 1.3)),
        ("mlx", "prefill", (0.65, 1.4)),
        ("exllamav2", "decode", (0.6, 1.4)),
        ("exllamav3", "decode", (0.6, 1.4)),
        ("vllm", "decode", (0.6, 1.7)),
        ("sglang", "decode", (0.6, 1.7)),
        ("transformers", "decode", (0.5, 2.0)),
    ],
)
def test_spreads(name: str, phase: str, spread: tuple[float, float]) -> None:
    """Narrow for the engine of most rows, wide for those measured on a card or two."""
    assert engine(name).speed().spread[phase] == spread


def test_no_prompt_was_measured_in_the_others() -> None:
    """Their prompts have the widest interval."""
    unmeasured = [name for name in names() if "prefill" not in engine(name).speed().spread]
    assert unmeasured == ["transformers", "vllm", "sglang", "exllamav2", "exllamav3", "tensorrt-llm"]


def test_an_engine_that_states_nothing_has_wide_intervals() -> None:
    """And the usual constants, one record for all such engines."""
    silent: Engine[None, None] = Engine()
    assert silent.speed() is USUAL
    assert USUAL == SpeedProfile()
    assert USUAL.spread == UNKNOWN_SPREAD == {"decode": (0.5, 1.6), "prefill": (0.4, 1.8)}
    assert (USUAL.bus_share, USUAL.layer_microseconds, USUAL.latency_by) == ({"": 0.85}, {"": 70.0}, "card")
    assert (USUAL.matrix_rate, USUAL.matrix_share, USUAL.gain_16_bit) == ("fp16", {"": 0.4}, {"": 1.25})
    assert (USUAL.unfused, USUAL.chunk_tokens, USUAL.measured) == (None, None, {})
