"""Models to run on given GPUs, each in its best choice of engine and scheme, the most capable first.

How capable a model is cannot be read off its size, and no benchmark is known here, so no score is made up. What is
known is how large a model is and when it came out; the order follows from what is generally found about both
(``equivalent_billions``).
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.recommend.choices import COMFORTABLE_LOSS, best_choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from vramfit.catalogue.rows import GpuRow, ModelRow
    from vramfit.engines.resolve import Catalogue
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.recommend.choices import Choice, Criteria

    class Listing(Catalogue, Protocol):
        """Catalogue whose models can be listed."""

        def model_rows(self) -> tuple[ModelRow, ...]:
            """Rows of all models."""

        def gpu_rows(self) -> tuple[GpuRow, ...]:
            """Rows of all GPUs."""


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
NEW_YEAR = 2026
"""Year whose first of January is the day to which sizes are put forward, so that they change with no clock."""
UNDATED_MONTHS = -36
"""Months before that day at which a model of unknown date counts: three years."""


FEWEST_BITS = 1.5
"""Bits per weight below which no scheme is: a model that exceeds the memory with fewer is not looked at."""


class Candidate(Record):
    """Model that can be run, and the best choice for running it."""

    model: Model
    equivalent_billions: float
    """Result of the function of this name."""
    choice: Choice


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


def best_models(
    gpus: tuple[Gpu, ...], use: str, criteria: Criteria, catalogue: Listing, limit: int
) -> tuple[Candidate, ...]:
    """Select up to ``limit`` models, largest equivalent first, those whose best choice loses little quality ahead."""
    rows = [row for row in catalogue.model_rows() if row.modality in USES[use]]
    rows.sort(key=lambda row: (-equivalent_billions(row), row.id))
    room_bytes = sum([gpu.memory_bytes for gpu in gpus]) + (criteria.keys.get("ram") or 0)
    if criteria.places_nothing:
        rows = [row for row in rows if row.parameters * FEWEST_BITS / 8 <= room_bytes]
    comfortable: list[Candidate] = []
    others: list[tuple[ModelRow, Choice | None]] = []
    for done, row in enumerate(rows):
        criteria.attempts.step(done, len(rows))
        if len(comfortable) == limit:
            break
        model = catalogue.model(row.id)
        if not _suits(model, use, criteria):
            continue
        wanted = criteria.losing_at_most(COMFORTABLE_LOSS)
        choice = best_choice(model, gpus, wanted)
        if choice is not None and choice.comfortable:
            comfortable.append(Candidate(model, equivalent_billions(row), choice))
        elif choice is not None or wanted is not criteria:
            others.append((row, choice if wanted is criteria else None))
    return (*comfortable, *_others(others, gpus, criteria, catalogue, limit - len(comfortable)))


def _others(
    rows: list[tuple[ModelRow, Choice | None]],
    gpus: tuple[Gpu, ...],
    criteria: Criteria,
    catalogue: Listing,
    limit: int,
) -> Iterator[Candidate]:
    """Yield up to ``limit`` candidates that lose more, of rows with their choice where it was found already.

    They are looked for only where those that lose little are too few.
    """
    for row, known in rows:
        if limit <= 0:
            return
        model = catalogue.model(row.id)
        choice = known or best_choice(model, gpus, criteria)
        if choice is not None:
            limit -= 1
            yield Candidate(model, equivalent_billions(row), choice)


def _suits(model: Model, use: str, criteria: Criteria) -> bool:
    """Tell whether the model has layers, takes the context and, for vision, takes images."""
    if not model.layers or (use == "vision" and model.vision is None):
        return False
    asked = criteria.keys.get("context")
    return not isinstance(asked, int) or asked <= model.context
