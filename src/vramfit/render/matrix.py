"""Matrix in every format: rows of models and quantizations, columns of GPUs, a verdict and the headroom in each cell.

The text formats give one line per cell, in blocks of a row, as soon as the row is ready. A whole catalogue is some 800,000
cells, so their text is made for each of the distinct ones of a row (``sweep.cells``), from pieces that these have in common.
"""

from __future__ import annotations

import shutil
from operator import itemgetter

from vramfit.render import colours, plain
from vramfit.render.csv import row as csv_row
from vramfit.render.fields import cell as scalar
from vramfit.render.headline import scheme_beside_class
from vramfit.render.json import dumps
from vramfit.render.markdown import escape as markdown_escape
from vramfit.render.words import SIGNS
from vramfit.sweep.cells import gathered
from vramfit.units import GIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TextIO

    from vramfit.render.fields import Object
    from vramfit.render.page import Column, Page, Span
    from vramfit.sweep.cells import Part


COLUMNS = (
    "gpu", "model", "engine", "class", "quant", "quality", "verdict", "required_bytes", "usable_bytes", "headroom_bytes",
    "error",
)  # fmt: skip
"""Fields of a cell, in order; the row formats write ``error`` as its code and message."""
_OF_MODEL, _OF_QUANT, _OF_VERDICT = COLUMNS[1:3], COLUMNS[3:6], COLUMNS[6:]
"""Groups of columns; those of the quantization are the row's, or the cells' where each has the best for it."""
_ANSWERED = {
    "plain": ("\t", "\t", "\t", "\t", "\t"),
    "csv": (",", ",", ",", ",", ","),
    "json": (',"verdict":"', '","required_bytes":', ',"usable_bytes":', ',"headroom_bytes":', ',"error":null}'),
}
"""Texts before, between and behind the four values of a cell with an answer, which most have; equal to those that
``_plain``, ``_csv`` and ``_json`` write."""
_FIGURES = itemgetter("verdict", "required_bytes", "usable_bytes", "headroom_bytes")
_LEGEND = "✓ fits, ~ only just, ✗ does not fit, ? cannot tell. Numbers are the GiB left on the fullest GPU, or missing."
_NOTES = 3
"""Number of reasons for cells without an answer that are listed below a table."""


def lines(style: str, report: Object, *, header: bool = True, line_end: str = "\n") -> Iterator[str]:
    """Blocks of lines of a text format, one block per row of the matrix; all but a block's last line have their end."""
    if style == "json":
        yield from _document(report)
    elif style == "markdown":
        yield from _markdown(report)
    else:
        if header and style != "ndjson":
            yield "\t".join(COLUMNS) if style == "plain" else csv_row(COLUMNS)
        yield from _texts(report, style, line_end)


def _texts(report: Object, style: str, between: str, indent: str = "") -> Iterator[str]:
    """Lines of the cells of each row, put together from the values of the GPU, the row and the cell."""
    part = {"plain": _plain, "csv": _csv}.get(style, _json)
    write = _Writer(part, _ANSWERED.get(style, _ANSWERED["json"]))
    pieces: list[str] = []
    for gpu in report["gpus"]:
        pieces += [(between if pieces else "") + indent + part(("gpu",), {"gpu": gpu["id"]}), ""]
    for row in report["rows"]:
        middle = part(_OF_MODEL if "quant" not in row else (*_OF_MODEL, *_OF_QUANT), row)
        cells = gathered(row["cells"])
        texts: list[str] = []
        for some in cells.parts:
            texts += write.texts(some, middle, each="quant" not in row)
        pieces[1::2] = cells.layout.spread(texts)
        yield "".join(pieces)


class _Writer:
    """Writing of what stands behind the GPU in the lines of a row, in one style."""

    def __init__(self, part: Callable[[Sequence[str], Object], str], answered: tuple[str, str, str, str, str]) -> None:
        self._part = part
        self._answered = answered
        self._reasons: dict[tuple[object, ...], str] = {}
        """Texts of cells without an answer: a reason is the same for a GPU or a model in every row."""
        self._offers: dict[int, tuple[tuple[int, ...], list[tuple[int, str]]]] = {}
        """Usable bytes with their text, by the identity of the tuple that they stand in, which is kept."""

    def texts(self, cells: Part, middle: str, *, each: bool) -> list[str]:
        """Texts of distinct cells; ``each`` has a quantization of its own, ``middle`` are the values of the row."""
        before, needed, usable, left, end = self._answered
        found: list[str] = []
        for verdict, required, offers, start, stop in cells.runs:
            head = f"{middle}{before}{verdict}{needed}{required}{usable}"
            known = self._offers.get(id(offers))
            if known is None:
                known = self._offers[id(offers)] = offers, [(limit, f"{limit}{left}") for limit in offers]
            found += [f"{head}{text}{limit - required}{end}" for limit, text in known[1][start:stop]]
        for cell in cells.others:
            text = middle + self._part(_OF_QUANT, cell) if each else middle
            figures = _FIGURES(cell)
            if cell["error"] is None:
                verdict, required, limit, room = figures
                found.append(f"{text}{before}{verdict}{needed}{required}{usable}{limit}{left}{room}{end}")
                continue
            reason = (*figures, *cell["error"].values())
            if reason not in self._reasons:
                self._reasons[reason] = self._part(_OF_VERDICT, cell)
            found.append(text + self._reasons[reason])
        return found


