"""Marshalled data whose equal parts stand once: what is read of it, what stands once, and what is left as it is."""

from __future__ import annotations

import marshal
from types import CodeType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit import _equal_parts
from vramfit._equal_parts import share

SOURCE = """
def one(first, second):
    return [first + number for number in range(second)]

def two(first, second):
    return {first: (second, 1.5, -(2**70), "a text that is not a name", None, ...)}

class Three:
    size = 3 if Ellipsis else 4
    def two(self, *rest, key=b"bytes"):
        return self.size, rest, key, {"café", "日本"}, frozenset(("a", "b")), 2**40
"""


def codes(code: CodeType) -> list[CodeType]:
    """A code object and all in it."""
    return [code, *[inner for one in code.co_consts if isinstance(one, CodeType) for inner in codes(one)]]


def test_shared_code_runs_as_before_and_has_equal_names_once() -> None:
    pair = tuple(compile(SOURCE, name, "exec") for name in ("one.py", "two.py"))
    data = marshal.dumps(pair)
    shared = share(data)
    assert len(shared) < len(data)
    found = marshal.loads(shared)
    assert found == pair
    spaces: list[dict[str, Any]] = [{}, {}]
    for code, space in zip(found, spaces, strict=True):
        exec(code, space)
    for space in spaces:
        assert space["one"](1, 3) == [1, 2, 3]
        assert space["two"]("a", "b") == {"a": ("b", 1.5, -(2**70), "a text that is not a name", None, ...)}
        assert space["Three"]().two(1)[0:3] == (3, (1,), b"bytes")
    first, second = codes(found[0]), codes(found[1])
    assert [one.co_consts is two.co_consts for one, two in zip(first, second, strict=True)].count(True) >= 2
    assert all(one.co_names is two.co_names for one, two in zip(first, second, strict=True))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.just(...),
    lambda inner: st.lists(inner, max_size=5).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=30,
)


def spelled(value: object) -> str:
    """Text that tells 1, 1.0 and True, and 0.0 and -0.0, from each other; members of a set are in no order."""
    if isinstance(value, tuple):
        return f"({','.join(spelled(one) for one in value)})"
    if isinstance(value, frozenset):
        return f"<{','.join(sorted(spelled(one) for one in value))}>"
    return f"{type(value).__name__} {value!r}"


@given(PLAIN)
def test_what_is_read_is_what_was_written(value: Any) -> None:
    shared = share(marshal.dumps((value, value, "x" * 300)))
    assert spelled(marshal.loads(shared)) == spelled((value, value, "x" * 300))


def test_numbers_that_are_equal_and_not_the_same_stay_apart() -> None:
    value = ((1, 2**40), (True, 2**40), (1.0, 2**40), (-0.0,), (0.0,))
    assert spelled(marshal.loads(share(marshal.dumps(value)))) == spelled(value)


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, {1, 2}, 1j, (1, [2])])
def test_data_with_other_kinds_is_left_as_it_is(value: Any) -> None:
    data = marshal.dumps(value)
    assert share(data) is data


def test_data_that_would_be_read_otherwise_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    data = marshal.dumps((("a", "b"), ("a", "b")))
    monkeypatch.setattr(_equal_parts._Writer, "written", lambda self: marshal.dumps(()))
    assert share(data) is data
