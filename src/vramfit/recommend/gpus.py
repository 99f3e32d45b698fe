"""GPUs to get for a model: the cheapest that hold it, to own and to rent."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.recommend.choices import best_choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vramfit.catalogue.rows import GpuRow
    from vramfit.catalogue.rows import Offer as Rent
    from vramfit.engines.resolve import Catalogue
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.recommend.choices import Choice, Criteria

OWNED = ("consumer", "workstation", "embedded", "apple", "apu")
"""Segments of GPUs that people buy; the others are rented, or come as whole servers."""
COUNTS = (1, 2, 4, 8)
"""Numbers of equal cards that are tried in one machine."""
ALONE = ("embedded", "apple", "apu")
"""Segments of which a machine has one device."""


class Offer(Record):
    """GPUs that hold the model, with their price, or their rent with its provider and date."""

    name: str
    """Name of the set as ``--gpu`` takes it: ``2xrtx3090``."""
    choice: Choice
    price_usd: int | None = None
    """List price at launch of all of them together."""
    usd_per_hour: float | None = None
    """On-demand price of the whole instance."""
    provider: str | None = None
    instance: str | None = None
    as_of: str | None = None


class _Choices:
    """Best choice for each number of a GPU, found once, since many are both sold and rented."""

    def __init__(self, model: Model, criteria: Criteria, catalogue: Catalogue) -> None:
        self._model, self._criteria, self._catalogue = model, criteria, catalogue
        self._known: dict[str, Choice | None] = {}

    def of(self, name: str, count: int) -> tuple[str, Choice | None]:
        """Name of the set as ``--gpu`` takes it, and the best choice on it."""
        gpus: tuple[Gpu, ...] = self._catalogue.gpus(name) * count
        name = name if count == 1 else f"{count}x{name}"
        if name not in self._known:
            self._known[name] = best_choice(self._model, gpus, self._criteria)
        return name, self._known[name]


def owned(choices: _Choices, rows: Iterable[GpuRow]) -> Iterator[Offer]:
    """Smallest set of each GPU with a price that holds the model."""
    for row in rows:
        if row.price_usd is None or row.segment not in OWNED:
            continue
        for count in COUNTS[:1] if row.segment in ALONE else COUNTS:
            name, choice = choices.of(row.id, count)
            if choice is not None:
                yield Offer(name, choice, price_usd=row.price_usd * count)
                break


def rented(choices: _Choices, instances: Iterable[Rent]) -> Iterator[Offer]:
    """Instances that hold the model."""
    for one in instances:
        name, choice = choices.of(one.gpu, one.gpus)
        if choice is not None:
            yield Offer(
                name,
                choice,
                usd_per_hour=one.usd_per_hour,
                provider=one.provider,
                instance=one.instance,
                as_of=one.as_of,
            )


def cheapest(model: Model, criteria: Criteria, catalogue: Catalogue) -> tuple[list[Offer], list[Offer]]:
    """Offers to own and to rent, each the cheapest first.

    A dearer one is left out where a cheaper one loses no more quality and is as fast.
    """
    choices = _Choices(model, criteria, catalogue)
    own = [(offer.price_usd or 0, offer) for offer in owned(choices, catalogue.gpus_for_sale(0))]
    rent = [(offer.usd_per_hour or 0.0, offer) for offer in rented(choices, catalogue.cloud_offers(0))]
    return _undominated(own), _undominated(rent)


def _undominated(priced: Iterable[tuple[float, Offer]]) -> list[Offer]:
    kept: list[Offer] = []
    for _, offer in sorted(priced, key=lambda pair: (pair[0], pair[1].choice.order, pair[1].name)):
        if not any(one.choice.speed >= offer.choice.speed and one.choice.loss <= offer.choice.loss for one in kept):
            kept.append(offer)
    return kept
