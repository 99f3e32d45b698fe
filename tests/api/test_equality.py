"""What the functions return is what ``--json`` prints, for deployments of every engine."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

import pytest

import vramfit
from tests.command import vramfit as command
from tests.reports.draw import draw
from tests.reports.listed import listed

DRAWN = 110
"""Deployments of the beginning of the draw; those of the engine that is seldom drawn are added."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The beginning of the draw, which is spread over engines and tasks, and every deployment of TensorRT-LLM."""
    every = draw(listed(sys.executable, tmp_path_factory.mktemp("home")))
    return every[:DRAWN] + [one for one in every[DRAWN:] if one.get("engine") == "tensorrt-llm"]


def answered(keys: dict[str, Any]) -> list[Any]:
    """Objects of a report by the function, and the error's object where it raises one."""
    try:
        return [one.to_dict() for one in vramfit.check(**keys)]
    except vramfit.VramfitError as error:
        body = {"code": error.code, "message": error.message, "hint": error.hint}
        return [{"format_version": "1.0", "name": keys["name"], "error": body}]


def test_reports_equal_the_command_lines(drawn: list[dict[str, Any]]) -> None:
    """Refused deployments included; some are of every engine."""
    ran = command("check", "--file", "-", "--format", "ndjson", stdin=json.dumps({"deployments": drawn}))
    expected: dict[str, list[Any]] = {one["name"]: [] for one in drawn}
    for line in ran.out.splitlines():
        row = json.loads(line)
        expected[row["name"]].append(row)

    found = {one["name"]: json.loads(json.dumps(answered(one))) for one in drawn}

    assert {name for name in expected if expected[name] != found[name]} == set()
    engines = Counter(row["engine"] for rows in found.values() for row in rows if "engine" in row)
    assert len(engines) == 9


def test_a_report_equals_the_document() -> None:
    """The whole of ``--json``, and one estimate without its remedies."""
    keys: dict[str, Any] = {"gpu": "rtx4090", "model": "llava-1.6-13b"}
    document = command("check", "-g", "rtx4090", "-m", "llava-1.6-13b", "--json").document

    assert vramfit.check(**keys).to_dict() == document
    assert vramfit.estimate(**keys).to_dict() == {**document["estimates"][0], "remedies": []}


def test_launch_commands_are_read() -> None:
    """``command`` is what stands behind ``--`` on the command line."""
    words = ["vllm", "serve", "Qwen/Qwen2.5-7B-Instruct", "--max-model-len", "8192"]
    document = json.loads(command("check", "-g", "rtx4090", "--json", "--", *words).out)

    assert vramfit.check("rtx4090", command=words).to_dict() == document
