"""Verdicts on one model for many sets of GPUs, held as what they have in common.

Of the cells of a row many are equal, and those of single GPUs on which the runtime takes the same share have one need. So a
row holds a ``Run`` for GPUs with one need and one verdict, a cell for every other set, and which of these each column has.
A cell of its own is made where somebody reads it: text formats write from the runs.
"""

from __future__ import annotations

from operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, TypedDict, TypeVar

    from vramfit.errors import VramfitError

    T = TypeVar("T")

    class Cell(TypedDict):
        """Verdict on one deployment, equal to a check's."""

        verdict: str
        required_bytes: int | None
        """Expected need over all GPUs."""
        usable_bytes: int | None
        """Sum of what the GPUs offer, without the reserve for other programs, and no more than the engine allows
        itself."""
        headroom_bytes: int | None
        """Bytes left on the tightest GPU; negative for a deficit."""
        error: dict[str, str | None] | None
        """Reason why there is no verdict: code, message and hint."""

    Run = tuple[str, int, tuple[int, ...], int, int]
    """Cells of single GPUs that differ in what the GPU offers only: the verdict, the expected need, usable bytes in rising
    order, and from which of these to before which they are. The usable bytes are one tuple for many rows."""


class Part:
    """Distinct cells of one deployment: those of its runs, in order, and then others."""

    def __init__(self, runs: list[Run], others: list[Any]) -> None:
        self.runs = runs
        self.others = others

    @property
    def count(self) -> int:
        """Number of distinct cells."""
        return len(self.others) + sum([stop - start for _, _, _, start, stop in self.runs])

    def cells(self) -> list[Cell]:
        """Make the distinct cells."""
        made: list[Cell] = []
        for verdict, required, offers, start, stop in self.runs:
            made += [
                {
                    "verdict": verdict,
                    "required_bytes": required,
                    "usable_bytes": limit,
                    "headroom_bytes": limit - required,
                    "error": None,
                }
                for limit in offers[start:stop]
            ]
        return made + self.others


class Layout:
    """Number of each column's cell among the distinct ones; many rows have one layout."""

    def __init__(self, places: tuple[int, ...]) -> None:
        self.places = places
        self._several = itemgetter(*places) if len(places) > 1 else None

    def spread(self, items: Sequence[T]) -> Sequence[T]:
        """Item of each column, of one item for each distinct cell."""
        found: Sequence[T] = self._several(items) if self._several else [items[place] for place in self.places]
        return found


class Cells:
    """Cells of a row, one for each column, equal ones often one object."""

    def __init__(self, parts: Sequence[Part], layout: Layout) -> None:
        self.parts = parts
        self.layout = layout
        self._made: Sequence[Cell] | None = None

    def _spread(self) -> Sequence[Cell]:
        """Make the cells that were not read before."""
        if self._made is None:
            self._made = self.layout.spread([cell for part in self.parts for cell in part.cells()])
        return self._made

    def __len__(self) -> int:
        return len(self.layout.places)

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._spread())

    def __getitem__(self, column: int) -> Cell:
        return self._spread()[column]


def gathered(cells: Sequence[Any]) -> Cells:
    """Cells of a row that were made one by one; those that are one object are one of the distinct cells."""
    if isinstance(cells, Cells):
        return cells
    numbers = {number: place for place, number in enumerate(dict.fromkeys(map(id, cells)))}
    distinct = list({id(cell): cell for cell in cells}.values())
    return Cells((Part([], distinct),), Layout(tuple([numbers[id(cell)] for cell in cells])))


def refusal(error: VramfitError) -> Cell:
    """Cell of a deployment that has no answer, with the error as its reason."""
    reason: dict[str, str | None] = {"code": error.code, "message": error.message, "hint": error.hint}
    return {"verdict": "unknown", "required_bytes": None, "usable_bytes": None, "headroom_bytes": None, "error": reason}
