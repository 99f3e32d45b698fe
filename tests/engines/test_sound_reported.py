"""Speech, documents and embeddings that people reported: what ran must not exceed, what died must not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from vramfit.engines import estimate
from vramfit.engines.commands import with_command
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue
from vramfit.units import MIB
from vramfit.verdict import RUNS, judge

ROWS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("sound_reported.yaml").read_text("utf-8"))
MEASURED = [row for row in ROWS if "memory_mib" in row]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No repository is looked up."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def named(row: dict[str, Any]) -> str:
    """Name of a row in test reports."""
    return f"{row['source']}, {row['deployment'].get('model')}"


def asked(row: dict[str, Any]) -> Any:
    """Deployment of a row."""
    raw = dict(row["deployment"])
    if "command" in raw:
        raw, _ = with_command(raw)
    return resolve(parse_request(raw), open_catalogue())[0]


def test_rows_are_many_enough_to_judge_by() -> None:
    assert len(ROWS) >= 70
    assert len(MEASURED) >= 20
    assert {row["outcome"] for row in ROWS} == {"ran", "died"}
    assert len([row for row in ROWS if "known" in row]) <= 6


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_outcomes(row: dict[str, Any]) -> None:
    """What ``known`` says why it is answered otherwise is listed, and fails here once it is answered rightly."""
    found = asked(row)
    runs = judge(found, estimate(found)).word in RUNS

    assert runs == ((row["outcome"] == "ran") != ("known" in row))


@pytest.mark.parametrize("row", MEASURED, ids=named)
def test_measured_memory(row: dict[str, Any]) -> None:
    """The interval holds it."""
    gpus = estimate(asked(row)).gpus

    assert sum(gpu.low_bytes for gpu in gpus) <= row["memory_mib"] * MIB <= sum(gpu.high_bytes for gpu in gpus)
