"""Lean code of a module: what is taken out of the source, what stays, and when the module's own code is kept."""

from __future__ import annotations
import __future__

from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from vramfit import _lean, units
from vramfit._boot import state_of
from vramfit._lean import lean

SOURCE = '''"""Module."""
from __future__ import annotations
TYPE_CHECKING = False
if TYPE_CHECKING:
    from nowhere import Missing
else:
    def kept(x: int = 3) -> int:
        """Text."""
        return x

class Row:
    """Class."""
    name: str
    size: int = 4
    def text(self, *rest: str, **more: Missing) -> str:
        def inner(one: int) -> int:
            "Text."
            return one + self.size
        return f"{inner(1)}{rest}{more}"

def lines(a: int, /, b: str, *, c: bool) -> Missing:
    """Text."""
    raise ValueError("no lines")
'''


def made(path: Path, source: str) -> tuple[CodeType, CodeType]:
    """Code of a module as Python compiles it, and as it is made lean."""
    path.write_text(source, encoding="utf-8")
    code: CodeType = compile(source, str(path), "exec", dont_inherit=True)
    state = state_of(str(path))
    assert state is not None
    return code, lean(("one_of_a_test", False, str(path), state), code)


def test_what_nothing_reads_is_gone_and_all_else_stays(tmp_path: Path) -> None:
    code, found = made(tmp_path / "one.py", SOURCE)
    space: dict[str, Any] = {"__name__": "one"}
    exec(found, space)
    assert "__doc__" not in space
    assert space["Row"].__doc__ == "Class."
    assert space["Row"].__annotations__ == {"name": "str", "size": "int"}
    assert (space["kept"](), space["kept"].__doc__, space["kept"].__annotations__) == (3, None, {})
    assert space["Row"]().text("a", b=1) == "5('a',){'b': 1}"
    assert (space["Row"].text.__annotations__, space["lines"].__annotations__) == ({}, {})
    assert "nowhere" not in found.co_names
    assert "nowhere" in code.co_names
    assert found.co_flags & __future__.annotations.compiler_flag
    with pytest.raises(ValueError, match="no lines") as raised:
        space["lines"](1, "b", c=True)
    assert raised.traceback[-1].lineno == SOURCE[: SOURCE.index("raise ValueError")].count("\n")


def test_a_module_whose_annotations_are_read_keeps_its_code(tmp_path: Path) -> None:
    code, found = made(tmp_path / "one.py", SOURCE + "import typer\n")
    assert found is code


def test_a_source_that_changed_or_is_gone_keeps_the_code(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    code, _ = made(path, SOURCE)
    assert lean(("one_of_a_test", False, str(path), (1, 1)), code) is code
    path.unlink()
    assert lean(("one_of_a_test", False, str(path), (1, 1)), code) is code


POSITIONS = (
    "def far(a):\n" + "\n" * 80 + "    return (a +\n        1 +\n" + "\n" * 40 + "        a)\n" + "x = [1, 2, 3]\n" * 3
)
"""Code whose lines lie far from each other, both ways, with an expression over several of them."""


def all_codes(code: CodeType) -> list[CodeType]:
    """A code object and all in it."""
    return [code, *[inner for one in code.co_consts if isinstance(one, CodeType) for inner in all_codes(one)]]


def line_of_each(code: CodeType) -> list[int | None]:
    """Line of each pair of bytes of a code object's instructions."""
    return [line for start, end, line in code.co_lines() for _ in range(start, end, 2)]


@pytest.mark.parametrize("source", [SOURCE, POSITIONS, Path(units.__file__).read_text(encoding="utf-8")])
def test_lines_stay_and_columns_are_gone(tmp_path: Path, source: str) -> None:
    _, found = made(tmp_path / "one.py", source)
    with_columns = compile(source.replace("from __future__ import annotations\n", "\n"), "one.py", "exec")
    codes = all_codes(found)
    assert {
        (end, start, stop) for code in codes for _, end, start, stop in code.co_positions() if start is not None
    } == set()
    assert {one.co_qualname for one in codes} == {one.co_name for one in codes}
    if source == POSITIONS:
        assert [line_of_each(one) for one in codes] == [line_of_each(one) for one in all_codes(with_columns)]
        assert max(line or 0 for line in line_of_each(codes[1])) == 124


def test_a_table_that_is_not_understood_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    code = compile(POSITIONS, "one.py", "exec")
    monkeypatch.setattr(_lean, "_lines_alone", lambda table: table[:-2])
    assert _lean._slim(code) is code
