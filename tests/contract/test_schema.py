"""The schema that holds every report: it must refuse what the contract refuses."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from jsonschema import ValidationError

from tests.command import checked, report, validator, vramfit


@pytest.fixture(scope="module")
def document() -> Any:
    """The report of the README's example."""
    return report("--gpu", "rtx4090", "--model", "llava-1.6-13b").document


def test_a_report_and_an_error_are_valid(document: Any) -> None:
    """The two documents of ``--json``."""
    checked(document)
    checked({"format_version": "1.0", "error": {"code": "usage", "message": "no", "hint": None}})


def test_additions_are_allowed(document: Any) -> None:
    """Keys are only ever added: a reader of 1.0 ignores what it does not know."""
    more = copy.deepcopy(document)
    more["catalogue_version"] = "2026-11"
    more["estimates"][0]["devices"][0]["numa_node"] = 0
    checked(more)


PATHS = [
    ("format_version",),
    ("estimates",),
    ("verdict",),
    ("estimates", 0, "required_bytes", "high"),
    ("estimates", 0, "breakdown", "overhead"),
    ("estimates", 0, "devices", 0, "total_bytes"),
    ("estimates", 0, "gpu", "usable_bytes"),
    ("estimates", 0, "model", "active_parameters"),
    ("estimates", 0, "quant", "checkpoint_bytes"),
    ("estimates", 0, "deployment", "ubatch"),
    ("estimates", 0, "remedies", 0, "changes"),
    ("estimates", 0, "quality", "evidence"),
    ("estimates", 0, "assumptions"),
]


def parent(document: Any, path: tuple[str | int, ...]) -> Any:
    """The mapping or list that holds the last step of ``path``."""
    for step in path[:-1]:
        document = document[step]
    return document


@pytest.mark.parametrize("path", PATHS)
def test_a_missing_key_is_refused(document: Any, path: tuple[str | int, ...]) -> None:
    """Every key of the contract is there, always."""
    less = copy.deepcopy(document)
    del parent(less, path)[path[-1]]
    with pytest.raises(ValidationError):
        checked(less)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("estimates", 0, "required_bytes", "high"), 1.0),
        (("estimates", 0, "required_bytes", "high"), None),
        (("estimates", 0, "required_bytes", "high"), "1 GiB"),
        (("estimates", 0, "headroom_bytes"), True),
        (("estimates", 0, "verdict"), "maybe"),
        (("estimates", 0, "gpu", "bandwidth_bytes_per_second"), 0),
        (("estimates", 0, "deployment", "flash_attention"), True),
        (("estimates", 0, "deployment", "reserve"), 0),
        (("estimates", 0, "remedies", 0, "kind"), "buy-less"),
        (("estimates", 0, "remedies", 0, "verdict"), "exceeds"),
        (("estimates", 0, "devices", 1, "device"), "cpu"),
        (("estimates",), []),
        (("verdict",), None),
        (("format_version",), 1.0),
    ],
)
def test_a_wrong_value_is_refused(document: Any, path: tuple[str | int, ...], value: object) -> None:
    """Bytes are integers, words are the documented ones, and unknown is null where null is allowed."""
    wrong = copy.deepcopy(document)
    parent(wrong, path)[path[-1]] = value
    with pytest.raises(ValidationError):
        checked(wrong)


def test_an_error_in_its_place_is_an_entry() -> None:
    """A deployment of a file that cannot be answered."""
    ran = vramfit("check", "--file", "-", "--json", stdin="deployments: [{gpu: rtx4900, model: llama-2-7b, name: a}]")
    (entry,) = ran.document["estimates"]
    validator("error").validate(entry)
    assert "a" == entry["name"]
