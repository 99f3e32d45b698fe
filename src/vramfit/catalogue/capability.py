"""Capability of a model, as far as its size and its date tell: no benchmark is known here, and no score is made up."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.catalogue.rows import ModelRow

MONTHS_TO_HALVE = 8
"""Months in which the size needed for the same result halves: the slower of two measured rates. Parameters, by
benchmarks of open models of 2023 to 2025, halve in 3.5 (Xiao et al. 2025, doi 10.1038/s42256-025-01137-0); training
compute, by perplexity of models of 2012 to 2023, in 8 (5 to 14; Ho et al. 2024, arXiv 2403.05812)."""
NEW_YEAR = 2026
"""Year whose first of January is the day to which sizes are put forward, so that they change with no clock."""
UNDATED_MONTHS = -36
"""Months before that day at which a model of unknown date counts: three years."""


def equivalent_billions(row: ModelRow) -> float:
    """Billions of parameters that a model of January 2026 would need to be as capable, as far as size and date tell.

    A mixture counts with the geometric mean of its total and active parameters: it knows more than a dense model of its
    active size and less than one of its total.
    """
    size = (row.parameters * row.active_parameters) ** 0.5 / 1e9
    return float(size * 2 ** (_months(row.released) / MONTHS_TO_HALVE))


def _months(released: str | None) -> int:
    """Months from the reference day to a release, negative before it; a year alone counts as its middle."""
    if not released:
        return UNDATED_MONTHS
    return (int(released[:4]) - NEW_YEAR) * 12 + int(released[5:7] or 6) - 1
