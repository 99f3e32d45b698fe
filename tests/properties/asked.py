"""Asking of deployments, as a check asks them, and what an answer says that invariants compare."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.catalogued import catalogue
from tests.properties.graphs import graphs
from tests.reports.listed import Listed
from vramfit.answer import Answer, answer
from vramfit.engines.keys import parse_request
from vramfit.engines.llamacpp.placement import parts_of
from vramfit.engines.resolve import resolve
from vramfit.entries.listing import engine_objects, gpu_objects, model_objects, quant_objects
from vramfit.errors import VramfitError
from vramfit.verdict import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.properties.graphs import Graphs
    from vramfit.engines.interface import DeviceMemory

    Raw = Mapping[str, Any]
    """Deployment keys as a file has them."""


@dataclass(frozen=True)
class Measures:
    """Measures of an answer, by which two are compared."""

    parts: Mapping[str, int]
    """Bytes of each part of the memory (``parts``)."""
    spread: int
    """Number of GPUs that have weights."""
    high_bytes: int
    """Highest estimate of the memory."""
    batch: object
    """Micro-batch, as it was stated or as the engine chose it; None of an engine without the key."""
    step_tokens: object
    """Tokens that a server processes at once, as they were stated or as the engine chose them."""
    context: int
    """Tokens that a sequence may hold."""
    graph: Graphs | None
    """Tensors of llama.cpp's graph; None of other engines."""
    lazy_bytes: int = 0
    """Bytes of a table that llama.cpp leaves in the file."""


@dataclass(frozen=True)
class Violation:
    """One invariant that does not hold of one deployment."""

    invariant: str
    raw: Raw
    changes: Raw
    """Keys that make the other deployment of the comparison; empty where one deployment breaks the invariant alone."""
    found: str
    pair: tuple[Measures, Measures] | None = None
    """Measures of the easier deployment and of the harder one, where the invariant compares two."""

    @property
    def fell(self) -> frozenset[str]:
        """Parts of the memory of which the harder deployment needs less."""
        if self.pair is None:
            return frozenset()
        before, after = self.pair
        return frozenset(name for name, value in before.parts.items() if after.parts[name] < value)

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


def measures(found: Answer, host: bool = False) -> Measures:
    """Measures of an answer."""
    work = found.deployment.workload
    spread = sum(1 for one in found.estimate.gpus if one.weights_bytes)
    step = found.estimate.settings.get("max_batched_tokens")
    return Measures(
        parts(found, host), spread, needs(found, host)["high"], getattr(work.own, "ubatch", None), step, work.context,
        graphs(found), _lazy_bytes(found),
    )  # fmt: skip


def _lazy_bytes(found: Answer) -> int:
    deployment = found.deployment
    return parts_of(deployment.checkpoint).lazy_bytes if deployment.engine in ("llama.cpp", "ollama") else 0


def _devices(found: Answer, host: bool) -> tuple[DeviceMemory, ...]:
    return (*found.estimate.gpus, found.estimate.host) if host else found.estimate.gpus
