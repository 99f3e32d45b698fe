"""The best way to run a model on given GPUs: which engine, in which quantization.

Within an engine the best-measured quality that reaches the level and the least speed is taken, 16-bit weights left out:
near-lossless ones are half as large and, as the label says, no worse for any use. Among the engines it is the better
label that counts, then the speed.
"""

from __future__ import annotations

from vramfit._record import record, replace
from vramfit.engines import MODULES, engine
from vramfit.engines.resolve import deployments
from vramfit.errors import VramfitError
from vramfit.quantization import SCHEMES
from vramfit.quantization.quality import LABELS, REFERENCE, quality, quality_rank
from vramfit.remedies.answer import answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.engines import Deployment
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.remedies.answer import Answer

OFFERED = ("reference", "near-lossless", "small", "noticeable")
"""Labels worth recommending, best first; what loses more, or was never measured, is left to who asks for it."""
COMFORTABLE = "small"
"""The last label that is recommended before a smaller model in a better one."""

SERVERS = ("vllm", "sglang")
SERVER_TARGET = 75
"""Least compute capability (7.5, Turing) on which vLLM runs every scheme that is offered here, FP8 among them, which
takes Marlin kernels there (vllm-project/vllm ``docs/features/quantization/README.md`` and ``llm_compressor/fp8.md``)."""


@record
class Way:
    """A model on GPUs, with what decides between two ways to run it."""

    answer: Answer
    label: str
    evidence: str

    @property
    def speed(self) -> float:
        """Expected decode tokens per second, 0 where unknown."""
        rate = self.answer.rate
        return 0.0 if rate is None else rate.expected

    @property
    def order(self) -> tuple[int, float]:
        """Smaller is better: the label, two of which are as good as no loss, then the speed."""
        return self.loss, -self.speed

    @property
    def loss(self) -> int:
        """The label as a number: 0 for none that shows, one more for each band, most for what was never measured."""
        if self.label == "reference":
            return 0
        return LABELS.index(self.label) if self.label in LABELS else len(LABELS)

    @property
    def comfortable(self) -> bool:
        """Whether the loss of quality is small at most."""
        return self.loss <= LABELS.index(COMFORTABLE)


@record
class Wish:
    """What every recommendation must keep to."""

    keys: Mapping[str, Any]
    """Deployment keys but for ``gpu`` and ``model``; ``engine`` and ``quant`` only where they were asked for."""
    least_speed: float
    """Decode tokens per second."""
    speed_asked: bool
    """Whether the user asked for it: an unknown speed then does not do."""


def best_way(model: Model, gpus: tuple[Gpu, ...], wish: Wish) -> Way | None:
    """The best way; None where nothing offered reaches the asked level and speed."""
    best = None
    for name in engines(gpus, wish):
        found = _best_in(name, model, gpus, wish)
        if found is not None and (best is None or found.order < best.order):
            best = found
    return best


def engines(gpus: tuple[Gpu, ...], wish: Wish) -> tuple[str, ...]:
    """The asked engine, or all that run on these GPUs, llama.cpp first: of equal ways the first is taken."""
    asked = wish.keys.get("engine")
    if asked is not None:
        return (asked,)
    names = ["llama.cpp", *[name for name in MODULES if name != "llama.cpp"]]
    serve = all(_serves(gpu) for gpu in gpus) and wish.keys.get("platform", "linux") == "linux"
    return tuple([name for name in names if serve or name not in SERVERS])


def _serves(gpu: Gpu) -> bool:
    target = gpu.compute_target or ""
    return target.startswith("sm_") and target[3:].isdigit() and int(target[3:]) >= SERVER_TARGET


def ladder(model: Model, parameters: int, name: str, quant: str | None) -> list[str]:
    """What an engine is tried with, best quality first: schemes of measured quality, or the one asked for."""
    if quant is not None:
        return [quant]
    families = engine(name).FAMILIES
    ranked = []
    for scheme in SCHEMES.values():
        if scheme.family in families and scheme.id not in REFERENCE:
            label, _ = quality(scheme.id, parameters, model.dtype)
            if label in OFFERED:
                ranked.append((quality_rank(scheme.id, parameters, model.dtype), scheme.id))
    return [scheme for _, scheme in sorted(ranked)]


def _best_in(name: str, model: Model, gpus: tuple[Gpu, ...], wish: Wish) -> Way | None:
    keys = {**wish.keys, "engine": name}
    quant = keys.pop("quant", None)
    from vramfit.model import parameters as count

    parameters = count(model)
    schemes = ladder(model, parameters, name, quant)
    try:
        (first,) = deployments({**keys, "quant": schemes[-1]}, gpus, model) if schemes else (None,)
    except VramfitError:
        return None
    if first is None or _try(first, wish) is None:
        # Nearly the smallest of all does not do, so nothing will.
        return None
    for scheme in schemes:
        deployment = first if scheme == schemes[-1] else replace(first, scheme=SCHEMES[scheme])
        found = _try(deployment, wish)
        if found is not None:
            label, evidence = quality(deployment.scheme.id, parameters, model.dtype)
            return Way(found, label, evidence)
    return None


def _try(deployment: Deployment, wish: Wish) -> Answer | None:
    """The answer, if it reaches the level and is fast enough."""
    try:
        found = answer(deployment)
    except VramfitError:
        return None
    if not found.reached:
        return None
    rate = found.rate
    if rate is None:
        return None if wish.speed_asked else found
    return found if rate.expected >= wish.least_speed else None
