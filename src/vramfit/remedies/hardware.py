"""Other hardware: more of the same card, a bigger one, a rented one."""

from __future__ import annotations

from vramfit.remedies import Proposal
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from vramfit.engines.resolve import Catalogue
    from vramfit.remedies import Answer, Try

COUNTS = (2, 3, 4, 6, 8)
"""How many cards people put in one machine."""
OWNED = ("consumer", "workstation")
BIGGER_OFFERS = 2


def propose(asked: Answer, attempt: Try, catalogue: Catalogue) -> Iterator[Proposal]:
    """Several of the card, then the cheapest bigger cards, then the cheapest rented one."""
    yield from _several(asked, attempt)
    count = len(asked.deployment.gpus)
    # Another card's context is a little smaller or larger: an eighth below the need is worth a try.
    rows = catalogue.bigger_gpus(asked.required_bytes // count * 7 // 8)
    yield from _bigger(asked, attempt, rows)
    yield from _rented(asked, attempt, rows)


def _several(asked: Answer, attempt: Try) -> Iterator[Proposal]:
    gpus = asked.deployment.gpus
    card = gpus[0]
    if any(gpu.id != card.id for gpu in gpus) or card.unified or card.vendor == "custom":
        return
    for count in COUNTS:
        if count <= len(gpus):
            continue
        after = attempt({"gpu": f"{count}x{card.id}"})
        if after is not None and after.reached:
            price = "" if card.price_usd is None else f", about ${card.price_usd:,} each at launch"
            more = count - len(gpus)
            yield Proposal(
                "multi-gpu",
                {"gpu": f"{count}x{card.id}"},
                f"split it over {count} x {card.name}",
                f"{more} more {'card' if more == 1 else 'cards'}{price}",
                after,
            )
            return


def _bigger(asked: Answer, attempt: Try, rows: tuple[Any, ...]) -> Iterator[Proposal]:
    """Cheapest first, each with more memory than the one before."""
    card, count = asked.deployment.gpus[0], len(asked.deployment.gpus)
    owned = [row for row in rows if row.price_usd is not None and row.segment in OWNED and row.vendor == card.vendor]
    owned.sort(key=lambda row: (row.price_usd, row.id))
    least = card.memory_bytes
    offered = 0
    for row in owned:
        if row.memory_mib * MIB <= least:
            continue
        name = row.id if count == 1 else f"{count}x{row.id}"
        after = attempt({"gpu": name})
        if after is None or not after.reached:
            continue
        yield Proposal(
            "bigger-gpu", {"gpu": name}, f"use {_named(after, count)}", f"about ${row.price_usd:,} at launch", after
        )
        least = row.memory_mib * MIB * 5 // 4
        offered += 1
        if offered == BIGGER_OFFERS:
            return


def _rented(asked: Answer, attempt: Try, rows: tuple[Any, ...]) -> Iterator[Proposal]:
    if len(asked.deployment.gpus) > 1:
        return
    rented = sorted(
        (row for row in rows if row.rent_usd_per_hour is not None), key=lambda row: (row.rent_usd_per_hour, row.id)
    )
    for row in rented:
        after = attempt({"gpu": row.id})
        if after is None or not after.reached:
            continue
        offers = [rent for rent in after.deployment.gpus[0].rents if rent.gpus == 1]
        best = min(offers, key=lambda rent: (rent.usd_per_hour, rent.provider))
        cost = f"about ${best.usd_per_hour:.2f} per hour at {best.provider}, as of {best.as_of}"
        yield Proposal("cloud-gpu", {"gpu": row.id}, f"rent {_named(after, 1)}", cost, after)
        return


def _named(after: Answer, count: int) -> str:
    card = after.deployment.gpus[0]
    return f"{'' if count == 1 else f'{count} x '}{card.name} ({card.marketed_gb:g} GB)"
