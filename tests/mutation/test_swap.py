"""Which mutants live functions can be given."""

from __future__ import annotations

import functools
import sys
import types

import pytest

from tests.mutation.swap import changed_functions, functions_by_place, swap

SOURCE = '''\
LIMIT = 3

def area(width, height=2):
    """Of 4."""
    return [width * one for one in range(height)]

class Room:
    size = 5

    def doubled(self):
        return (lambda: self.size * 6)()

@kept
def slow(x):
    return x + 7
'''


@pytest.mark.parametrize(
    ("expected", "change"),
    [
        (["area"], ("width * one", "width + one")),
        (["doubled"], ("* 6", "* 7")),
        (["slow"], ("+ 7", "+ 8")),
        ([], ("LIMIT = 3", "LIMIT = 3  # a comment")),
        (None, ("LIMIT = 3", "LIMIT = 4")),
        (None, ("height=2", "height=3")),
        (None, ("size = 5", "size = 6")),
        (None, ("@kept", "@other")),
        (None, ("    size = 5", "    size = True")),
    ],
)
def test_functions_that_differ(expected: list[str] | None, change: tuple[str, str]) -> None:
    """None where what runs when the module is imported differs: the names and figures that others took are the old ones."""
    assert change[0] in SOURCE
    found = changed_functions(SOURCE, SOURCE.replace(*change))
    assert (found if found is None else [old.co_name for old, _ in found]) == expected


def test_true_is_another_constant_than_one() -> None:
    assert changed_functions("SIZE = 1", "SIZE = True") is None


def imported(source: str = SOURCE) -> types.ModuleType:
    """A module of this source, in a file of its own."""
    module = types.ModuleType("room")
    module.__file__ = "room.py"
    module.__dict__["kept"] = functools.cache
    exec(compile(source, "room.py", "exec", dont_inherit=True), module.__dict__)
    return module


def test_live_functions_get_the_mutants_code() -> None:
    """Methods, and functions behind a decorator, wherever somebody keeps them."""
    module = imported()
    area, slow, room = module.area, module.slow, module.Room()
    functions = functions_by_place()

    assert (area(3), slow(1), room.doubled()) == ([0, 3], 8, 30)
    assert swap("room.py", SOURCE, SOURCE.replace("width * one", "width + one"), functions) == "all"
    assert swap("room.py", SOURCE, SOURCE.replace("+ 7", "+ 8"), functions) == "all"
    assert swap("room.py", SOURCE, SOURCE.replace("* 6", "* 7"), functions) == "all"
    assert (area(3), slow(2), room.doubled()) == ([3, 4], 10, 35)


def test_constants_are_changed_wherever_they_were_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under their own name; functions read them from their module."""
    source = SOURCE.replace("@kept\n", "") + "WIDE = LIMIT * 100\ndef limit():\n    return LIMIT, WIDE\n"
    module, other = imported(source), types.ModuleType("other")
    vars(other).update(LIMIT=module.LIMIT, WIDE=module.WIDE + 1)
    monkeypatch.setitem(sys.modules, "room", module)
    monkeypatch.setitem(sys.modules, "other", other)

    assert swap("room.py", source, source.replace("LIMIT = 3", "LIMIT = 4"), {}) == "part"
    assert (module.limit(), other.LIMIT, other.WIDE) == ((4, 400), 4, 301)
    assert swap("room.py", source, source.replace("height=2", "height=3"), {}) == "nothing"


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("room.py", "LIMIT = 3", "LIMIT = 4"),
        ("room.py", "LIMIT = 3", "LIMIT = 3"),
        ("attic.py", "width * one", "width + one"),
    ],
)
def test_no_swap(file: str, before: str, after: str) -> None:
    """Where the module is not imported, and where nothing differs."""
    module = imported()
    assert swap(file, SOURCE, SOURCE.replace(before, after), functions_by_place()) == "nothing"
    assert module.area(3) == [0, 3]


def test_functions_of_another_source_stay_as_they_are() -> None:
    module = imported()
    other = SOURCE.replace("width * one", "width - one")
    after = other.replace("width - one", "width + one")
    assert swap("room.py", other, after, functions_by_place()) == "nothing"
    assert module.area(3) == [0, 3]
