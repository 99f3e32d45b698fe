"""Written pages are what would be written today."""

from __future__ import annotations

import pytest

from tests.docs import reference
from tests.docs.fresh import DOCS, WRITTEN
from vramfit.cli.options import COMMANDS
from vramfit.engines import names
from vramfit.engines.keys import every_key


@pytest.mark.parametrize("name", WRITTEN)
def test_a_written_page_is_fresh(name: str) -> None:
    """Run ``python -m tests.docs`` after a change of a declaration."""
    assert WRITTEN[name]() == (DOCS / name).read_text(encoding="utf-8")


def test_every_key_is_on_the_page() -> None:
    """Each in one table."""
    page = reference.keys()
    assert [] == [key for key in every_key() if 1 != page.count(f"\n| `{key}` |")]


def test_every_command_is_on_the_page() -> None:
    """With the commands that stand below others."""
    page = reference.commands()
    assert set() == {
        name for name in (*COMMANDS, "show", "import", "list gpus") if f"\n## vramfit {name}\n" not in page
    }


def test_every_variable_is_on_the_page() -> None:
    """Those that the program asks its environment for by name."""
    assert {"NO_COLOR", "VRAMFIT_DEBUG"} <= reference.variables_read()
    assert set() == reference.variables_read() - {"HOME"} - reference.ENVIRONMENT.keys()


def test_every_engine_is_explained() -> None:
    """By the terms of an example."""
    from tests.docs.science import EXAMPLES

    assert set(names()) == EXAMPLES.keys()
