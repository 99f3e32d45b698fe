"""Errors of the estimates of fine-tuning by trainer: ``python -m tests.training.errors [write]``.

It prints the table of docs/fine-tuning.md; with ``write`` it puts the table into the page, between the two marks.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

from tests.training.rows import Row, allocated_error, inside, middle, most, process_error, rows, width

PAGE = Path(__file__).parent.parent.parent / "docs" / "fine-tuning.md"
BEGIN, END = "<!-- errors: python -m tests.training.errors write -->\n", "<!-- end of errors -->\n"


def table() -> str:
    """Errors of every trainer and source, as Markdown."""
    lines = [
        "| trainer | runs | figure | median | 95 of 100 | inside low–high | high / low |",
        "|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows():
        groups.setdefault((row.trainer, row.source.split(" ")[0].split("@")[0]), []).append(row)
    for (trainer, source), found in groups.items():
        held = [allocated_error(row) for row in found if row.allocated is not None]
        whole = [row for row in found if row.process is not None]
        if held:
            lines.append(
                f"| {trainer} | {len(held)} of {source} | allocated | {middle(held):.1%} | {most(held):.1%} | | |"
            )
        if whole:
            errors = [process_error(row) for row in whole]
            share = f"{sum(map(inside, whole))} of {len(whole)}"
            wide = f"{median(map(width, whole)):.2f}"
            name = f"| {trainer} | {len(whole)} of {source} | process |"
            lines.append(f"{name} {middle(errors):.1%} | {most(errors):.1%} | {share} | {wide} |")
    return "\n".join(lines) + "\n"


def written(page: str) -> str:
    """The page with the table of today."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(table())
