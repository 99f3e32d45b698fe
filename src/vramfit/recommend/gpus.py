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
FASTER_SHARE = 0.8
"""Share of a dearer offer's speed from which on a cheaper one is as fast: what nobody would notice (docs/remedies.md)."""
UNPRICED_USD = 10**12
"""Price of a card of which none is known, in the order of prices: behind all others, by its memory in MiB."""
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


class Trial(Record):
    """GPUs that may hold the model, and what they cost."""

    gpu: str
    count: int
    usd: float
    """Price of all of them, or of an hour."""
    place: tuple[int, int, int]
    """Place in the order of the catalogue, those to own before those to rent."""
    as_of: str | None
    """Date of the price or the rent."""
    rent: Rent | None = None
    """Instance that has them; None for cards to own."""

    def offer(self, name: str, choice: Choice) -> Offer:
        """Offer of the GPUs under that name with the best choice on them."""
        one, usd = self.rent, self.usd
        if one is None and usd >= UNPRICED_USD:
            return Offer(name, choice)
        if one is None:
            return Offer(name, choice, price_usd=int(usd) if usd == int(usd) else usd, as_of=self.as_of)
        return Offer(
            name, choice, usd_per_hour=one.usd_per_hour, provider=one.provider, instance=one.instance, as_of=one.as_of
        )


class _Choices:
    """Best choice for each number of a GPU, found once, since many are both sold and rented."""

    def __init__(self, model: Model, criteria: Criteria, catalogue: Listing) -> None:
        self._model, self._criteria, self._catalogue = model, criteria, catalogue
        self._known: dict[str, Choice | None] = {}

    def of(self, trial: Trial) -> tuple[str, Choice | None]:
        """Name of the set as ``--gpu`` takes it, and the best choice on it."""
        name = trial.gpu if trial.count == 1 else f"{trial.count}x{trial.gpu}"
        if name not in self._known:
            gpus: tuple[Gpu, ...] = self._catalogue.gpus(trial.gpu) * trial.count  # kept by the catalogue
            self._criteria.attempts.place = trial.place
            self._known[name] = best_choice(self._model, gpus, self._criteria)
        return name, self._known[name]


def owned(rows: Iterable[GpuRow], wishes: Wishes) -> Iterator[Trial]:
    """Sets of each GPU with a price, within what is wished for; without one where a vendor is asked for and no limit."""
    listed = bool(wishes.vendors) and wishes.budget_usd is None and wishes.max_price_usd is None
    for place, row in enumerate(rows):
        if not wishes.allows(row) or (row.segment not in OWNED and row.id not in wishes.prices):
            continue
        price = wishes.price(row)
        if price is None and listed and row.memory_mib is not None:
            price = Price(UNPRICED_USD + row.memory_mib)
        if price is None:
            continue
        if wishes.max_price_usd is not None and price.usd > wishes.max_price_usd:
            continue
        for count in range(1, (1 if row.segment in ALONE else wishes.max_cards) + 1):
            cost = price.usd * count
            if wishes.budget_usd is not None and cost > wishes.budget_usd:
                break
            yield Trial(row.id, count, cost, (0, place, count), price.as_of)


def rented(instances: Iterable[Rent], wishes: Wishes, vendors: Mapping[str, str]) -> Iterator[Trial]:
    """Instances of the vendors and with the number of cards that are wished for."""
    for place, one in enumerate(instances):
        if one.gpus > wishes.max_cards or (wishes.vendors and vendors.get(one.gpu) not in wishes.vendors):
            continue
        yield Trial(one.gpu, one.gpus, one.usd_per_hour or 0.0, (1, place, one.gpus), one.as_of, one)


def cheapest(
    model: Model, criteria: Criteria, catalogue: Listing, limit: int, wishes: Wishes = NO_WISHES
) -> tuple[list[Offer], list[Offer]]:
    """Up to ``limit`` offers to own and as many to rent, each the cheapest first; of a GPU to own the smallest set that does.

    A dearer one is left out where a cheaper one loses no more quality and is nearly as fast. With a limit on what is bought,
    nothing is rented.
    """
    choices = _Choices(model, criteria, catalogue)
    rows = catalogue.gpu_rows()
    vendors = {row.id: row.vendor for row in rows}
    bought = wishes.budget_usd is not None or wishes.max_price_usd is not None
    own = sorted(owned(rows, wishes), key=_order)
    rents = [] if bought else sorted(rented(catalogue.cloud_offers(0), wishes, vendors), key=_order)
    total, step = len(own) + len(rents), criteria.attempts.step
    found = _undominated(_offers(_counted(own, 0, total, step), choices, smallest=True), limit)
    return found, _undominated(_offers(_counted(rents, len(own), total, step), choices, smallest=False), limit)


def _order(trial: Trial) -> tuple[float, tuple[int, int, int]]:
    return trial.usd, trial.place


def _counted(items: Iterable[T], before: int, total: int, step: Callable[[int, int], None]) -> Iterator[T]:
    """Items as they come, ``step`` being called with their number of ``total``; ``before`` others came first."""
    for number, one in enumerate(items, before):
        step(number, total)
        yield one


def _offers(trials: Iterable[Trial], choices: _Choices, smallest: bool) -> Iterator[tuple[float, list[Offer]]]:
    """Each price, rising, with the offers at it; ``smallest`` stands for one set of each GPU."""
    usd, found = 0.0, list[Offer]()
    done: set[str] = set()
    for trial in trials:
        if trial.usd > usd:
            yield usd, found
            usd, found = trial.usd, []
        if trial.gpu in done:
            continue
        name, choice = choices.of(trial)
        if choice is not None:
            found.append(trial.offer(name, choice))
            if smallest:
                done.add(trial.gpu)
    yield usd, found


def _undominated(priced: Iterable[tuple[float, list[Offer]]], limit: int) -> list[Offer]:
    """First offers that are noticeably faster or lose less than every cheaper one; no dearer ones are made than that takes."""

    def dominated(offer: Offer) -> bool:
        choice = offer.choice
        if any(one.name == offer.name for one in kept):
            return True  # a dearer instance with the same cards
        pace = _pace(choice)
        return bool(pace) and any(
            _pace(one.choice) >= FASTER_SHARE * pace and one.choice.loss <= choice.loss for one in kept
        )

    kept: list[Offer] = []
    for _, offers in priced:
        for offer in sorted(offers, key=lambda one: (one.choice.order, one.name)):
            if not dominated(offer):
                kept.append(offer)  # noqa: PERF401  (what is kept decides on the next)
        if len(kept) >= limit:
            break
    return kept[:limit]


def _pace(choice: Choice) -> float:
    """Speed of a choice; in fine-tuning the operations per second of its GPUs, which a step is made of, 0 if unknown."""
    if choice.speed or choice.answer.deployment.workload.task == "inference":
        return choice.speed
    return sum([gpu.tflops.get("bf16", gpu.tflops.get("fp16", 0.0)) for gpu in choice.answer.deployment.gpus])
