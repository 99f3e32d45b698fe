from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit.curation.strict_yaml import MAX_BYTES, fault_error, load_catalogue_yaml, parse
from vramfit.errors import CatalogueError, InputError

REFUSED = [
    ("a: 1\nb: 2\na: 3\n", "f:3:1 a: duplicate key", "line 1"),
    ("a: {b: 1, b: 2}", "f:1:11 a.b: duplicate key", None),
    ("a: no", "f:1:4 a: no is a boolean", '"no"'),
    ("a: Yes", "f:1:4 a: Yes is a boolean", "true"),
    ("a: on", "f:1:4 a: on is a boolean", "true"),
    ("a: 0755", "f:1:4 a: 0755", '"0755"'),
    ("a: 0x1F", "f:1:4 a: 0x1F", None),
    ("a: 1e9", "f:1:4 a: 1e9", "1000000000"),
    ("a: 1_000", "f:1:4 a: 1_000", None),
    ("a: 1,000", "f:1:4 a: 1,000", None),
    ("a: .inf", "f:1:4 a: .inf", None),
    ("a: +5", "f:1:4 a: \\+5", None),
    ("a: 1:30", "f:1:4 a: 1:30 is a base-60 number", '"1:30"'),
    ("a: 2022-10-12", "f:1:4 a: 2022-10-12 is a date", '"2022-10-12"'),
    ("a: NULL", "f:1:4 a: NULL", "null"),
    ("on: 1", "f:1:1: the key on", '"on"'),
    ("2022: 1", "f:1:1: the key 2022", None),
    ("? [a]\n: 1", "f:1:3: a key must be a plain word", None),
    ("a: &x [1]\nb: *x", "f:2:4: the alias \\*x", "write the value out"),
    ("a: &x {b: 1}\nc:\n  <<: *x", "f:3:7: the alias \\*x", None),
    ("<<: {a: 1}", "f:1:1: a merge key", None),
    ("a: !!python/object/apply:os.system [ls]", "f:1:4 a: the tag", None),
    ("a: !!binary aGk=", "f:1:4 a: the tag", None),
    ("a: !!str 5", "f:1:4 a", None),
    ("a: [1,\n", "f:2:1: not YAML", None),
    ("a:\n\t- 1", "f:2:1: not YAML", "tabs"),
    ("a: 1\n--- \nb: 2", "f:2:1: not YAML", None),
    ("[" * 40 + "]" * 40, "f:1:33: nested more than 32 levels", None),
    ("[" * 100_000, r"f:1:\d+: nested more than 32 levels", None),
    ("- " * 100_000, "nested more than 32 levels", None),
    (
        "".join(f"k{n}: 1\n" for n in range(200_000)),
        "f:10001:1: more than 20,000 keys and values of one mapping",
        "divide",
    ),
    ("[" + "1, " * 20_001 + "]", r"f:1:\d+: more than 20,000 keys and values of one mapping", "divide"),
    (
        "".join(f"- [{n}]\n" for n in range(250_001)),
        "f:250001:4: more than 250,000 keys and values, the most",
        "divide",
    ),
    (b"a: \xe9", "f:1:1: not UTF-8", None),
    (b"\xff\xfea\x00", "f:1:1: not UTF-8", None),
    ("a: \udce9", "f:1:1: not UTF-8: character 3", None),
    ("a: \x00", "f:1:1: not YAML", None),
    (b" " * (MAX_BYTES + 1), "f:1:1: the file has 4,194,305 bytes", None),
]


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED)
def test_traps_are_refused_with_their_place(text: str | bytes, message: str, hint: str | None) -> None:
    error = fault_error(parse(text, "f").faults)

    assert InputError is type(error)
    assert re.search(message, error.message)
    assert hint is None or hint in (error.hint or "")


def test_what_is_meant_is_read() -> None:
    text = '\ufeffa: 1\nb: -2.5\nc: [true, false, null, ~]\nd: "no"\ne: 4.0 x16\nf: "1e9"\ng: |\n  two\n  lines\nh:\n'

    document = parse(text, "f")

    assert document.faults == []
    assert document.data == {
        "a": 1,
        "b": -2.5,
        "c": [True, False, None, None],
        "d": "no",
        "e": "4.0 x16",
        "f": "1e9",
        "g": "two\nlines\n",
        "h": None,
    }


def test_a_mapping_and_lists_at_their_bounds_are_read() -> None:
    assert len(parse("".join(f"k{n}: 1\n" for n in range(10_000)), "f").data) == 10_000
    assert len(parse("".join(f"- [{n}]\n" for n in range(30_000)), "f").data) == 30_000


def test_an_empty_file_is_null() -> None:
    document = parse("# nothing\n", "f")

    assert (document.data, document.faults) == (None, [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 3,1", "3,1"),
        ("a: 3, 1", "3, 1"),
        ("a: 0.5,1.5,2", "0.5,1.5,2"),
        ("a: 32,768", "32,768"),
        ("{a: 3,1}", "3,1"),
        ("{a: 3, 1, 0.5}", "3,1,0.5"),
        ("{b: x, a: 3,1, c: y}", "3,1"),
        ("a: [3, 1]", [3, 1]),
        ("a: 3", 3),
        ("a: '3,1'", "3,1"),
    ],
)
def test_numbers_with_commas_between_are_text_where_asked(text: str, value: object) -> None:
    document = parse(text, "f", commas=True)

    assert document.faults == []
    assert document.data["a"] == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a: x, 1}", "f:1:8: the key 1 is not text"),
        ("{1, a: 2}", "f:1:2: the key 1 is not text"),
        ("{a: 3, 1: x}", "f:1:8: the key 1 is not text"),
        ("{a: '3', 1}", "f:1:10: the key 1 is not text"),
        ("{a: 3, b: [], 1}", "f:1:15: the key 1 is not text"),
        ("a: 3\n1:\n", "f:2:1: the key 1 is not text"),
        ("a: 010", "f:1:4 a: 010 is not read as a plain decimal number"),
        ("a: 1e9", "f:1:4 a: 1e9 is not read as a plain decimal number"),
    ],
)
def test_what_is_no_list_of_numbers_is_refused_there_too(text: str, message: str) -> None:
    assert fault_error(parse(text, "f", commas=True).faults).message.startswith(message)


def test_a_billion_laughs_take_milliseconds() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    began = time.perf_counter()
    document = parse("\n".join(lines), "f")

    assert document.faults
    assert time.perf_counter() - began < 0.1


def test_every_fault_is_reported_at_once() -> None:
    document = parse("a: no\nb: 1\nb: 2\nc: 0755\n", "f")

    assert [(fault.line, fault.column) for fault in document.faults] == [(1, 4), (3, 1), (4, 4)]


def test_positions_are_kept_by_path() -> None:
    document = load_catalogue_yaml("gpus:\n  - id: x\n    memory: {bus_bits: 384}\n", "f")

    assert document.marks["gpus", 0, "memory", "bus_bits"] == (3, 24)
    assert document.keys["gpus", 0, "memory", "bus_bits"] == (3, 14)
    assert str(document.fault(("gpus", 0, "name"), "is missing")) == "f:2:5 gpus[0].name: is missing"


def test_catalogue_files_raise_their_own_error() -> None:
    with pytest.raises(CatalogueError, match="f:1:4"):
        load_catalogue_yaml("a: no", "f")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    parse(text, "f")


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**15), 10**15) | WORDS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
        max_leaves=12,
    )
)
def test_what_a_careful_writer_quotes_comes_back(value: object) -> None:
    document = parse(json.dumps(value, ensure_ascii=False), "f")

    assert document.faults == []
    assert document.data == value
