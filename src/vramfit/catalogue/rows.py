"""Rows of the compiled catalogue: the few facts of an entry that searching and listing need, without decoding it."""

from __future__ import annotations

from vramfit._record import Record


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
