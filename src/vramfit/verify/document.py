"""Plain data of a compared log: what ``--json`` prints, and the measurement row that a contributor can send."""

from __future__ import annotations

from vramfit import __version__
from vramfit.engines.keys import every_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.verify import Pair, Verified

FORMAT_VERSION = "1.1"
SENT_KINDS = ("count", "tokens", "number", "size", "choice", "flag", "count-or-word", "pixels", "shares")
"""Kinds of keys whose values a row may state: none of them can be a path, a name or a token."""
VERSION_LETTERS = frozenset("0123456789.b")
"""Characters of a version that a row may state."""


def document(found: Verified) -> dict[str, Any]:
    """Report of a compared log: the log, the deployment that was asked, every figure, and the verdict."""
    deployment = found.deployment
    return {
        "format_version": FORMAT_VERSION,
        "vramfit_version": __version__,
        "engine": found.engine,
        "engine_version": found.log.version,
        "starts": found.log.starts,
        "model": {"id": deployment.model.id, "name": deployment.model.name},
        "gpus": [gpu.id for gpu in deployment.gpus],
        "quant": deployment.scheme.id,
        "deployment": _keys(found),
        "figures": [_figure(pair) for pair in found.pairs],
        "outside": found.outside,
        "verdict": "outside" if found.outside else "inside",
        "notes": list(found.notes),
    }


def _keys(found: Verified) -> dict[str, Any]:
    known = every_key()
    hidden = ("model", "gpu", "engine")
    return {name: value for name, value in found.request.items() if name in known and name not in hidden}


def _figure(pair: Pair) -> dict[str, Any]:
    figure, amount = pair.figure, pair.amount
    whole = figure.unit != "requests"

    def number(value: float) -> float:
        return round(value) if whole else round(value, 4)

    return {
        "name": figure.name,
        "device": figure.device or None,
        "unit": figure.unit,
        "logged": number(figure.value),
        "low": None if amount is None or amount.exact else number(amount.low),
        "expected": None if amount is None else number(amount.expected),
        "high": None if amount is None or amount.exact else number(amount.high),
        "error": None if pair.error is None else round(pair.error, 6),
        "inside": pair.inside,
    }


def row(found: Verified, catalogued: bool) -> dict[str, Any]:
    """Measurement row: engine, version, model, keys, GPU and figures, and nothing that says whose machine it was.

    ``catalogued`` is True if the catalogue has the model; the name of another is left out, as it may be a path.
    """
    known = every_key()
    keys = {
        name: str(value)
        for name, value in found.request.items()
        if name in known and known[name].kind in SENT_KINDS and name not in ("ram", "ram_bandwidth", "engine")
    }
    version = found.log.version or ""
    stated = version if version and set(version) <= VERSION_LETTERS else None
    model = found.deployment.model
    deployment = {
        "gpu": _gpus(found),
        "model": model.id if catalogued else None,
        "engine": found.engine,
        **keys,
        "quant": found.deployment.scheme.id,
    }
    figures = [
        {
            "name": pair.figure.name,
            "device": pair.figure.device or None,
            "unit": pair.figure.unit,
            "logged": _figure(pair)["logged"],
            "estimated": _figure(pair)["expected"],
        }
        for pair in found.pairs
    ]
    return {
        "engine_version": stated,
        "vramfit_version": __version__,
        "deployment": deployment,
        "parameters": found.deployment.model_parameters,
        "figures": figures,
    }


def _gpus(found: Verified) -> str:
    """GPUs as one text: ``2xrtx3090``, ``rtx3090,rtx4090``."""
    ids = [gpu.id for gpu in found.deployment.gpus]
    return f"{len(ids)}x{ids[0]}" if len(set(ids)) == 1 and len(ids) > 1 else ",".join(ids)
