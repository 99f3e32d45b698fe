"""Where answers differ, and what a listed fault allows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.reports.differences import EXPECTED, Difference, Expected, differences, expected_differences

if TYPE_CHECKING:
    from pathlib import Path


def row(**changes: Any) -> dict[str, Any]:
    """A small estimate."""
    return {
        "verdict": "fits",
        "quant": {"scheme": "fp16"},
        "remedies": [{"kind": "quantize", "command": "a"}, {"kind": "multi-gpu", "command": "b"}],
        **changes,
    }


ESTIMATE, ERROR, CRASH = row(), {"error": {"code": "usage"}}, {"crash": "KeyError: 'x'"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([ESTIMATE], [ESTIMATE], []),
        ([ERROR], [ERROR], []),
        ([ESTIMATE], [row(verdict="tight")], [Difference("verdict", "fits", "tight")]),
        ([row(quant={"scheme": "a"})], [row(quant={"scheme": "b"})], [Difference("quant.scheme", "a", "b")]),
        (
            [ESTIMATE],
            [row(remedies=[ESTIMATE["remedies"][0], {"kind": "multi-gpu", "command": "c"}])],
            [Difference("remedies[].command", "b", "c")],
        ),
        ([ESTIMATE], [row(remedies=[])], [Difference("remedies", ESTIMATE["remedies"], [])]),
        ([ESTIMATE], [row(more=1)], [Difference("more", "(absent)", 1)]),
        ([row(more=1)], [ESTIMATE], [Difference("more", 1, "(absent)")]),
        ([row(more=1)], [row(more=1.0)], [Difference("more", 1, 1.0)]),
        ([row(more=1)], [row(more=True)], [Difference("more", 1, True)]),
        (
            [CRASH],
            [ESTIMATE],
            [Difference("(kind)", ["crash: KeyError: 'x'"], ["fp16 fits"])],
        ),
        ([ERROR], [ESTIMATE], [Difference("(kind)", ["error: {'code': 'usage'}"], ["fp16 fits"])]),
        ([ESTIMATE], [ESTIMATE, ESTIMATE], [Difference("(rows)", ["fp16 fits"], ["fp16 fits", "fp16 fits"])]),
        ([ESTIMATE, ESTIMATE], [ESTIMATE, row(verdict="tight")], [Difference("verdict", "fits", "tight")]),
    ],
)
def test_places_that_differ(
    before: list[dict[str, Any]], after: list[dict[str, Any]], expected: list[Difference]
) -> None:
    assert differences([json.dumps(one) for one in before], [json.dumps(one) for one in after]) == expected


def test_the_same_values_written_otherwise_differ_as_text() -> None:
    assert differences(['{"a":1}'], ['{"a": 1}']) == [Difference("(text)", ['{"a":1}'], ['{"a": 1}'])]


@pytest.mark.parametrize(
    ("deployments", "paths", "path", "allowed"),
    [
        ({}, ["verdict"], "verdict", True),
        ({}, ["verdict"], "verdicts", False),
        ({}, ["remedies*"], "remedies[].command", True),
        ({}, ["remedies[].*"], "remedies[].command", True),
        ({}, ["remedies[].*"], "remedies", False),
        ({}, ["a", "(kind)"], "(kind)", True),
        ({"optimizer": ["paged_*"]}, ["*"], "verdict", True),
        ({"optimizer": ["sgd"]}, ["*"], "verdict", False),
        ({"optimizer": ["sgd", "paged_adamw"]}, ["*"], "verdict", True),
        ({"optimizer": ["paged_*"], "task": ["full"]}, ["*"], "verdict", False),
        ({"gpu": ["b300"]}, ["*"], "verdict", True),
        ({"context": ["4096"]}, ["*"], "verdict", True),
        ({"unified_kv": ["true"]}, ["*"], "verdict", True),
        ({"images": ["null"]}, ["*"], "verdict", True),
        ({"images": ["?"]}, ["*"], "verdict", False),
    ],
)
def test_what_a_listed_fault_allows(
    deployments: dict[str, list[str]], paths: list[str], path: str, allowed: bool
) -> None:
    keys = {"gpu": ["t4", "b300"], "optimizer": "paged_adamw", "task": "lora", "context": 4096, "unified_kv": True}
    assert Expected("a reason", deployments, paths).allows(keys, path) is allowed


def test_listed_faults_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "expected.yaml"
    file.write_text("- reason: why\n  deployments: {task: [lora]}\n  paths: [verdict]\n")

    assert expected_differences(file) == [Expected("why", {"task": ["lora"]}, ["verdict"])]


def test_the_listed_faults_of_the_repository_can_be_read() -> None:
    assert [entry for entry in expected_differences(EXPECTED) if not (entry.reason and entry.paths)] == []
