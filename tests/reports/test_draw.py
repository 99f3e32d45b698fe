"""The draw reaches every engine, task, key and way to be refused, as often as its table says."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import vramfit
from tests.each import each
from tests.reports.draw import REFUSED_EVERY, STRATA, draw
from tests.reports.listed import Listed, listed
from tests.reports.refused import CHANGES
from tests.reports.values import ALWAYS, OPTIMIZERS, TUNING

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 2000
LATER = {
    "kv_bytes_per_token", "encoder_tokens", "image_tokens", "file_size", "bits_per_weight", "usable", "speculative",
    "speculative_tokens", "draft_model", "draft_kv_cache_type", "draft_kv_cache_type_v", "draft_gpu_layers",
    "draft_cpu_moe_layers", "component_offload", "text_encoder", "output_size", "frames", "vae_tiling", "beam_size",
}  # fmt: skip
"""Keys that a version to compare with may not have: it would refuse what has them."""


NEWER = ("diffusers", "comfyui", "whisper.cpp", "faster-whisper", "openai-whisper")
"""Engines that a version to compare with may not have."""


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Listed:
    """What the checkout lists."""
    return listed(sys.executable, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def drawn(lists: Listed) -> list[dict[str, Any]]:
    """The draw of the default seed."""
    return draw(lists)


def test_a_draw_is_the_same_for_its_seed(lists: Listed, drawn: list[dict[str, Any]]) -> None:
    assert drawn == draw(lists)
    assert drawn != draw(lists, seed=2)


def test_two_thousand_deployments_each_with_its_name(drawn: list[dict[str, Any]]) -> None:
    assert sum(stratum.size for stratum in STRATA) == SIZE
    assert [one["name"] for one in drawn] == [f"d{number:04}" for number in range(1, SIZE + 1)]


def test_every_engine_and_task_the_program_lists_has_its_deployments(lists: Listed) -> None:
    sizes: Counter[tuple[str, str]] = Counter()
    for stratum in STRATA:
        sizes[stratum.engine, stratum.task] += stratum.size

    pairs = {
        (row["id"], task) for row in lists.engines if row["id"] not in NEWER for task in row["tasks"] or ["inference"]
    }
    assert set(sizes) == pairs | {("", "inference")}
    assert min(sizes.values()) == 10


def test_the_deployments_are_of_the_strata(drawn: list[dict[str, Any]]) -> None:
    """One of sixteen may have lost its engine or its task to what spoils it."""
    found = Counter((one.get("engine", ""), one.get("task", "inference")) for one in drawn)
    for stratum in each(STRATA):
        assert found[stratum.engine, stratum.task] >= stratum.size - stratum.size // REFUSED_EVERY


def test_every_key_of_the_report_is_drawn(drawn: list[dict[str, Any]]) -> None:
    """The report's ``deployment`` has every key there is, but for those of fine-tuning where nothing is trained."""
    row = json.loads(vramfit("check", "-g", "rtx4090", "-m", "llama-2-7b", "--format", "ndjson").out.splitlines()[0])
    in_turn = {key for stratum in STRATA for key in stratum.keys}

    every = set(row["deployment"]) | set(TUNING)

    assert every == in_turn | set(ALWAYS) | LATER
    assert {key for one in drawn for key in one} == (every - LATER) | {"contxt"}


@pytest.mark.parametrize("stratum", STRATA, ids=lambda one: f"{one.engine or 'no engine'} {one.task}")
def test_every_key_of_a_stratum_has_its_turns(stratum: Any, drawn: list[dict[str, Any]]) -> None:
    mine = [
        one for one in drawn if (one.get("engine", ""), one.get("task", "inference")) == (stratum.engine, stratum.task)
    ]
    turns = stratum.size // len(stratum.keys)
    lost = stratum.size // REFUSED_EVERY // len(stratum.keys) + 1

    counts = {key: sum(key in one for one in mine) for key in stratum.keys}
    assert {key: count for key, count in counts.items() if count < turns - lost} == {}


def test_every_optimizer_is_drawn(drawn: list[dict[str, Any]]) -> None:
    assert set(OPTIMIZERS) <= {one.get("optimizer") for one in drawn}


def test_every_way_to_be_refused_is_drawn(drawn: list[dict[str, Any]]) -> None:
    spoiled = sum(stratum.size // REFUSED_EVERY for stratum in STRATA)
    missing = [c for c in CHANGES if not any(all(one.get(k) == v for k, v in c.items()) for one in drawn)]

    assert spoiled == 118
    assert missing == []


@pytest.mark.parametrize("limit", [200, 500])
def test_a_beginning_is_spread_over_all_strata(limit: int, drawn: list[dict[str, Any]]) -> None:
    found = Counter((one.get("engine", ""), one.get("task", "inference")) for one in drawn[:limit])
    for stratum in each(STRATA):
        share = stratum.size * limit / SIZE
        assert found[stratum.engine, stratum.task] == pytest.approx(share, abs=limit / REFUSED_EVERY / 2 + 1)


def test_all_kinds_of_gpus_are_drawn(drawn: list[dict[str, Any]], lists: Listed) -> None:
    ids = {row["id"] for row in lists.gpus}
    kinds: Counter[str] = Counter()
    for one in drawn:
        gpu = one.get("gpu", "")
        if isinstance(gpu, list):
            kinds["mixed"] += 1
        elif "custom:" in gpu:
            kinds["custom"] += 1
        else:
            kinds["id" if gpu in ids else "several" if gpu.partition("x")[0].isdigit() else "spelled"] += 1
    assert all(kinds[kind] >= 100 for kind in ("id", "spelled", "several", "mixed", "custom")), kinds


def test_a_command_line_draw_has_one_object_a_line(tmp_path: Path, drawn: list[dict[str, Any]], capsys: Any) -> None:
    from tests.reports.__main__ import main

    assert main(["draw", "--limit", "3"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == drawn[:3]
