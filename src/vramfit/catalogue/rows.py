"""Rows of the compiled catalogue: the few facts of an entry that searching and listing need, without decoding it."""

from __future__ import annotations

from vramfit._record import Record

MONTHS_TO_HALVE = 8
"""Months in which the size needed for the same result halves: the slower of two measured rates. Parameters, by
benchmarks of open models of 2023 to 2025, halve in 3.5 (Xiao et al. 2025, doi 10.1038/s42256-025-01137-0); training
compute, by perplexity of models of 2012 to 2023, in 8 (5 to 14; Ho et al. 2024, arXiv 2403.05812)."""
NEW_YEAR = 2026
"""Year whose first of January is the day to which sizes are put forward, so that they change with no clock."""
UNDATED_MONTHS = -36
"""Months before that day at which a model of unknown date counts: three years."""


class GpuRow(Record):
    """Facts of a GPU that a search needs."""

    id: str
    name: str
    vendor: str
    segment: str
    vram_gb: float | None
    """The marketed size; None for an integrated GPU, whose memory is the host's."""
    memory_mib: int | None
    """Total that the driver reports."""
    bandwidth_gb_s: float | None
    price_usd: int | None
    rent_usd_per_hour: float | None
    """Cheapest offer of an instance with one of them."""


class Offer(Record):
    """One rented instance of equal GPUs at a dated price."""

    usd_per_hour: float
    """Price of the whole instance, on demand."""
    gpu: str
    """Id of its GPUs."""
    gpus: int
    provider: str
    instance: str | None
    as_of: str
    memory_mib: int
    """Memory of all its GPUs, as the driver reports it."""


class ModelRow(Record):
    """Facts of a model that a search needs."""

    id: str
    name: str
    family: str | None
    modality: str | None
    parameters: int
    active_parameters: int
    context: int | None
    """Longest context the model was made for, tokens."""
    released: str | None

    @property
    def equivalent_billions(self) -> float:
        """Billions of parameters that a model of January 2026 would need to be as capable, as far as size and date tell.

        No benchmark is known here, and no score is made up. A mixture counts with the geometric mean of its total and
        active parameters: it knows more than a dense model of its active size and less than one of its total.
        """
        size = (self.parameters * self.active_parameters) ** 0.5 / 1e9
        return float(size * 2 ** (_months(self.released) / MONTHS_TO_HALVE))


def _months(released: str | None) -> int:
    """Months from the reference day to a release, negative before it; a year alone counts as its middle."""
    if not released:
        return UNDATED_MONTHS
    return (int(released[:4]) - NEW_YEAR) * 12 + int(released[5:7] or 6) - 1
