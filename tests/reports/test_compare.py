"""The command on a handful of deployments: a version against itself, against one that answers otherwise, and crashes."""

from __future__ import annotations

import json
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.reports.__main__ import main
from tests.reports.run import CHUNK, answers

if TYPE_CHECKING:
    from pathlib import Path

DEPLOYMENTS: list[dict[str, Any]] = [
    {"name": "three", "gpu": "rtx4090", "model": "llama-3.1-8b"},
    {"name": "short", "gpu": "t4", "model": "llama-3.1-8b", "quant": "fp16"},
    {"name": "refused", "gpu": "rtx4090", "model": "llama-99b"},
    {"name": "trained", "gpu": "t4", "model": "llama-2-7b", "task": "qlora"},
]

FAKE = """#!{python}
import json, sys
for one in json.load(sys.stdin)["deployments"]:
    print(json.dumps({{"name": one["name"], "row": 1}}))
    if one.get("crash") != "between":
        print(json.dumps({{"name": one["name"], "row": 2}}))
    if "crash" in one:
        print('{{"name": "cut o', end="")
        print("error: internal error: KeyError: 1", file=sys.stderr)
        sys.exit(70)
"""
"""An interpreter whose vramfit gives two rows a deployment, and crashes when it is asked to."""


def executable(path: Path, text: str) -> Path:
    """A program at ``path``."""
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """The deployments in a file as ``draw`` writes it."""
    file = tmp_path / "deployments.ndjson"
    file.write_text("".join(json.dumps(one) + "\n" for one in DEPLOYMENTS))
    return file


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """An interpreter whose vramfit calls exceeding deployments tight."""
    text = f'#!/bin/sh\n\'{sys.executable}\' "$@" | sed \'s/"verdict":"exceeds"/"verdict":"tight"/\'\n'
    return executable(tmp_path / "changed", text)


def test_a_version_is_equal_to_itself(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "differences"
    given = ["compare", sys.executable, sys.executable, "--deployments", str(drawn), "--differences", str(out)]

    assert main([*given, "--expected", "/dev/null"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "4 deployments, 6 answers before"
    assert lines[2] == "  errors: unknown-model 1"
    assert lines[-1] == "equal 4, changed as listed 0, not listed 0"
    assert out.read_text() == ""


def test_a_changed_answer_is_found(
    drawn: Path, changed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "differences"
    given = ["compare", sys.executable, str(changed), "--deployments", str(drawn), "--differences", str(out)]

    assert main([*given, "--expected", "/dev/null"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == [
        "equal 3, changed as listed 0, not listed 1",
        "  not listed: 1 at verdict (short)",
        f"every difference is in {out}",
    ]
    assert out.read_text().splitlines() == [
        json.dumps(DEPLOYMENTS[1]), '  verdict: "exceeds" -> "tight"', "    NOT LISTED",
    ]  # fmt: skip


def test_a_changed_answer_that_is_listed_is_no_failure(
    drawn: Path, changed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "expected.yaml"
    listed.write_text(
        "- {reason: it is tight, deployments: {gpu: [t4]}, paths: [verdict]}\n"
        "- {reason: another, deployments: {}, paths: [speed]}\n"
    )
    given = ["compare", sys.executable, str(changed), "--deployments", str(drawn), "--expected", str(listed)]

    assert main([*given, "--differences", str(tmp_path / "differences")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4:-1] == [
        "equal 3, changed as listed 1, not listed 0",
        "  listed: 1 at verdict (short)",
        "  listed but not seen: another",
    ]


@pytest.mark.parametrize("crash", ["between", "after"])
@pytest.mark.parametrize("place", [0, 1, CHUNK - 2, CHUNK - 1, CHUNK])
def test_a_crash_is_the_answer_of_its_deployment_alone(crash: str, place: int, tmp_path: Path) -> None:
    """Wherever it stands in a chunk, and whether its last row was printed or not."""
    python = executable(tmp_path / "fake", FAKE.format(python=sys.executable))
    deployments = [
        {"name": f"n{number}"} | ({"crash": crash} if number == place else {}) for number in range(CHUNK + 2)
    ]

    (found,) = answers([str(python)], deployments, [tmp_path], jobs=2)

    assert [number for number in range(CHUNK + 2) if len(found[f"n{number}"]) != 2 or number == place] == [place]
    last = json.loads(found[f"n{place}"][-1])
    assert last == {"crash": "error: internal error: KeyError: 1", "exit_code": 70}
