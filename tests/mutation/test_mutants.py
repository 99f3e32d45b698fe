"""Which places are drawn from, and what is said of a mutant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.mutants import (
    Mutant,
    changed_lines,
    draw,
    function_at,
    modules,
    mutants,
    spans_without_behaviour,
)

SOURCE = '''\
"""A module of 2 lines."""
TYPE_CHECKING = False
if TYPE_CHECKING:
    LIMIT = 3
else:
    LIMIT = 4
WIDTHS: dict[str, tuple[int, 3]] = {"a": 5}

class Room(Place[int | None, 3]):
    """Of 6."""
    height: Literal[7] = 8

    def area(self, × : Literal[9], width: int = 10) -> Literal[11]:
        return f"{× + 12} of {width}" if × > 13 else self.height * ×
'''.replace("×", "ж")


def mutant(line: int, operator: str = "NumberReplacer", occurrence: int = 0, column: int = 0) -> Mutant:
    """A mutant of a module that is not there."""
    return Mutant("src/vramfit/memory/room.py", (line, column), (line, column + 1), operator, occurrence)


def text_of(span: tuple[tuple[int, int], tuple[int, int]]) -> str:
    """What stands in a span of ``SOURCE``."""
    (first, start), (last, stop) = span
    lines = SOURCE.splitlines()[first - 1 : last]
    return lines[0][start:stop] if first == last else "\n".join(lines)


def test_places_without_behaviour() -> None:
    """In characters, whatever their bytes: annotations, types of base classes, blocks for the type checker, words of messages."""
    assert sorted(map(text_of, spans_without_behaviour(SOURCE))) == sorted(
        [
            "TYPE_CHECKING = False", "TYPE_CHECKING", "LIMIT = 3", "dict[str, tuple[int, 3]]", "Literal[7]", "Literal[9]",
            "int | None, 3", "int", "Literal[11]", 'f"{ж + 12} of {width}"',
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "line"), [("", 2), ("", 6), ("Room", 9), ("Room", 11), ("Room.area", 13), ("Room.area", 14)]
)
def test_the_function_around_a_line(expected: str, line: int) -> None:
    assert function_at(SOURCE, line) == expected


def test_changed_lines_are_told_without_indentation() -> None:
    assert changed_lines(SOURCE, SOURCE.replace("= 8", "= 9")) == ("height: Literal[7] = 8", "height: Literal[7] = 9")


def test_one_mutant_is_drawn_of_a_place_and_a_kind_of_operator() -> None:
    """However many variants it has: else arithmetic, of which there are ten, would be most of a draw."""
    variants = [mutant(1, f"ReplaceBinaryOperator_Add_{name}", number) for number, name in enumerate(("Sub", "Mul"))]
    others = [mutant(1), mutant(1, column=4), mutant(2)]
    drawn = draw([*variants, *others], seed=1, count=10)

    assert len(drawn) == 4
    assert set(others) < set(drawn)
    assert len(set(variants) & set(drawn)) == 1


def test_a_draw_is_the_same_for_its_seed_whatever_the_order() -> None:
    found = [mutant(line) for line in range(1, 100)]
    drawn = draw(found, seed=1, count=10)

    assert len(drawn) == 10
    assert draw(reversed(found), seed=1, count=10) == drawn == sorted(drawn)
    assert draw(found, seed=2, count=10) != drawn


def test_the_rooms_are_where_the_modules_are() -> None:
    root = Path(__file__).parents[2]
    found = [path.relative_to(root).as_posix() for path in modules(root)]

    assert {path.split("/")[2] for path in found} == {"engines", "memory"}
    assert len(found) > 20
    assert [path.relative_to(root).as_posix() for path in modules(root, "memory/")] == [
        path for path in found if "memory/" in path
    ]


def test_mutants_of_a_module(tmp_path: Path) -> None:
    """Numbers that do something, and the source with one of them changed."""
    pytest.importorskip("cosmic_ray", reason="of the extra mutation")
    (tmp_path / "room.py").write_text(SOURCE, encoding="utf-8")
    found = list(mutants(tmp_path / "room.py", tmp_path))

    numbers = [one for one in found if one.operator == "NumberReplacer"]
    assert [one.start[0] for one in numbers] == [6, 6, 7, 7, 11, 11, 13, 13, 14, 14]
    assert changed_lines(SOURCE, numbers[4].apply(SOURCE)) == ("height: Literal[7] = 8", "height: Literal[7] = 9")
    assert {one.operator for one in found if one.start[0] == 14} > {"AddNot", "ReplaceBinaryOperator_Mul_Add"}


def test_a_changed_module_leaves_the_draw_of_the_others() -> None:
    """Outcomes are kept from one run to the next, which is of use only where the same mutants are drawn."""
    others = [Mutant(f"src/vramfit/memory/{name}.py", (1, 0), (1, 1), "NumberReplacer", 0) for name in "abcdefgh"]
    before = [one for one in draw([*others, *map(mutant, range(1, 40))], seed=3, count=20) if one in others]
    after = [one for one in draw([*others, *map(mutant, range(2, 41))], seed=3, count=20) if one in others]

    assert 0 < len(before)
    assert len(set(before) ^ set(after)) <= 1
