"""llama.cpp's own figures, and drivers' beside them, and what the estimate says of each."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from tests.engines.llamacpp import test_accounting, test_driver_totals, test_further_accounting
from tests.engines.llamacpp.asking import against

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.llamacpp.asking import Row

TABLES = {
    "architectures that rules were written for": test_accounting.TABLE,
    "models that no rule was written for": test_further_accounting.TABLE,
}
TERMS = ("weights", "cache", "compute buffer")


def error(ours: float, printed: int) -> float:
    """Relative error of MiB that were printed rounded down; none where they could have been printed so."""
    return max(0.0, printed - ours, ours - printed - 1) / printed


def rows(table: dict[str, list[dict[str, object]]]) -> list[Row]:
    """Devices of a table: GPUs and the host."""
    return [row for model, asked in table.items() for row in against(model, asked)]


def table() -> Iterator[str]:
    """Lines of a table by term."""
    yield "| accounting of | term | devices | median error | 95 % below |"
    yield "|---|---|---|---|---|"
    for name, asked in TABLES.items():
        compared = rows(asked)
        for place, term in enumerate(TERMS):
            errors = [error(ours[place], printed[place]) for _, ours, printed in compared if printed[place]]
            yield line(f"{len(asked)} {name}", term, errors)
        whole = [error(sum(ours), sum(printed)) for _, ours, printed in compared if sum(printed)]
        yield line(f"{len(asked)} {name}", "all of a device", whole)


def line(name: str, term: str, errors: list[float]) -> str:
    """Line of one term."""
    most = sorted(errors)[min(len(errors) - 1, round(0.95 * len(errors)))]
    return f"| {name} | {term} | {len(errors):,} | {median(errors):.1%} | {most:.1%} |"


def drivers() -> str:
    """Sentence on what drivers counted."""
    found = [inside for row in test_driver_totals.ROWS for inside in test_driver_totals.inside(row)]
    return (
        f"What drivers counted of {len(test_driver_totals.ROWS)} running programs, the context of CUDA, ROCm or Metal"
        f" included, lay between low and high on {sum(found)} of {len(found)} GPUs."
    )
