"""Which GPUs to get for a model: the cheapest that hold it, to own and to rent."""

from __future__ import annotations

from vramfit._record import record
from vramfit.recommend.ways import Way, best_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.model import Model
    from vramfit.recommend.ways import Wish

OWNED = ("consumer", "workstation", "embedded", "apple", "apu")
"""Segments that people buy; the others are rented."""
COUNTS = (1, 2, 4, 8)
ALONE = ("laptop", "embedded", "apple", "apu")
"""Segments of which a machine has one."""


@record
class Offer:
    """GPUs that hold the model, and what they cost."""

    gpu: str
    """``2xrtx3090``."""
    count: int
    price_usd: int | None
    """Launch price of all of them; None for an offer to rent."""
    usd_per_hour: float | None
    provider: str | None
    as_of: str | None
    way: Way


def cheapest(model: Model, wish: Wish, catalogue: Any) -> tuple[Offer, ...]:
    """Offers that reach the level, those to own before those to rent, the cheapest first.

    Of a kind of GPU only the fewest that do. A dearer offer is left out where a cheaper one loses no more quality and
    is as fast.
    """
    owned: list[Offer] = []
    rented: list[Offer] = []
    for row in catalogue.gpu_rows():
        if row.memory_mib is None:
            continue
        own = row.price_usd is not None and row.segment in OWNED
        gpu = catalogue.gpu(row.id) if own or row.rent_usd_per_hour is not None else None
        if gpu is None and row.segment != "datacenter":
            continue
        gpu = gpu or catalogue.gpu(row.id)
        if not own and not gpu.rents:
            continue
        for count in COUNTS if gpu.segment not in ALONE else COUNTS[:1]:
            way = best_way(model, (gpu,) * count, wish)
            if way is None:
                continue
            name = gpu.id if count == 1 else f"{count}x{gpu.id}"
            if own:
                owned.append(Offer(name, count, gpu.price_usd * count, None, None, None, way))
            rents = [rent for rent in gpu.rents if rent.gpus == count]
            if rents:
                best = min(rents, key=lambda rent: (rent.usd_per_hour, rent.provider))
                rented.append(Offer(name, count, None, best.usd_per_hour, best.provider, best.as_of, way))
            break
    owned.sort(key=lambda offer: (offer.price_usd, -offer.way.speed, offer.gpu))
    rented.sort(key=lambda offer: (offer.usd_per_hour, -offer.way.speed, offer.gpu))
    return (*_undominated(owned), *_undominated(rented))


def _undominated(offers: list[Offer]) -> list[Offer]:
    kept: list[Offer] = []
    for offer in offers:
        better = [one for one in kept if one.way.speed >= offer.way.speed and one.way.loss <= offer.way.loss]
        if not better:
            kept.append(offer)
    return kept
