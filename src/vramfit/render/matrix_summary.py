"""A matrix that is longer than the terminal, summed up: how many models each GPU holds, and how to see all of it."""

from __future__ import annotations

import shutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TextIO

    from vramfit.render.fields import Object

CELLS_OF_A_LINE = 6
"""Number of cells that a line of a matrix of some width has about."""
REST_LINES = 6
"""Lines of a summary that are no GPU's."""
WORDS = ("fits", "tight", "exceeds")
ALL = "All cells: --format csv --output matrix.csv, or --format plain; fewer of them: -g 'rtx40*' -m 'qwen3-*', --quant best."


def floods(rows: int, gpus: int) -> bool:
    """Return True if a matrix with so many rows and GPUs goes beyond one screen."""
    return rows * gpus > CELLS_OF_A_LINE * shutil.get_terminal_size((80, 24)).lines


def print_summary(report: Object, *, stream: TextIO, colour: bool) -> None:
    """Draw a line for each GPU with the number of rows by verdict, as many as there is room for, the best first."""
    from vramfit.render.page import Column, Page

    size = shutil.get_terminal_size((80, 24))
    page = Page(size.columns, stream.encoding or "ascii", colour=colour)
    gpus = [str(gpu["id"]) for gpu in report["gpus"]]
    counts, rows = _counts(report["rows"], len(gpus))
    order = sorted(range(len(gpus)), key=lambda at: (-counts[at]["fits"], -counts[at]["tight"], gpus[at]))
    shown = order[: max(1, size.lines - REST_LINES)]
    page.prose((f"{rows:,} rows of models and quantizations on {len(gpus):,} GPUs", "bold"))
    page.table(
        [
            Column("gpu", [gpus[at] for at in shown], right=False),
            *[Column(word, [f"{counts[at][word]:,}" for at in shown]) for word in WORDS],
            Column("unknown", [f"{counts[at]['unknown']:,}" for at in shown]),
        ],
        indent=0,
    )
    if len(shown) < len(gpus):
        page.prose((f"and {len(gpus) - len(shown):,} more GPUs", "dim"))
    page.prose((ALL, "dim"))
    stream.write(page.drawn())


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
