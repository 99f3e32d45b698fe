from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit.catalogue import names
from vramfit.catalogue.names import normalise, normalise_model, parse_gpu
from vramfit.curation import spellings
from vramfit.errors import UsageError


@pytest.mark.parametrize("module", [names, spellings])
def test_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing(name: str) -> None:
    assert normalise(normalise(name)) == normalise(name)


@given(st.text(max_size=60))
def test_folding_a_model_name_twice_changes_nothing(name: str) -> None:
    assert normalise_model(normalise_model(name)) == normalise_model(name)


def test_digits_of_model_names_never_run_together() -> None:
    assert normalise_model("llama-3.1-8b") != normalise_model("llama-3-18b")


@pytest.mark.parametrize(
    ("text", "count", "name"),
    [
        ("rtx3090", 1, "rtx3090"),
        ("2xrtx3090", 2, "rtx3090"),
        ("2x rtx 3090", 2, "rtx 3090"),
        ("8 X H100", 8, "H100"),
        ("2×t4", 2, "t4"),
        ("2xt4", 2, "t4"),
        ("1024x4090", 1024, "4090"),
        ("4090", 1, "4090"),
        ("7900xtx", 1, "7900xtx"),
        ("7900 xt", 1, "7900 xt"),
        ("9060xt-16gb", 1, "9060xt-16gb"),
        ("9060 XT 16GB", 1, "9060 XT 16GB"),
        ("9060xt16gb", 1, "9060xt16gb"),
        ("2x7900xtx", 2, "7900xtx"),
        ("2x", 1, "2x"),
        ("x4", 1, "x4"),
        ("", 1, ""),
    ],
)
def test_counts_before_a_name(text: str, count: int, name: str) -> None:
    assert parse_gpu(text) == (count, name)


@pytest.mark.parametrize("text", ["0xrtx3090", "1025xrtx3090", "99999999999999999999xrtx3090"])
def test_counts_no_machine_has_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="GPUs"):
        parse_gpu(text)
