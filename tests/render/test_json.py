"""The JSON writer: the standard library's text, always encodable, never NaN."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.render.sample import report
from vramfit.render.json import ACTING, dumps

texts = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=30)


@given(values)
def test_indented_text_is_that_of_the_standard_library(value: Any) -> None:
    """Byte for byte, so that a report can be compared with any other tool's output."""
    expected = json.dumps(value, indent=2, ensure_ascii=False).translate(ACTING)

    assert expected == dumps(value)


@given(values)
def test_compact_text_is_that_of_the_standard_library(value: Any) -> None:
    """One line, without a space to spare."""
    expected = json.dumps(value, separators=(",", ":"), ensure_ascii=False).translate(ACTING)

    assert expected == dumps(value, None)


@given(st.lists(st.text(st.characters(categories=["Cs", "Ll"]))))
def test_text_is_always_encodable(value: list[str]) -> None:
    """Lone surrogates become escapes that a JSON reader turns back into what they were."""
    written = dumps(value).encode()

    assert json.dumps(json.loads(written)) == json.dumps(value)


def test_a_tuple_is_a_list() -> None:
    """Records hold tuples; JSON has one kind of sequence."""
    assert dumps((1, ()), None) == "[1,[]]"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_json_has_no_number_for_is_refused(value: float) -> None:
    """An invalid document is worse than an error."""
    with pytest.raises(ValueError, match="has no JSON form"):
        dumps({"tokens": [value]})


@pytest.mark.parametrize("value", [{1: "a"}, {"a": {1, 2}}, object()])
def test_other_types_are_refused(value: object) -> None:
    """Keys are strings, values are plain data: anything else is a slip of the program."""
    with pytest.raises(TypeError):
        dumps(value)


def test_the_report_is_one_document() -> None:
    """And it is the report, unchanged."""
    text = dumps(report())

    assert report() == json.loads(text)
    assert text.startswith('{\n  "format_version": "1.1",\n  "vramfit_version"')
