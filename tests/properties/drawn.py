"""Draw of deployments that are answered: an engine, GPUs, a model, and some of the engine's keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.properties.asked import rows
from tests.reports.draw import STRATA, deployment

if TYPE_CHECKING:
    from random import Random

INFERENCE = tuple([one for one in STRATA if one.engine and one.task == "inference"])
TRAINING = tuple([one for one in STRATA if one.task != "inference"])
TRAINING_SHARE = 0.15


def drawn(rng: Random) -> dict[str, Any]:
    """A deployment that states its engine and one quantization; each engine is as likely as another."""
    stratum = rng.choice(TRAINING if rng.random() < TRAINING_SHARE else INFERENCE)
    raw = deployment(stratum, rng.choice(stratum.keys), rows(), rng)
    raw["engine"] = stratum.engine
    if stratum.task == "inference":
        raw.setdefault("quant", rng.choice(rows().quants_of(stratum.engine))["id"])
    return raw
