"""Which GPUs to get for a model: the cheapest that hold it, to own and to rent."""

from __future__ import annotations

from vramfit._record import record
from vramfit.recommend.ways import best_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from vramfit.engines.resolve import Catalogue
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.recommend.ways import Way, Wish

OWNED = ("consumer", "workstation", "embedded", "apple", "apu")
"""Segments of GPUs that people buy; the others are rented, or come as whole servers."""
COUNTS = (1, 2, 4, 8)
"""How many equal cards are tried in one machine."""
ALONE = ("embedded", "apple", "apu")
"""Segments of which a machine has one."""


@record
class Offer:
    """GPUs that hold the model, and what they cost: a price, or a rent with where and when it was read."""

    name: str
    """As ``--gpu`` takes it: ``2xrtx3090``."""
    way: Way
    price_usd: int | None = None
    """List price at launch of all of them."""
    usd_per_hour: float | None = None
    """On-demand price of the whole instance."""
    provider: str | None = None
    instance: str | None = None
    as_of: str | None = None


class _Ways:
    """The best way on so many of a GPU, worked out once: many are both sold and rented."""

    def __init__(self, model: Model, wish: Wish, catalogue: Catalogue) -> None:
        self._model, self._wish, self._catalogue = model, wish, catalogue
        self._known: dict[str, Way | None] = {}

    def of(self, name: str, count: int) -> tuple[str, Way | None]:
        """The set as ``--gpu`` takes it, and the best way on it."""
        gpus: tuple[Gpu, ...] = self._catalogue.gpus(name) * count
        name = name if count == 1 else f"{count}x{name}"
        if name not in self._known:
            self._known[name] = best_way(self._model, gpus, self._wish)
        return name, self._known[name]


def owned(ways: _Ways, rows: Iterable[Any]) -> Iterator[Offer]:
    """The fewest of each GPU with a price that hold the model."""
    for row in rows:
        for count in () if row.segment not in OWNED else COUNTS[:1] if row.segment in ALONE else COUNTS:
            name, way = ways.of(row.id, count)
            if way is not None:
                yield Offer(name, way, price_usd=row.price_usd * count)
                break


def rented(ways: _Ways, instances: Iterable[Any]) -> Iterator[Offer]:
    """Every instance that holds the model."""
    for one in instances:
        name, way = ways.of(one.gpu, one.gpus)
        if way is not None:
            yield Offer(
                name,
                way,
                usd_per_hour=one.usd_per_hour,
                provider=one.provider,
                instance=one.instance,
                as_of=one.as_of,
            )


def cheapest(model: Model, wish: Wish, catalogue: Catalogue) -> tuple[list[Offer], list[Offer]]:
    """Offers to own and to rent, each the cheapest first.

    A dearer one is left out where a cheaper one loses no more quality and is as fast.
    """
    ways = _Ways(model, wish, catalogue)
    own = [(offer.price_usd or 0, offer) for offer in owned(ways, catalogue.gpus_for_sale(0))]
    rent = [(offer.usd_per_hour or 0.0, offer) for offer in rented(ways, catalogue.cloud_offers(0))]
    return _undominated(own), _undominated(rent)


def _undominated(priced: Iterable[tuple[float, Offer]]) -> list[Offer]:
    kept: list[Offer] = []
    for _, offer in sorted(priced, key=lambda pair: (pair[0], pair[1].way.order, pair[1].name)):
        if not any(one.way.speed >= offer.way.speed and one.way.loss <= offer.way.loss for one in kept):
            kept.append(offer)
    return kept
