"""Use case of a recommendation: what to run on a GPU, or which GPUs to get for a model.

``choices`` finds the best engine and scheme for one model on given GPUs, ``models`` ranks models by it, and ``gpus``
GPUs. Each recommendation is an estimate as a check reports it, and its deployment keys give the same answer in a check.
"""

from __future__ import annotations

from vramfit import __version__
from vramfit.check import checked
from vramfit.engines.resolve import SPECULATING, with_stated
from vramfit.errors import CannotTell, UsageError
from vramfit.recommend.choices import Attempts, Criteria
from vramfit.recommend.gpus import cheapest
from vramfit.recommend.models import best_models
from vramfit.report import FORMAT_VERSION, estimate_object

TYPE_CHECKING = False
if TYPE_CHECKING:
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
EXAMPLES = (
    "vramfit recommend -g rtx4090 for what to run on it; vramfit recommend -m llama-3.3-70b for what to run it on"
)


def recommend(request: Request, catalogue: Listing) -> Object:
    """Compose the recommendations as plain data.

    ``request`` has typed deployment keys with ``gpu`` or ``model`` but not both, and may have ``use`` (a word of
    ``models.USES``), ``min_speed`` and ``limit``. Raises ``VramfitError``, also where nothing could be estimated at all.
    """
    keys = {"level": "fits", **request}
    names, model, use, speed, limit = (keys.pop(name, None) for name in ("gpu", "model", "use", "min_speed", "limit"))
    if (names is None) == (model is None):
        raise UsageError("give --gpu or --model, and not both", EXAMPLES)
    tunes = keys.get("task", "inference") != "inference"
    if tunes and speed is not None:
        raise UsageError("how fast fine-tuning is, is not modelled", "leave min_speed out")
    if any(keys.get(name) is not None for name in SPECULATING):
        raise UsageError(
            "recommend leaves speculative decoding out", "leave speculative out; vramfit check answers for a deployment"
        )
    if model is not None and use is not None:
        raise UsageError("--use goes with --gpu", "leave it out: the model is given")
    use = use or DEFAULT_USE
    reads = use == "embedding" or (model is not None and catalogue.model(model).modality == "embedding")
    least = speed if speed is not None else 0.0 if reads or tunes else READING_TOKENS_PER_SECOND
    if model is not None:
        keys = dict(with_stated(keys, catalogue.stated(model)))
    stated = {name: value for name, value in keys.items() if value is not None}
    criteria = Criteria(stated, least, speed is not None, reads, Attempts())
    if model is None:
        recommendations = _models(names, use, criteria, catalogue, limit or SHOWN)
    else:
        recommendations = _gpus(model, criteria, catalogue, limit or SHOWN)
    if criteria.attempts.refused is not None and not criteria.attempts.answered:
        raise criteria.attempts.refused
    return {
        "format_version": FORMAT_VERSION,
        "vramfit_version": __version__,
        "gpu": None if names is None else list(names),
        "model": None if model is None else catalogue.model(model).id,
        "use": use if model is None else None,
        "min_speed": least,
        "level": keys["level"],
        "recommendations": recommendations,
    }


def _models(names: tuple[str, ...], use: str, criteria: Criteria, catalogue: Listing, limit: int) -> list[Object]:
    gpus = tuple([gpu for name in names for gpu in catalogue.gpus(name)])
    return [
        {
            "rank": rank,
            **_estimate(names, criteria, one.choice),
            "released": one.model.released,
            "equivalent_parameters_billion": float(f"{one.equivalent_billions:.3g}"),
        }
        for rank, one in enumerate(best_models(gpus, use, criteria, catalogue, limit), 1)
    ]


def _gpus(name: str, criteria: Criteria, catalogue: Listing, limit: int) -> list[Object]:
    model = catalogue.model(name)
    if model.components:
        raise CannotTell(f"{model.name} is a pipeline, which is not modelled yet", f"see `vramfit show {model.id}`")
    return [
        {"rank": rank, **_estimate((offer.name,), criteria, offer.choice), "cost": _cost(offer)}
        for offers in cheapest(model, criteria, catalogue)
        for rank, offer in enumerate(offers[:limit], 1)
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
