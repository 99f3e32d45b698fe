"""Picture of the README: what its first command draws on a terminal, as SVG.

Rich draws it from the report's own terminal codes. The fonts are those of the reader's machine: a picture in a page loads
none from elsewhere.
"""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from tests.command import vramfit

COMMAND = "check --gpu rtx4090 --model llava-1.6-13b"
WIDTH = 100


def picture() -> str:
    """The SVG document."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(WIDTH))
        patch.delenv("NO_COLOR", raising=False)
        drawn = vramfit(*COMMAND.split(), "--format", "table", "--color", "always", terminal=True)
    console = Console(
        record=True,
        width=WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(Text.from_ansi(f"$ vramfit {COMMAND}\n{drawn.out}"), soft_wrap=True)
    svg = console.export_svg(title="vramfit", theme=SVG_EXPORT_THEME, unique_id="vramfit")
    # librsvg drops no-break spaces at the beginning of a text.
    svg = svg.replace("&#160;", " ").replace("<svg ", '<svg xml:space="preserve" ', 1)
    svg = re.sub(r"(?s)\s*@font-face \{.*?\}", "", svg)
    return "\n".join(line.rstrip() for line in svg.replace("Fira Code", "ui-monospace").splitlines()) + "\n"


PAGES = {"check.svg": picture}
"""Files below ``docs`` with the functions that write them."""
