"""The use case of a recommendation: what to run on a GPU, or which GPUs to get for a model.

``ways`` finds the best way to run one model on given GPUs, ``models`` ranks models by it, and ``gpus`` GPUs. Each
recommendation is an estimate as a check reports it, and its deployment keys asked of ``check`` give the same again.
"""

from __future__ import annotations

from vramfit import __version__
from vramfit.check import checked
from vramfit.errors import CannotTell, UsageError
from vramfit.recommend.gpus import cheapest
from vramfit.recommend.models import USES, best_models
from vramfit.recommend.ways import Wish
from vramfit.remedies.command import command
from vramfit.report import FORMAT_VERSION, estimate_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.catalogue.compiled import Catalogue
    from vramfit.recommend.gpus import Offer
    from vramfit.recommend.ways import Way

__all__ = ["USES", "recommend"]

READING_TOKENS_PER_SECOND = 5.0
"""Slower than this nobody waits for text: people read 238 words a minute (Brysbaert 2019, doi 10.1016/j.jml.2019.104047)
of four tokens to three words."""
SHOWN = 10
"""Recommendations made unless more are asked for."""
DEFAULT_USE = "chat"


def recommend(request: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    """The whole answer as plain data.

    ``request`` has typed deployment keys with ``gpu`` or ``model`` but not both, and ``use``, ``min_speed``, ``limit``.
    Raises ``VramfitError``.
    """
    keys = dict(request)
    own = {name: keys.pop(name, None) for name in ("use", "min_speed", "limit", "gpu", "model")}
    if (own["gpu"] is None) == (own["model"] is None):
        raise UsageError(
            "give --gpu or --model, one of them",
            "vramfit recommend -g rtx4090 for what to run on it, vramfit recommend -m llama-3.3-70b for what to run it on",
        )
    if keys.get("task", "inference") != "inference":
        raise UsageError("recommend is about inference only", "leave task out; vramfit check answers for fine-tuning")
    keys.setdefault("level", "fits")
    use = own["use"] or DEFAULT_USE
    asked = own["min_speed"]
    floor = (0.0 if use == "embedding" else READING_TOKENS_PER_SECOND) if asked is None else asked
    wish = Wish(keys, floor, asked is not None)
    limit = own["limit"] or SHOWN
    if own["gpu"] is not None:
        about, found = _models(own["gpu"], use, wish, catalogue, limit)
    else:
        if own["use"] is not None:
            raise UsageError("--use goes with --gpu", "leave it out: the model is given")
        about, found = _gpus(own["model"], wish, catalogue, limit)
    return {
        "format_version": FORMAT_VERSION,
        "vramfit_version": __version__,
        **about,
        "min_speed": floor,
        "level": keys["level"],
        "recommendations": found,
    }


def _models(
    names: tuple[str, ...], use: str, wish: Wish, catalogue: Catalogue, limit: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    gpus = tuple([gpu for name in names for gpu in catalogue.gpus(name)])
    found = best_models(gpus, use, wish, catalogue, limit)
    told = [
        {
            "rank": rank,
            **_object(names, wish, one.way),
            "released": one.model.released,
            "weight": float(f"{one.weight:.3g}"),
        }
        for rank, one in enumerate(found, 1)
    ]
    return {"gpu": list(names), "model": None, "use": use}, told


def _gpus(name: str, wish: Wish, catalogue: Catalogue, limit: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    model = catalogue.model(name)
    if model.components:
        raise CannotTell(f"{model.name} is a pipeline, which is not modelled yet", f"see `vramfit show {model.id}`")
    found = cheapest(model, wish, catalogue)
    told = []
    for rented in (False, True):
        offers = [offer for offer in found if (offer.price_usd is None) == rented][:limit]
        told += [
            {"rank": rank, **_object((offer.gpu,), wish, offer.way), "cost": _cost(offer)}
            for rank, offer in enumerate(offers, 1)
        ]
    return {"gpu": None, "model": model.id, "use": None}, told


def _object(names: tuple[str, ...], wish: Wish, way: Way) -> dict[str, Any]:
    return {
        **estimate_object(checked({**wish.keys, "gpu": names}, way.answer)),
        "command": command(way.answer),
    }


def _cost(offer: Offer) -> dict[str, Any]:
    return {
        "price_usd": offer.price_usd,
        "usd_per_hour": offer.usd_per_hour,
        "provider": offer.provider,
        "as_of": offer.as_of,
    }
