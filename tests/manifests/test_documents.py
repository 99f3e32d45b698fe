"""YAML of other programs: values, lines, bounds."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.errors import InputError
from vramfit.manifests.documents import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_DOCUMENTS,
    Items,
    Table,
    at,
    documents,
    items,
    table,
    text,
    texts,
)


def value(written: str) -> Any:
    """Value of the only document of a text."""
    (one,) = documents(written, "f.yaml")
    return one.data()


@pytest.mark.parametrize(
    ("expected", "written"),
    [
        ({"a": "0.90", "b": "1e3", "c": "no", "d": "0755"}, "a: 0.90\nb: 1e3\nc: no\nd: 0755"),
        ({"a": None, "b": "~", "c": None, "d": "null"}, "a: ~\nb: '~'\nc:\nd: \"null\""),
        ({"a": ["x", {"b": "1"}]}, "a: [x, {b: 1}]"),
        ({"x": {"p": "1", "q": "2"}, "y": {"p": "3", "q": "2"}}, "x: &b {p: 1, q: 2}\ny: {<<: *b, p: 3}"),
        ({"y": {"p": "1", "q": "4"}, "x": [{"p": "1"}, {"p": "2", "q": "4"}]},
         "x: [&a {p: 1}, &b {p: 2, q: 4}]\ny: {<<: [*a, *b]}"),
        ({"a": "x", "b": "x"}, "a: &n x\nb: *n"),
        ({"a": ["1"]}, '{"a": [1]}'),
        ({"a": "1"}, "a: !reset 1"),
        ("word", "word"),
    ],
)  # fmt: skip
def test_values(expected: Any, written: str) -> None:
    """A scalar is its text; only an unquoted null is None."""
    assert expected == value(written)


def test_lines_are_those_of_the_file() -> None:
    """Keys, values of a list, and what comes behind a separator."""
    found = documents(
        "# head\na: 1\n---\nkind: Pod\nmetadata:\n  name: p # x\nspec:\n  list:\n  - one\n  - two: 2\n", "f"
    )
    assert [("", "", 1), ("Pod", "p", 3)] == [(one.kind, one.name, one.line) for one in found]
    data = found[1].data()
    assert isinstance(data, Table)
    assert (4, {"kind": 4, "metadata": 5, "spec": 7}) == (data.line, data.lines)
    listed = at(data, "spec", "list")
    assert isinstance(listed, Items)
    assert [9, 10] == listed.lines


def test_values_of_another_kind_are_none_and_empty() -> None:
    data = value("a: [x, {b: 1}, y]\nc: word")
    assert (None, {}, [], "", ("x", "y")) == (at(data, "c", "d"), table("x"), items("x"), text(data), texts(data["a"]))


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"b{i}: &b{i} [{','.join([f'*b{i - 1}' if i else '*a'] * 9)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("expected", "written"),
    [
        ("f.yaml:6: more than 250,000 values, aliases counted for what they repeat", BOMB),
        ("f.yaml:1: the alias *a repeats what is not complete, or not there", "a: &a [*a]"),
        ("f.yaml:2: duplicate key \"a\", the first one on line 1", "a: 1\na: 2"),
        ("f.yaml:1: a key must be a word", "? [a]\n: 1"),
        ("f.yaml:1: a merge key (<<) takes mappings", "a: {<<: 1}"),
        (f"f.yaml:1: nested more than {MAX_DEPTH} levels deep", "[" * 70 + "]" * 70),
        ("f.yaml:1: not YAML: exceeded maximum nesting depth", "[" * 100_000),
        ("f.yaml:2: not YAML: mapping values are not allowed in this context", "a: 1\nb: c: d"),
    ],
)  # fmt: skip
def test_what_is_refused(expected: str, written: str) -> None:
    with pytest.raises(InputError) as error:
        value(written)
    assert expected == error.value.message


def test_a_template_is_to_be_rendered() -> None:
    with pytest.raises(InputError) as error:
        value("a: {{ .Values.x }}")
    assert error.value.hint == "it is a template: render it first, as in `helm template . | vramfit check --file -`"


@pytest.mark.parametrize(
    ("expected", "written"),
    [
        (f"f.yaml: has {MAX_BYTES + 1:,} characters, and at most {MAX_BYTES:,} are read", "x" * (MAX_BYTES + 1)),
        (
            f"f.yaml: has {MAX_DOCUMENTS + 2:,} documents, and at most {MAX_DOCUMENTS:,} are read",
            "---\n" * (MAX_DOCUMENTS + 1),
        ),
    ],
)
def test_files_that_are_too_large(expected: str, written: str) -> None:
    with pytest.raises(InputError) as error:
        documents(written, "f.yaml")
    assert expected == error.value.message


@pytest.mark.parametrize(("name", "tail"), [("", ""), ("last", "        name: last\n")])
def test_a_glance_at_the_name_ends(name: str, tail: str) -> None:
    """Lines that begin with many blanks: a pattern that could divide each in several manners took minutes for 40 of them."""
    written = "kind: Pod\nmetadata:\n" + "        a: 1\n" * 200 + tail
    assert [name] == [one.name for one in documents(written, "f.yaml")]
