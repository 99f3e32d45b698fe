"""Use case of a recommendation: what to run on a GPU, or which GPUs to get for a model.

``choices`` finds the best engine and scheme for one model on given GPUs, ``models`` ranks models by it, and ``gpus``
GPUs. Each recommendation is an estimate as a check reports it, and its deployment keys give the same answer in a check.
"""

from __future__ import annotations

from vramfit import __version__
from vramfit.checks import checked
from vramfit.engines.resolve import devices, with_stated
from vramfit.errors import CannotTell, UsageError
from vramfit.recommend.attempts import Attempts
from vramfit.recommend.choices import OFFERED, Criteria
from vramfit.recommend.gpus import Wishes, cheapest
from vramfit.recommend.models import best_models
from vramfit.report import FORMAT_VERSION, estimate_object
from vramfit.workload.common import SPECULATING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from vramfit.recommend.choices import Choice
    from vramfit.recommend.gpus import Offer
    from vramfit.recommend.models import Listing
    from vramfit.report.amounts import Object
    from vramfit.workload.keys import Request

READING_TOKENS_PER_SECOND = 5.0
"""Slowest speed that nobody waits for: people read 238 words a minute (Brysbaert 2019, doi 10.1016/j.jml.2019.104047),
at four tokens to three words."""
SHOWN = 10
"""Number of recommendations unless more are requested."""
DEFAULT_USE = "chat"
FLOOR = "noticeable"
"""Worst label of quality that is recommended unless another is asked for."""
LABELS_OFFERED = (*OFFERED, "severe")
"""Labels of quality that may be the floor, best first; what nobody measured is never recommended."""
WISHED = ("vendor", "budget", "max_price", "max_cards", "prices")
"""Options that limit the GPUs to get."""
VENDORS = ("nvidia", "amd", "intel", "apple", "google")
BRANDS = {"radeon": "amd", "geforce": "nvidia", "rtx": "nvidia", "arc": "intel", "mac": "apple", "tpu": "google"}
"""Vendors by the names of their cards."""
POSITIONS = frozenset(("rope_scaling", "long_context"))
"""Keys that give a model a longer context than its own."""
EXAMPLES = (
    "vramfit recommend -g rtx4090 for what to run on it; vramfit recommend -m llama-3.3-70b for what to run it on"
)


def recommend(
    request: Request, catalogue: Listing, step: Callable[[int, int], None] = lambda _done, _total: None
) -> Object:
    """Compose the recommendations as plain data.

    ``request`` has typed deployment keys with ``gpu`` or ``model`` but not both, and may have ``use`` (a word of
    ``models.USES``), ``min_speed`` and ``limit``. ``step`` is called with how many models or sets of GPUs were looked at,
    and of how many. Raises ``VramfitError``, also where nothing could be estimated at all.
    """
    keys = {"level": "fits", **request}
    names, model, use, speed, limit, floor = (
        keys.pop(name, None) for name in ("gpu", "model", "use", "min_speed", "limit", "min_quality")
    )
    wishes = _wishes({name: keys.pop(name, None) for name in WISHED})
    tunes = keys.get("task", "inference") != "inference"
    _refuse({**keys, "gpu": names, "model": model, "use": use, "min_speed": speed}, tunes, wishes)
    use = use or DEFAULT_USE
    reads = use == "embedding" or (model is not None and catalogue.model(model).modality == "embedding")
    least = speed if speed is not None else 0.0 if reads or tunes else READING_TOKENS_PER_SECOND
    if model is not None:
        keys = dict(with_stated(keys, catalogue.stated(model)))
    stated = {name: value for name, value in keys.items() if value is not None}
    floor = floor or FLOOR
    labels = LABELS_OFFERED[: LABELS_OFFERED.index(floor) + 1]
    criteria = Criteria(stated, least, speed is not None, reads, Attempts(step), labels)
    if model is None:
        recommendations = _models(names, use, criteria, catalogue, limit or SHOWN)
    else:
        recommendations = _gpus(model, criteria, catalogue, limit or SHOWN, wishes)
    if criteria.attempts.refused is not None and not criteria.attempts.answered:
        raise criteria.attempts.refused
    return {
        "format_version": FORMAT_VERSION,
        "vramfit_version": __version__,
        "gpu": None if names is None else list(names),
        "model": None if model is None else catalogue.model(model).id,
        "use": use if model is None else None,
        "min_speed": least,
        "min_quality": floor,
        "level": keys["level"],
        "recommendations": recommendations,
    }


