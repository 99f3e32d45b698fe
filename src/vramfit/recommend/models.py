"""What to run on given GPUs: the catalogue's models, each in its best way, the most capable first.

How capable a model is nobody can read off its size, and this invents no score. What is known is how large it is and
when it came out, and of both what is generally found: capability grows with size, and a newer model does with less.
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.recommend.ways import Way, best_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.recommend.ways import Wish

USES = {
    "chat": ("text", "vision-language", "omni"),
    "code": ("code",),
    "vision": ("vision-language", "omni"),
    "embedding": ("embedding",),
}
"""Modalities of the models for each use."""

MONTHS_TO_HALVE = 8
"""Months in which the size needed for the same result halves: the slower of two measured rates. Parameters, by
benchmarks of open models of 2023 to 2025, halve in 3.5 (Xiao et al. 2025, doi 10.1038/s42256-025-01137-0); training
compute, by perplexity of models of 2012 to 2023, in 8 (5 to 14; Ho et al. 2024, arXiv 2403.05812)."""


@record
class Candidate:
    """A model that can be run, and how."""

    model: Model
    weight: float
    """What it is ranked by: see ``weight``."""
    way: Way


def weight(row: Any) -> float:
    """Billions of parameters that a model of today would need to be as capable, as far as size and date tell.

    A mixture counts with the geometric mean of its total and active parameters, as is usually done: it knows more than a
    dense model of its active size and less than one of its total. "Today" is January 2026 for every model, so that the
    order does not change with the clock.
    """
    size = (row.parameters * row.active_parameters) ** 0.5 / 1e9
    return float(size * 2 ** (months(row.released) / MONTHS_TO_HALVE))


def months(released: str | None) -> int:
    """Months from January 2026 to a release, negative before; one that is not known counts as three years old."""
    if not released:
        return -36
    year, month = int(released[:4]), int(released[5:7] or 6)
    return (year - 2026) * 12 + month - 1


def best_models(gpus: tuple[Gpu, ...], use: str, wish: Wish, catalogue: Any, limit: int) -> tuple[Candidate, ...]:
    """Up to ``limit`` models, best first: those whose best way loses little quality before the others, then by weight."""
    rows = [row for row in catalogue.model_rows() if row.modality in USES[use]]
    rows.sort(key=lambda row: (-weight(row), row.id))
    good: list[Candidate] = []
    rest: list[Candidate] = []
    for row in rows:
        if len(good) == limit:
            break
        model = catalogue.model(row.id)
        if not _suits(model, use, wish):
            continue
        way = best_way(model, gpus, wish)
        if way is not None:
            (good if way.comfortable else rest).append(Candidate(model, weight(row), way))
    return tuple([*good, *rest][:limit])


def _suits(model: Model, use: str, wish: Wish) -> bool:
    if model.components or not model.layers:
        return False
    if use == "vision" and model.vision is None:
        return False
    asked = wish.keys.get("context")
    return asked is None or asked <= model.context
