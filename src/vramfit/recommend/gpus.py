"""GPUs to get for a model: the cheapest that hold it, to own and to rent."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.recommend.choices import best_choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TypeVar

    from vramfit.catalogue.rows import GpuRow
    from vramfit.catalogue.rows import Offer as Rent
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.recommend.choices import Choice, Criteria
    from vramfit.recommend.models import Listing

    T = TypeVar("T")

OWNED = ("consumer", "workstation", "embedded", "apple", "apu")
"""Segments of GPUs that people buy; the others are rented, or come as whole servers."""
MOST_CARDS = 8
"""Number of equal cards in one machine up to which sets are tried, unless another is asked for."""
ALONE = ("embedded", "apple", "apu")
"""Segments of which a machine has one device."""


class Price(Record):
    """Price of one card that a user states."""

    usd: float
    as_of: str | None = None
    """Date of the price; None for none."""


class Wishes(Record):
    """Limits on the GPUs to get."""

    vendors: tuple[str, ...] = ()
    """Vendors to choose from; empty for all."""
    budget_usd: float | None = None
    """Highest price of a whole set."""
    max_price_usd: float | None = None
    """Highest price of one card."""
    max_cards: int = MOST_CARDS
    prices: Mapping[str, Price] = {}
    """Prices of cards by id, in the place of the list price at launch."""

    def allows(self, row: GpuRow) -> bool:
        """Return True if a GPU is of the vendors asked for."""
        return not self.vendors or row.vendor in self.vendors

    def price(self, row: GpuRow) -> Price | None:
        """Price of one card: the stated one, else the list price at launch; None where neither is known."""
        own = self.prices.get(row.id)
        return own or (None if row.price_usd is None else Price(row.price_usd))


class Offer(Record):
    """GPUs that hold the model, with their price, or their rent with its provider and date."""

    name: str
    """Name of the set as ``--gpu`` takes it: ``2xrtx3090``."""
    choice: Choice
    price_usd: float | None = None
    """Price of all of them together: the stated one, else the list price at launch."""
    usd_per_hour: float | None = None
    """On-demand price of the whole instance."""
    provider: str | None = None
    instance: str | None = None
    as_of: str | None = None


NO_WISHES = Wishes()


class _Choices:
    """Best choice for each number of a GPU, found once, since many are both sold and rented."""

    def __init__(self, model: Model, criteria: Criteria, catalogue: Listing) -> None:
        self._model, self._criteria, self._catalogue = model, criteria, catalogue
        self._known: dict[str, Choice | None] = {}

    def of(self, name: str, count: int) -> tuple[str, Choice | None]:
        """Name of the set as ``--gpu`` takes it, and the best choice on it."""
        gpus: tuple[Gpu, ...] = self._catalogue.gpus(name) * count  # kept by the catalogue
        name = name if count == 1 else f"{count}x{name}"
        if name not in self._known:
            self._known[name] = best_choice(self._model, gpus, self._criteria)
        return name, self._known[name]


def owned(choices: _Choices, rows: Iterable[GpuRow], wishes: Wishes) -> Iterator[Offer]:
    """Smallest set of each GPU with a price that holds the model, within what is wished for."""
    for row in rows:
        price = wishes.price(row)
        if price is None or not wishes.allows(row) or (row.segment not in OWNED and row.id not in wishes.prices):
            continue
        if wishes.max_price_usd is not None and price.usd > wishes.max_price_usd:
            continue
        for count in range(1, (1 if row.segment in ALONE else wishes.max_cards) + 1):
            cost = price.usd * count
            if wishes.budget_usd is not None and cost > wishes.budget_usd:
                break
            name, choice = choices.of(row.id, count)
            if choice is not None:
                yield Offer(name, choice, price_usd=int(cost) if cost == int(cost) else cost, as_of=price.as_of)
                break


def rented(choices: _Choices, instances: Iterable[Rent], wishes: Wishes, vendors: Mapping[str, str]) -> Iterator[Offer]:
    """Instances that hold the model, of the vendors and with the number of cards that are wished for."""
    for one in instances:
        if one.gpus > wishes.max_cards or (wishes.vendors and vendors.get(one.gpu) not in wishes.vendors):
            continue
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


def cheapest(
    model: Model, criteria: Criteria, catalogue: Listing, wishes: Wishes = NO_WISHES
) -> tuple[list[Offer], list[Offer]]:
    """Offers to own and to rent, each the cheapest first.

    A dearer one is left out where a cheaper one loses no more quality and is as fast.
    """
    choices = _Choices(model, criteria, catalogue)
    rows = catalogue.gpu_rows()
    vendors = {row.id: row.vendor for row in rows}
    bought = wishes.budget_usd is not None or wishes.max_price_usd is not None
    instances = () if bought else tuple(catalogue.cloud_offers(0))
    total, step = len(rows) + len(instances), criteria.attempts.step
    own = [(offer.price_usd or 0, offer) for offer in owned(choices, _counted(rows, 0, total, step), wishes)]
    rents = _counted(instances, len(rows), total, step)
    rent = [(offer.usd_per_hour or 0.0, offer) for offer in rented(choices, rents, wishes, vendors)]
    return _undominated(own), _undominated(rent)


def _counted(items: Iterable[T], before: int, total: int, step: Callable[[int, int], None]) -> Iterator[T]:
    """Items as they come, ``step`` being called with their number of ``total``; ``before`` others came first."""
    for number, one in enumerate(items, before):
        step(number, total)
        yield one


def _undominated(priced: Iterable[tuple[float, Offer]]) -> list[Offer]:
    kept: list[Offer] = []
    for _, offer in sorted(priced, key=lambda pair: (pair[0], pair[1].choice.order, pair[1].name)):
        if not any(one.choice.speed >= offer.choice.speed and one.choice.loss <= offer.choice.loss for one in kept):
            kept.append(offer)
    return kept
