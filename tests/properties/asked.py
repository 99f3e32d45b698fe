"""Asking of deployments, as a check asks them, and what an answer says that invariants compare."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.catalogued import catalogue
from tests.reports.listed import Listed
from vramfit.answer import Answer, answer
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.entries.listing import engine_objects, gpu_objects, model_objects, quant_objects
from vramfit.errors import VramfitError
from vramfit.verdict import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.engines.interface import DeviceMemory

    Raw = Mapping[str, Any]
    """Deployment keys as a file has them."""


@dataclass(frozen=True)
class Violation:
    """One invariant that does not hold of one deployment."""

    invariant: str
    raw: Raw
    changes: Raw
    """Keys that make the other deployment of the comparison; empty where one deployment breaks the invariant alone."""
    found: str
    fell: tuple[str, ...] = ()
    """Parts of the GPUs' memory of which the harder deployment needs less, where the invariant is about the need."""
    largest_fall: float = 0.0
    """Largest share of one of these parts that the harder deployment does without."""
    spread: tuple[int, int] = (1, 1)
    """Number of GPUs that have weights in either deployment."""
    batches: tuple[object, object] = (None, None)
    """Micro-batch of either deployment; None of an engine without the key."""
    contexts: tuple[int, int] = (0, 0)
    """Tokens that a sequence may hold in either deployment."""

    @property
    def kind(self) -> str:
        """Group in which violations are counted: the invariant and the engine."""
        return f"{self.invariant} [{self.raw.get('engine', 'by the name')}]"


class Asker:
    """Answers to deployments, each asked once, and how many were asked and refused."""

    def __init__(self) -> None:
        self.asked = 0
        self.refused = 0

    def answers(self, raw: Raw) -> tuple[Answer, ...] | VramfitError:
        """Answers of a deployment, one for each quantization, or the error that refuses it."""
        self.asked += 1
        try:
            found = resolve(parse_request(raw), catalogue())
            return tuple([answer(one) for one in found])
        except VramfitError as error:
            self.refused += 1
            return error

    def one(self, raw: Raw) -> Answer | None:
        """Only answer of a deployment that states its quantization; None where it is refused."""
        found = self.answers(raw)
        return found[0] if isinstance(found, tuple) and len(found) == 1 else None


def rank(found: Answer) -> int:
    """Rank of a verdict, higher for better."""
    return LEVELS[found.verdict.word]


def needs(found: Answer, host: bool = False) -> dict[str, int]:
    """Bytes that a deployment needs of its GPUs, or of them and the host: as expected and at most.

    The least is left out: an interval may be wider where more is asked.
    """
    devices = _devices(found, host)
    return {"expected": sum(one.total_bytes for one in devices), "high": sum(one.high_bytes for one in devices)}


@cache
def rows() -> Listed:
    """Rows of the catalogue that deployments are drawn from: GPUs whose memory is known, models, schemes, engines."""
    gpus = [row for row in gpu_objects(catalogue()) if row["memory_bytes"] is not None]
    return Listed(gpus, model_objects(catalogue()), quant_objects(catalogue()), engine_objects())


def parts(found: Answer, host: bool = False) -> dict[str, int]:
    """Bytes of each part of the memory over all GPUs, or over them and the host."""
    names = ("weights", "kv_cache", "compute", "overhead")
    return {name: sum(getattr(one, f"{name}_bytes") for one in _devices(found, host)) for name in names}


def spread(found: Answer) -> int:
    """Number of GPUs that have weights."""
    return sum(1 for one in found.estimate.gpus if one.weights_bytes)


def batch(found: Answer) -> object:
    """Micro-batch, as it was stated or as the engine chose it; None of an engine without the key."""
    return getattr(found.deployment.workload.own, "ubatch", None)


def _devices(found: Answer, host: bool) -> tuple[DeviceMemory, ...]:
    return (*found.estimate.gpus, found.estimate.host) if host else found.estimate.gpus
