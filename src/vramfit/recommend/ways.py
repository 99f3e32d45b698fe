"""The best way to run a model on given GPUs: which engine, in which quantization.

Within an engine the best-measured quality that reaches the level and the least speed is taken. 16-bit weights are left
out: near-lossless ones are half as large and, as the label says, no worse for any use. Among engines the better label
counts, then the speed.
"""

from __future__ import annotations

from vramfit._record import record, replace
from vramfit.answer import answer
from vramfit.engines import engine, names
from vramfit.engines.resolve import DEFAULT_CONTEXT_TOKENS, deployments
from vramfit.errors import VramfitError
from vramfit.quantization import derive
from vramfit.quantization.quality import LABELS
from vramfit.speed import prefill_rate
from vramfit.sweep import ladder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.answer import Answer
    from vramfit.engines.interface import Deployment
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme

OFFERED = ("reference", "near-lossless", "small", "noticeable")
"""Labels worth recommending, best first; what loses more, or was never measured, is left to who asks for it."""
COMFORTABLE = "small"
"""The last label that goes before a smaller model in a better one."""

HOPELESS_SHARE = 0.2
"""A smallest scheme that exceeds a GPU by this much of it ends the search in an engine."""


class Tried:
    """What became of all that was tried, for the case that nothing is found."""

    def __init__(self) -> None:
        self.answered = False
        """Whether anything could be estimated at all."""
        self.refused: VramfitError | None = None
        """The first reason why something could not."""


@record
class Wish:
    """What every recommendation must keep to."""

    keys: Mapping[str, Any]
    """Deployment keys but for ``gpu`` and ``model``; ``engine`` and ``quant`` only where they were asked for."""
    least_speed: float
    """Tokens per second; 0 for any."""
    speed_asked: bool
    """Whether the user asked for it: an unknown speed then does not do."""
    reads: bool
    """Whether the model only reads (an embedding): its speed is that of the prompt."""
    tried: Tried


@record
class Way:
    """A model on GPUs that does what is wished for."""

    answer: Answer
    speed: float
    """Expected tokens per second, 0 where unknown."""

    @property
    def label(self) -> str:
        """What it costs in quality."""
        return self.answer.quality[0]

    @property
    def loss(self) -> int:
        """The label as a number: 0 for none that shows, one more for each band, most for what was never measured."""
        if self.label == "reference":
            return 0
        return LABELS.index(self.label) if self.label in LABELS else len(LABELS)

    @property
    def order(self) -> tuple[int, float]:
        """Smaller is better: the label, two of which are as good as no loss, then the speed."""
        return self.loss, -self.speed

    @property
    def comfortable(self) -> bool:
        """Whether the loss of quality is small at most."""
        return self.loss <= LABELS.index(COMFORTABLE)


def best_way(model: Model, gpus: tuple[Gpu, ...], wish: Wish) -> Way | None:
    """The best way; None where nothing offered reaches the asked level and speed."""
    ways = [_best_in(name, model, gpus, wish) for name in engines(gpus, wish)]
    return min((way for way in ways if way is not None), key=lambda way: way.order, default=None)


def engines(gpus: tuple[Gpu, ...], wish: Wish) -> tuple[str, ...]:
    """The asked engine, or those that run on these GPUs; of equal ways the first one's is taken."""
    asked = wish.keys.get("engine")
    if asked is not None:
        return (asked,)
    platform = wish.keys.get("platform", "linux")
    tried = [one for one in map(engine, names()) if one.recommended is not None and one.recommended_on(gpus, platform)]
    return tuple([one.name for one in sorted(tried, key=lambda one: one.recommended or 0)])


def _best_in(name: str, model: Model, gpus: tuple[Gpu, ...], wish: Wish) -> Way | None:
    # The context is stated, since the default of some engines follows the GPU.
    keys = {"context": min(DEFAULT_CONTEXT_TOKENS, model.context), **wish.keys, "engine": name}
    try:
        if "quant" in keys:
            (asked,) = deployments(keys, gpus, model)
            return _try(asked, wish)
        schemes = _schemes(name, model, gpus)
        if not schemes:
            return None
        (smallest,) = deployments({**keys, "quant": _smallest(schemes, model).id}, gpus, model)
        found = answer(smallest)
    except VramfitError as error:
        wish.tried.refused = wish.tried.refused or error
        return None
    wish.tried.answered = True
    if _hopeless(found):
        return None
    ways = (_try(replace(smallest, checkpoint=derive(model, scheme)), wish) for scheme in schemes)
    return next((way for way in ways if way is not None), None)


def _schemes(name: str, model: Model, gpus: tuple[Gpu, ...]) -> tuple[Scheme, ...]:
    """What is tried in an engine, best quality first."""
    runtime = engine(name)
    return tuple([scheme for scheme in ladder(model, name, OFFERED, False) if runtime.loads_on(scheme, gpus)])


_smallest_of: dict[tuple[str, ...], Scheme] = {}


def _smallest(schemes: tuple[Scheme, ...], model: Model) -> Scheme:
    """The scheme with the fewest bits, as the first model asked about has it: others differ by little."""
    key = tuple([scheme.id for scheme in schemes])
    if key not in _smallest_of:
        _smallest_of[key] = min(schemes, key=lambda scheme: derive(model, scheme).file_bytes)
    return _smallest_of[key]


def _hopeless(found: Answer) -> bool:
    """Whether even a need somewhat smaller would exceed the GPUs, so that no other scheme need be tried."""
    return found.verdict.headroom_bytes < -HOPELESS_SHARE * min(found.verdict.usable_bytes)


def _try(deployment: Deployment, wish: Wish) -> Way | None:
    """The way, if it reaches the level and is fast enough."""
    try:
        found = answer(deployment)
    except VramfitError as error:
        wish.tried.refused = wish.tried.refused or error
        return None
    wish.tried.answered = True
    if not found.reached:
        return None
    rate = prefill_rate(deployment, found.estimate) if wish.reads else found.rate
    if rate is None:
        return None if wish.speed_asked else Way(found, 0.0)
    return Way(found, rate.expected) if rate.expected >= wish.least_speed else None
