"""One screen on the deployments of a file: a table of all, then a line for each that needs a remedy."""

from __future__ import annotations

from vramfit.render.account import decode_cell, labels, verdict_span
from vramfit.render.fields import pick
from vramfit.render.headline import gpu_name
from vramfit.render.page import Column
from vramfit.render.pieces import draw_error, draw_tally, remedied
from vramfit.render.screen import draw_remedies
from vramfit.render.words import NONE, figure, loss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.render.fields import Object
    from vramfit.render.page import Page, Span
    from vramfit.render.sections import Section

_HEADINGS = (
    ("", 0), ("model", 0), ("GPU", 3), ("engine", 6), ("quant", 0), ("verdict", 0), ("needed\nGiB", 2), ("free\nGiB", 0),
    ("longest\ncontext", 5), ("tokens\nper s", 4), ("quality\nloss", 7),
)  # fmt: skip
"""Headings and the order in which they give way on a narrow terminal, the highest number first."""
_TEXTS = ("", "model", "GPU", "engine", "quant", "verdict", "quality\nloss")


def draw_several(page: Page, parts: Sequence[Section]) -> None:
    """Draw several deployments."""
    rows = [row for number, section in enumerate(parts, 1) for row in _rows(number, section)]
    columns: list[Column] = []
    for place, (heading, drop) in enumerate(_HEADINGS):
        cells = [row[place] for row in rows]
        if any(cell not in ("", NONE) for cell in cells):
            columns.append(Column(heading, cells, heading not in _TEXTS, drop))
    if columns and page.fits([column for column in columns if not column.drop], 0):
        page.table(columns, indent=0)
    elif columns:
        page.stacked(columns, indent=0)
    _remedies(page, parts)
    for number, section in enumerate(parts, 1):
        if section.is_error:
            page.blank()
            draw_error(page, {**section.first, "name": _name(number, section)})
    for number, section in enumerate(parts, 1):
        if section.first.get("verdict") == "unknown" and section.first.get("assumptions"):
            page.blank()
            page.prose((f"{_name(number, section)}: ", "bold"), section.first["assumptions"][0])
    draw_tally(page, parts)
    if rows:
        page.prose(("--details", "bold"), (" adds bars, commands, every remedy and the notes of each", "dim"))


def _name(number: int, section: Section) -> str:
    return str(section.first.get("name") or number)


def _rows(number: int, section: Section) -> Iterator[list[Span]]:
    """Rows of one deployment, one per precision; the first has its name."""
    if section.is_error:
        return
    for place, (label, estimate) in enumerate(zip(labels(section.estimates), section.estimates, strict=True)):
        context = pick(estimate, "limits.max_context")
        yield [
            (_name(number, section) if place == 0 else "", "bold"),
            estimate["model"]["name"] if place == 0 else "",
            gpu_name(estimate["gpu"]) if place == 0 else "",
            estimate["engine"] if place == 0 else "",
            label,
            verdict_span(estimate["verdict"]),
            figure(pick(estimate, "required_bytes.expected")),
            figure(estimate.get("headroom_bytes")),
            f"{context:,}" if context else NONE,
            decode_cell(estimate),
            loss(pick(estimate, "quality.label") or "unknown"),
        ]


def _remedies(page: Page, parts: Sequence[Section]) -> None:
    """Draw the best remedy of each deployment that has any."""
    found: list[tuple[str, Object]] = []
    for number, section in enumerate(parts, 1):
        remedies = () if section.is_error else remedied(section)["remedies"]
        if remedies:
            found.append((_name(number, section), remedies[0]))
    if not found:
        return
    page.blank()
    named = [{**remedy, "summary": f"{name}: {remedy['summary']}"} for name, remedy in found]
    draw_remedies(page, "What would make them fit", named)
