"""A matrix that is longer than the terminal, summed up: how many models each GPU holds, and how to see all of it."""

from __future__ import annotations

import shutil

from vramfit.render.colours import VERDICTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, TextIO

    from vramfit.render.fields import Object
    from vramfit.render.page import Column

CELLS_OF_A_LINE = 6
"""Number of cells that a line of a matrix of some width has about."""
REST_LINES = 6
"""Lines of a summary that are no GPU's."""
WORDS = ("fits", "tight", "exceeds")
ALL = (
    "All cells: --format csv --output matrix.csv, or --format plain. Up to about {cells:,} are drawn as a table: name fewer"
    " GPUs with -g or models with -m, and give --quant best for one row a model."
)
BETWEEN = 3
"""Spaces before a further block of GPUs, beside those between all columns."""


def floods(rows: int, gpus: int) -> bool:
    """Return True if a matrix with so many rows and GPUs goes beyond one screen."""
    return rows * gpus > drawable()


def drawable() -> int:
    """Number of cells that one screen holds."""
    return CELLS_OF_A_LINE * shutil.get_terminal_size((80, 24)).lines


def print_summary(report: Object, *, stream: TextIO, colour: bool) -> None:
    """Draw each GPU with the number of rows by verdict, as many as there is room for, the best first.

    A wide terminal has several blocks of GPUs side by side.
    """
    from vramfit.render.page import Page

    size = shutil.get_terminal_size((80, 24))
    page = Page(size.columns, stream.encoding or "ascii", colour=colour)
    gpus = [str(gpu["id"]) for gpu in report["gpus"]]
    counts, rows = _counts(report["rows"], len(gpus))
    order = sorted(range(len(gpus)), key=lambda at: (-counts[at]["fits"], -counts[at]["tight"], gpus[at]))
    high = max(1, size.lines - REST_LINES)
    page.prose((f"{rows:,} rows of models and quantizations on {len(gpus):,} GPUs", "bold"))
    columns: list[Column] = []
    shown = 0
    while shown < len(order):
        block = list(_block([(gpus[at], counts[at]) for at in order[shown : shown + high]], high, beside=bool(columns)))
        if columns and not page.fits([*columns, *block], 0):
            break
        columns += block
        shown += high
    page.table(columns, indent=0)
    if shown < len(gpus):
        page.prose((f"and {len(gpus) - shown:,} more GPUs", "dim"))
    page.prose((ALL.format(cells=drawable()), "dim"))
    stream.write(page.drawn())


def _block(found: Sequence[tuple[str, dict[str, int]]], high: int, *, beside: bool) -> Iterator[Column]:
    """Columns of one block: names of GPUs and their counts, filled up to ``high`` rows where another block is ``beside``."""
    from vramfit.render.page import Column

    lead, missing = " " * BETWEEN * beside, [""] * (high - len(found)) * beside
    yield Column(f"{lead}gpu", [*[f"{lead}{name}" for name, _ in found], *missing], right=False)
    for word in (*WORDS, "unknown"):
        yield Column(word, [*[f"{counts[word]:,}" for _, counts in found], *missing], style=VERDICTS[word])


def _counts(rows: Any, gpus: int) -> tuple[Sequence[dict[str, int]], int]:
    """Number of cells by verdict for each GPU, and the number of rows."""
    found = [dict.fromkeys((*WORDS, "unknown"), 0) for _ in range(gpus)]
    number = 0
    for row in rows:
        number += 1
        for at, cell in enumerate(row["cells"]):
            verdict = cell["verdict"]
            found[at][verdict if verdict in WORDS else "unknown"] += 1
    return found, number
