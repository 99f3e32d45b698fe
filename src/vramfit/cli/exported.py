"""Reports as files that stand alone: a picture, a page, or Markdown, by the file's name."""

from __future__ import annotations

from vramfit.cli.written import replace
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from vramfit.render.page import Page

KINDS = ("svg", "html", "md")
WIDTH = 100
"""Columns of a page that is no terminal's."""


def kind_of(path: str) -> str:
    """Kind of page that the ending of a path names; raises ``UsageError`` where it names none."""
    kind = path.rpartition(".")[2].lower()
    if kind not in KINDS:
        raise UsageError(f'export: "{path}" says no kind of page', "end the file's name with .svg, .html or .md")
    return kind


def export(
    path: str, report: dict[str, Any], draw: Callable[[Page, Any], None], markdown: Callable[[Any], Iterable[str]]
) -> None:
    """Write a report into a file, in one step; ``draw`` puts it on a page, ``markdown`` gives its lines.

    Raises ``InputError`` where the file cannot be written.
    """
    kind = kind_of(path)
    if kind == "md":
        replace(path, "".join([f"{line}\n" for line in markdown(report)]))
        return
    from vramfit.render.page import Page

    page = Page(WIDTH, "utf-8", colour=True)
    draw(page, report)
    replace(path, page.exported(kind, "vramfit"))


def with_export(answers: Iterable[dict[str, Any]], path: str, *, details: bool) -> Iterator[dict[str, Any]]:
    """Answers of a check again, after they were written into a file as a page, with all of the report for ``details``."""
    from vramfit.render.markdown_page import lines
    from vramfit.render.table import draw_report
    from vramfit.report import document

    kind_of(path)
    found = list(answers)
    export(path, document(found), lambda page, report: draw_report(page, report, details=details), lines)
    return iter(found)