def _plain(keys: Sequence[str], values: Object) -> str:
    texts = [plain.escape(_scalar(key, values[key])) for key in keys]
    return "\t".join(texts) if keys[0] == COLUMNS[0] else "\t" + "\t".join(texts)


def _csv(keys: Sequence[str], values: Object) -> str:
    texts = csv_row([_scalar(key, values[key]) for key in keys])
    return texts if keys[0] == COLUMNS[0] else "," + texts


def _json(keys: Sequence[str], values: Object) -> str:
    inner = dumps({key: values[key] for key in keys}, None)[1:-1]
    if keys[0] == COLUMNS[0]:
        return "{" + inner
    return f",{inner}}}" if keys[-1] == COLUMNS[-1] else f",{inner}"


def _scalar(key: str, value: Any) -> str:
    if key == "error":
        return f"{value['code']}: {value['message']}" if value else ""
    return scalar(value)


def _document(report: Object) -> Iterator[str]:
    """One JSON document, a cell per line: written as it is answered, since a whole catalogue is large."""
    head = dumps({**{key: value for key, value in report.items() if key != "rows"}, "cells": []})
    yield head.removesuffix("[]\n}") + "["
    before: str | None = None
    for block in _texts(report, "json", ",\n", "    "):
        if before is not None:
            yield before + ","
        before = block
    yield f"{before}\n  ]\n}}" if before else "  ]\n}"


def _markdown(report: Object) -> Iterator[str]:
    """A table of rows by GPUs, each cell a sign and the GiB left."""
    headings = ["Model", "Quant", *[gpu["id"] for gpu in report["gpus"]]]
    yield "| " + " | ".join(map(markdown_escape, headings)) + " |"
    yield "| :-- | :-- | " + " | ".join(["--:"] * len(report["gpus"])) + " |"
    for row in report["rows"]:
        cells = gathered(row["cells"])
        texts = [markdown_escape(text(cell)) for part in cells.parts for cell in part.cells()]
        lead = [markdown_escape(row["model"]), markdown_escape(label(row))]
        yield "| " + " | ".join([*lead, *cells.layout.spread(texts)]) + " |"


def label(row: Object) -> str:
    """Name of a row's quantization: ``fp16``, ``int4 nf4``, or ``best`` where each cell has its own."""
    if "quant" not in row:
        return "best"
    beside = scheme_beside_class({"scheme": row["quant"] or "", "class": row["class"]})
    return f"{row['class']} {beside}".rstrip()


def text(cell: Object) -> str:
    """Text of a cell: ``✓ 6.2``, ``✗ −3.4``, ``✓ Q6_K 2.3``, ``?``: sign, the cell's own scheme, and GiB."""
    parts = [SIGNS[cell["verdict"]], cell.get("quant") or ""]
    if cell["headroom_bytes"] is not None:
        gibibytes = cell["headroom_bytes"] / GIB
        parts.append(f"{gibibytes:,.{1 if abs(gibibytes) >= 0.05 else 2}f}".replace("-", "−"))
    return " ".join([part for part in parts if part])


def print_matrix(report: Object, *, stream: TextIO, colour: bool) -> None:
    """Draw the matrix on a terminal: models down and GPUs across, in as many blocks as its width needs.

    Where that takes several and there are fewer rows than GPUs, the GPUs go down.
    """
    from vramfit.render.page import Column, Page

    page = Page(shutil.get_terminal_size((80, 24)).columns, stream.encoding or "ascii", colour=colour)
    rows, gpus = list(report["rows"]), [gpu["id"] for gpu in report["gpus"]]
    lead = [
        Column("model", _once([row["model"] for row in rows]), right=False),
        Column("quant", [label(row) for row in rows], right=False),
    ]
    columns = [Column(gpu, [_span(row["cells"][at]) for row in rows]) for at, gpu in enumerate(gpus)]
    blocks = _blocks(page, lead, columns)
    if len(blocks) > 1 and len(rows) < len(gpus):
        lead = [Column("gpu", list(gpus), right=False)]
        columns = [Column(f"{row['model']}\n{label(row)}", list(map(_span, row["cells"]))) for row in rows]
        blocks = _blocks(page, lead, columns)
    for block in blocks:
        page.table([*lead, *block], indent=0)
        page.blank()
    page.prose((_LEGEND, "dim"))
    reasons = dict.fromkeys(cell["error"]["message"] for row in rows for cell in row["cells"] if cell["error"])
    for reason in list(reasons)[:_NOTES]:
        page.prose((reason, "dim"), label=("?", "dim"), hang=2)
    if len(reasons) > _NOTES:
        page.prose((f"and {len(reasons) - _NOTES} more reasons: see --format plain", "dim"), label=("?", "dim"), hang=2)
    stream.write(page.drawn())


def _blocks(page: Page, lead: Sequence[Column], columns: Sequence[Column]) -> list[list[Column]]:
    """Groups of columns that fit beside the leading ones; at least one in each."""
    from vramfit.render.page import GAP

    room = page.width - sum(page.column_width(column) + GAP for column in lead)
    blocks: list[list[Column]] = []
    used = 0
    for column in columns:
        width = page.column_width(column) + GAP
        if not blocks or used + width > room + GAP:
            blocks.append([])
            used = 0
        blocks[-1].append(column)
        used += width
    return blocks


def _span(cell: Object) -> Span:
    return text(cell), colours.VERDICTS[cell["verdict"]]


def _once(names: Sequence[str]) -> list[Span]:
    """Names where they begin; empty below."""
    return ["" if number and name == names[number - 1] else name for number, name in enumerate(names)]
