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


@pytest.mark.parametrize("name", ["typer", "pydantic"])
def test_a_module_whose_annotations_are_read_keeps_its_code(tmp_path: Path, name: str) -> None:
    code, found = made(tmp_path / "one.py", SOURCE + f"import {name}\n")
    assert found is code


def test_a_source_that_changed_or_is_gone_keeps_the_code(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    code, _ = made(path, SOURCE)
    assert lean(("one_of_a_test", False, str(path), (1, 1)), code) is code
    path.unlink()
    assert lean(("one_of_a_test", False, str(path), (1, 1)), code) is code


def all_codes(code: CodeType) -> list[CodeType]:
    """A code object and all in it."""
    return [code, *[inner for one in code.co_consts if isinstance(one, CodeType) for inner in all_codes(one)]]


@pytest.mark.parametrize("source", [SOURCE, Path(units.__file__).read_text(encoding="utf-8")])
def test_all_of_a_function_is_in_its_first_line(tmp_path: Path, source: str) -> None:
    code, found = made(tmp_path / "one.py", source)
    codes = all_codes(found)
    assert len(codes) == len(all_codes(code)) > 5
    assert [{line for _, _, line in one.co_lines()} for one in codes] == [{one.co_firstlineno} for one in codes]
    assert [max(end for _, end, _ in one.co_lines()) for one in codes] == [len(one.co_code) for one in codes]
    assert {(start, stop) for one in codes for _, _, start, stop in one.co_positions()} == {(None, None)}
    assert {one.co_qualname for one in codes} == {one.co_name for one in codes}


def test_an_error_in_lean_code_names_the_line_of_its_function(tmp_path: Path) -> None:
    _, found = made(tmp_path / "one.py", SOURCE)
    space: dict[str, Any] = {"__name__": "one"}
    exec(found, space)
    with pytest.raises(ValueError, match="no lines") as raised:
        space["lines"](1, "b", c=True)
    assert raised.traceback[-1].lineno == SOURCE[: SOURCE.index("def lines")].count("\n")


@pytest.mark.parametrize(
    ("units", "table"),
    [(0, ""), (1, "e800"), (7, "ee00"), (8, "ef00"), (9, "ef00 e800"), (17, "ef00 ef00 e800")],
)
def test_the_table_of_one_line(units: int, table: str) -> None:
    assert _lean._one_line(units) == bytes.fromhex(table)