def _refuse(given: Request, tunes: bool, wishes: Wishes) -> None:
    """Raise ``UsageError`` for requests that mean nothing."""
    names, model = given["gpu"], given["model"]
    if (names is None) == (model is None):
        raise UsageError("give --gpu or --model, and not both", EXAMPLES)
    if tunes and given["min_speed"] is not None:
        raise UsageError("how fast fine-tuning is, is not modelled", "leave min_speed out")
    if any(given.get(name) is not None for name in SPECULATING):
        raise UsageError(
            "recommend leaves speculative decoding out", "leave speculative out; vramfit check answers for a deployment"
        )
    if model is not None and given["use"] is not None:
        raise UsageError("--use goes with --gpu", "leave it out: the model is given")
    if names is not None and wishes != Wishes():
        raise UsageError("a price, a vendor and a number of cards go with --model", "leave them out: the GPU is given")


def _models(names: tuple[str, ...], use: str, criteria: Criteria, catalogue: Listing, limit: int) -> list[Object]:
    gpus = devices({"gpu": names}, catalogue)
    return [
        {
            "rank": rank,
            **_estimate(names, criteria, one.choice),
            "released": one.model.released,
            "equivalent_parameters_billion": float(f"{one.equivalent_billions:.3g}"),
        }
        for rank, one in enumerate(best_models(gpus, use, criteria, catalogue, limit), 1)
    ]


def _wishes(given: Mapping[str, Any]) -> Wishes:
    """Limits on the GPUs to get, from their options."""
    vendors = tuple([_vendor(one) for one in given["vendor"] or ()])
    found = {"vendors": vendors, "budget_usd": given["budget"], "max_price_usd": given["max_price"],
             "max_cards": given["max_cards"], "prices": given["prices"]}  # fmt: skip
    return Wishes(**{name: value for name, value in found.items() if value})


def _vendor(word: str) -> str:
    """Vendor that a word means, of its cards too; raises ``UsageError`` for another word."""
    folded = word.strip().lower()
    found = BRANDS.get(folded, folded)
    if found not in VENDORS:
        raise UsageError(f'vendor: "{word}" is not a valid value', f"expected one of: {', '.join(VENDORS)}")
    return found


def _gpus(name: str, criteria: Criteria, catalogue: Listing, limit: int, wishes: Wishes) -> list[Object]:
    model = catalogue.model(name)
    if model.components:
        raise CannotTell(f"{model.name} is a pipeline, which is not modelled yet", f"see `vramfit show {model.id}`")
    context = criteria.keys.get("context")
    if isinstance(context, int) and context > model.context > 0 and not POSITIONS.intersection(criteria.keys):
        raise UsageError(
            f"{model.name} takes {model.context:,} tokens, and a context of {context:,} was asked",
            f"use --context {model.context} or less",
        )
    return [
        {"rank": rank, **_estimate((offer.name,), criteria, offer.choice), "cost": _cost(offer)}
        for offers in cheapest(model, criteria, catalogue, limit, wishes)
        for rank, offer in enumerate(offers, 1)
    ]


def _estimate(names: tuple[str, ...], criteria: Criteria, choice: Choice) -> Object:
    return {
        **estimate_object(checked({**criteria.keys, "gpu": names}, choice.answer)),
        "command": choice.answer.command,
        "tokens_per_second": choice.speed or None,
    }


def _cost(offer: Offer) -> Object:
    """Price of an offer: to own it, or per hour with the provider and the date of the price."""
    return {
        "price_usd": offer.price_usd,
        "usd_per_hour": offer.usd_per_hour,
        "provider": offer.provider,
        "instance": offer.instance,
        "as_of": offer.as_of,
    }
