"""Cost of a remedy in bands, by which remedies are ranked: quality, speed, work left over, money, effort, and tight fits."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.remedies import Proposal
    from vramfit.speed import Rate

QUALITY_BANDS = {"reference": 1, "near-lossless": 1, "small": 2, "noticeable": 3, "severe": 5}
UNKNOWN_QUALITY_BAND = 3
SHARE_BANDS = (0.8, 0.5, 0.2, 0.05)
"""Lower bounds of the bands of speed, context or sequences left, as shares of what was requested."""
PRICE_BANDS = ((0, 1), (2500, 3), (12_000, 4))
"""Upper bounds in US dollars and numbers of the price bands; dearer is the last band."""
UNKNOWN_PRICE_USD = 12_000
SLOW_SPEEDS = (5.0, 2.5, 1.0)
"""Tokens per second below which a remedy that costs speed is in band 3, 4 and 5 at least: people read five (238 words a
minute, Brysbaert 2019, doi 10.1016/j.jml.2019.104047, at four tokens to three words)."""
RENTED_HOURS = 1000
"""Hours for which the rent of a card counts as its price: half a year of working days."""
TIGHT_BAND, LAST_BAND = 3, 5


def cost(proposal: Proposal, label: str, before: Rate | None, rate: Rate | None) -> tuple[int, ...]:
    """Cost of a remedy, as a sorting key: worst band, sum of bands, effort, the other bands, money and speed.

    Bands go from 1, nothing anyone would notice, to 5: of quality (``label``), speed (``rate``, against ``before``: the
    asked deployment's on a card that holds it), what is left of the asked work, money, effort, and of the risk that a
    tight fit is none after all.
    """
    price = proposal.price_usd
    if proposal.cloud is not None:
        price = round(proposal.cloud["usd_per_hour"] * RENTED_HOURS)
    money = UNKNOWN_PRICE_USD if price is None else price
    bands = (
        QUALITY_BANDS.get(label, UNKNOWN_QUALITY_BAND),
        1 if before is None or rate is None else _speed_band(before, rate),
        _share_band(proposal.kept),
        next((band for most, band in PRICE_BANDS if money <= most), LAST_BAND),
        proposal.effort,
        1 if proposal.answer.verdict.word == "fits" else TIGHT_BAND,
    )
    speed = 0 if rate is None else round(rate.expected * 1000)
    return max(bands), sum(bands), proposal.effort, *bands, money, -speed


def _speed_band(before: Rate, after: Rate) -> int:
    band = _share_band(after.expected / before.expected)
    slow = sum([after.expected < least for least in SLOW_SPEEDS])
    return max(band, TIGHT_BAND - 1 + slow) if slow and band > 1 else band


def _share_band(share: float) -> int:
    return 1 + sum([share < least for least in SHARE_BANDS])
