"""Models to run on given GPUs, each in its best choice of engine and scheme, the most capable first.

The order follows from what is generally found about the size and the date of models (``catalogue.rows``).
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

FEWEST_BITS = 1.5
"""Bits per weight below which no scheme is: a model that exceeds the memory with fewer is not looked at."""


SIZE_UNITS = ("m", "b", "t")
SAME_SIZE = 0.75
"""Share of the larger of two sizes from which on two models of a line are taken to be of the same size."""


class Candidate(Record):
    """Model that can be run, and the best choice for running it."""

    model: Model
    equivalent_billions: float
    """Result of the function of this name of the model's row."""
    choice: Choice


def best_models(
    gpus: tuple[Gpu, ...], use: str, criteria: Criteria, catalogue: Listing, limit: int
) -> tuple[Candidate, ...]:
    """Select up to ``limit`` models, largest equivalent first, those whose best choice loses little quality ahead."""
    rows = [row for row in catalogue.model_rows() if row.modality in USES[use]]
    rows.sort(key=lambda row: (-row.equivalent_billions, row.id))
    room_bytes = sum([gpu.memory_bytes for gpu in gpus]) + (criteria.keys.get("ram") or 0)
    if criteria.places_nothing:
        rows = [row for row in rows if row.parameters * FEWEST_BITS / 8 <= room_bytes]
    comfortable: list[Candidate] = []
    lines = _Lines()
    others: list[tuple[ModelRow, Choice | None]] = []
    for done, row in enumerate(rows):
        criteria.attempts.step(done, len(rows))
        if len(comfortable) == limit:
            break
        if lines.supersede(row):
            continue
        model = catalogue.model(row.id)
        if not _suits(model, use, criteria):
            continue
        wanted = criteria.losing_at_most(COMFORTABLE_LOSS)
        choice = best_choice(model, gpus, wanted)
        if choice is not None and choice.comfortable:
            comfortable.append(Candidate(model, row.equivalent_billions, choice))
            lines.add(row)
        elif choice is not None or wanted is not criteria:
            others.append((row, choice if wanted is criteria else None))
    return (*comfortable, *_others(others, gpus, criteria, catalogue, lines, limit - len(comfortable)))


class _Lines:
    """Models that are listed, by their line: a name without versions and sizes, as Qwen3.8 27B and Qwen3.6 27B share."""

    def __init__(self) -> None:
        self._listed: dict[str, list[ModelRow]] = {}

    def add(self, row: ModelRow) -> None:
        """Note that a model is listed."""
        self._listed.setdefault(_line(row.id), []).append(row)

    def supersede(self, row: ModelRow) -> bool:
        """Return True if a model of the same line and size that is not older is listed."""
        return any(
            (one.released or "") >= (row.released or "")
            and _alike(one.parameters, row.parameters)
            and _alike(one.active_parameters, row.active_parameters)
            for one in self._listed.get(_line(row.id), ())
        )


def _alike(one: int, other: int) -> bool:
    return min(one, other) >= SAME_SIZE * max(one, other)


def _line(name: str) -> str:
    """Id of a model without its versions and sizes: ``qwen`` of ``qwen3.8-27b``, ``glm-flash`` of ``glm-5.3-flash``."""
    words = [part.rstrip("0123456789.") for part in name.split("-") if not _is_size(part)]
    return "-".join([word for word in words if word])


def _is_size(part: str) -> bool:
    return part[-1:] in SIZE_UNITS and any(letter.isdecimal() for letter in part)


def _others(
    rows: list[tuple[ModelRow, Choice | None]],
    gpus: tuple[Gpu, ...],
    criteria: Criteria,
    catalogue: Listing,
    lines: _Lines,
    limit: int,
) -> Iterator[Candidate]:
    """Yield up to ``limit`` candidates that lose more, of rows with their choice where it was found already.

    They are looked for only where those that lose little are too few.
    """
    for row, known in rows:
        if limit <= 0:
            return
        if lines.supersede(row):
            continue
        model = catalogue.model(row.id)
        choice = known or best_choice(model, gpus, criteria)
        if choice is not None:
            limit -= 1
            lines.add(row)
            yield Candidate(model, row.equivalent_billions, choice)


def _suits(model: Model, use: str, criteria: Criteria) -> bool:
    """Tell whether the model has layers, takes the context and, for vision, takes images."""
    if not model.layers or (use == "vision" and model.vision is None):
        return False
    asked = criteria.keys.get("context")
    return not isinstance(asked, int) or asked <= model.context
