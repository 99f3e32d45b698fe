"""Terminal report: the verdict first, then the reasons, then the remedies.

By default it is one screen (``screen`` for one deployment, ``several`` for a file of them); ``story`` has all of it.
"""

from __future__ import annotations

import os

from vramfit.render.fields import printable
from vramfit.render.page import Page
from vramfit.render.sections import sections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from vramfit.render.fields import Object


_WIDTH_UNKNOWN = 80


def print_report(
    report: Object, *, stream: TextIO, colour: bool | None, width: int | None, details: bool = False
) -> None:
    """Write the report for a person to ``stream``, in one piece; the whole of it with ``details``.

    ``colour`` None means: where ``stream`` is a terminal. ``width`` None means the terminal's, 80 where there is none.
    A stream whose encoding is not UTF-8 gets ASCII drawings.
    """
    in_colour = stream.isatty() if colour is None else colour
    page = terminal_page(stream, colour=in_colour, width=width)
    draw_report(page, report, details=details)
    stream.write(page.drawn())


def draw_report(page: Page, report: Object, *, details: bool = False) -> None:
    """Draw the report for a person on a page; the whole of it with ``details``."""
    parts = sections([printable(one) for one in report.get("estimates", [report])])
    alone = len(parts) == 1 and not parts[0].is_error
    if details:
        from vramfit.render.story import draw_overview, draw_story

        draw_story(page, parts[0]) if alone else draw_overview(page, parts)
    elif alone:
        from vramfit.render.screen import draw_screen

        draw_screen(page, parts[0])
    else:
        from vramfit.render.several import draw_several

        draw_several(page, parts)


def terminal_page(stream: TextIO, *, colour: bool, width: int | None = None) -> Page:
    """Empty page as wide as the terminal that ``stream`` goes to, unless ``width`` is given."""
    return Page(width or terminal_width(stream), stream.encoding or "ascii", colour=colour)


def terminal_width(stream: TextIO) -> int:
    """Width of a terminal: ``COLUMNS`` where it is set, else what the terminal says.

    ``shutil`` does the same but imports much.
    """
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _WIDTH_UNKNOWN
    except (OSError, ValueError):
        return _WIDTH_UNKNOWN
