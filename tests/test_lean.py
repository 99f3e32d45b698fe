"""Lean code of a module: what is taken out of the source, what stays, and when the module's own code is kept."""

from __future__ import annotations
import __future__

from typing import TYPE_CHECKING, Any

import pytest

from vramfit._boot import state_of
from vramfit._lean import lean

if TYPE_CHECKING:
    from pathlib import Path
    from types import CodeType

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
    assert space["__doc__"] == "Module."
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
