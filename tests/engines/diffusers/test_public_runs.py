"""Public runs of pipelines that make images: the verdict of each, and its total within the bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import report

OUTCOME = ("gib", "ran", "unexplained")
FILES = ("public_runs.yaml", "public_runs_2.yaml", "public_runs_3.yaml")
RUNS = [
    run
    for name in FILES
    for group in yaml.safe_load(Path(__file__).with_name(name).read_text("utf-8"))
    for run in group["runs"]
]


def named(run: dict[str, Any]) -> str:
    """Words of a run, for the list of tests."""
    return " ".join(str(value) for key, value in run.items() if key not in OUTCOME)


@pytest.mark.parametrize("run", RUNS, ids=named)
def test_a_public_run_is_answered_as_it_went(run: dict[str, Any]) -> None:
    request = {"engine": "diffusers", **{key: value for key, value in run.items() if key not in OUTCOME}}
    (row,) = report(
        *[text for key, value in request.items() for text in (f"--{key.replace('_', '-')}", str(value))]
    ).estimates

    assert (row["verdict"] in ("fits", "tight")) is run.get("ran", True)
    if "gib" in run:
        inside = row["required_bytes"]["low"] <= run["gib"] * 2**30 <= row["required_bytes"]["high"]
        assert inside is ("unexplained" not in run)
