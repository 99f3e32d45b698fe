"""Best choice of engine and quantization for running a model on given GPUs.

Within an engine the best-measured quality that reaches the level and the least speed is taken. 16-bit weights are left
out: near-lossless ones are half as large and, as the label says, no worse for any use. Among engines the better label
counts, then the speed.
"""

from __future__ import annotations

from vramfit._record import Record, once, replace
from vramfit.answer import answer
from vramfit.engines import engine, names
from vramfit.engines.machine import check_machine
from vramfit.engines.resolve import deployments
from vramfit.engines.workloads import DEFAULT_CONTEXT_TOKENS
from vramfit.errors import VramfitError
from vramfit.quantization import derive
from vramfit.quantization.quality import LABELS
from vramfit.speed import prefill_rate
from vramfit.sweep.ladder import ladder
from vramfit.workload.common import EXPERTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.answer import Answer
    from vramfit.engines.interface import Deployment
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.recommend.attempts import Attempts
    from vramfit.workload.keys import Request

OFFERED = ("reference", "near-lossless", "small", "noticeable")
"""Labels worth recommending, best first; what loses more, or was never measured, has to be asked for."""
COMFORTABLE = "small"
"""Worst label that still goes before a smaller model with a better one."""

FREED_SHARE = 1.25
"""Bytes freed on the GPUs for each byte by which a file is smaller, at most: buffers shrink with the weights."""
COUNTED = frozenset(
    (
        "level", "context", "parallel", "engine", "quant", "platform", "ram", "reserve", "task", "images", "batch",
        "kv_cache_type", "kv_cache_type_v", "flash_attention",
    )
)  # fmt: skip
"""Keys that leave no weights in RAM. Whatever else is stated may, so that nothing is concluded from the weights alone."""
EXPERTS_ON = "auto"
"""Value of the key for experts in RAM that leaves as many there as have to be."""


class Criteria(Record):
    """Criteria that every recommendation must meet."""

    keys: Request
    """Deployment keys but for ``gpu`` and ``model``; ``engine`` and ``quant`` only where they were asked for."""
    least_speed: float
    """Least tokens per second; 0 for any."""
    speed_asked: bool
    """True if the user asked for a speed: an unknown one then does not do."""
    reads: bool
    """True if the model only reads (an embedding): its speed is that of the prompt."""
    attempts: Attempts
    labels: tuple[str, ...] = OFFERED
    """Labels of quality that may be recommended, best first."""

    @once
    def places_nothing(self) -> bool:
        """True if no key is stated that may leave weights in RAM."""
        return COUNTED.issuperset(self.keys)

    def losing_at_most(self, loss: int) -> Criteria:
        """Criteria without the labels that lose more, where that changes no answer.

        Before anything could be estimated they stay as they are, so that a reason for an empty answer is the first one.
        """
        if not self.attempts.answered:
            return self
        labels = tuple([label for label in self.labels if loss_of(label) <= loss])
        return self if labels == self.labels else replace(self, labels=labels)


class Choice(Record):
    """Model on GPUs, in an engine and a scheme, that meets the criteria."""

    answer: Answer
    speed: float
    """Expected tokens per second, 0 where unknown."""

    @property
    def label(self) -> str:
        """Label of the loss of quality."""
        return self.answer.quality[0]

    @property
    def loss(self) -> int:
        """Label as a number (``loss_of``)."""
        return loss_of(self.label)

    @property
    def order(self) -> tuple[int, float]:
        """Sorting key, smaller is better: the loss of quality, then the speed."""
        return self.loss, -self.speed

    @property
    def comfortable(self) -> bool:
        """True if the loss of quality is small at most."""
        return self.loss <= COMFORTABLE_LOSS


def loss_of(label: str) -> int:
    """Label as a number: 0 for no visible loss, one more for each band, most for what was never measured."""
    if label == "reference":
        return 0
    return LABELS.index(label) if label in LABELS else len(LABELS)


COMFORTABLE_LOSS = loss_of(COMFORTABLE)


def best_choice(model: Model, gpus: tuple[Gpu, ...], criteria: Criteria) -> Choice | None:
    """Find the best choice; None where nothing offered reaches the requested level and speed.

    Behind a choice in one engine, the next is not asked for schemes that lose more: they would not be preferred.
    """
    best = None
    for name in engines(gpus, criteria):
        found = _best_in(name, model, gpus, criteria if best is None else criteria.losing_at_most(best.loss))
        if found is not None and (best is None or found.order < best.order):
            best = found
    return best


def engines(gpus: tuple[Gpu, ...], criteria: Criteria) -> tuple[str, ...]:
    """Names of the requested engine, or of those that run on these GPUs; of equal choices the first one's is taken."""
    asked = criteria.keys.get("engine")
    if asked is not None:
        return (asked,)
    task = criteria.keys.get("task", "inference")
    if task != "inference":
        return tuple([one.name for one in map(engine, names()) if task in one.tasks])
    platform = criteria.keys.get("platform", "linux")
    candidates = [
        one for one in map(engine, names()) if one.recommended is not None and one.recommended_on(gpus, platform)
    ]
    return tuple([one.name for one in sorted(candidates, key=lambda one: one.recommended or 0)])


def _best_in(name: str, model: Model, gpus: tuple[Gpu, ...], criteria: Criteria) -> Choice | None:
    # The context is stated, since the default of some engines follows the GPU.
    keys = {"context": min(DEFAULT_CONTEXT_TOKENS, model.context), **criteria.keys, "engine": name}
    try:
        if keys.get("task", "inference") != "inference":
            return _tuned(keys, gpus, model, criteria)
        if "quant" in keys:
            (asked,) = deployments(keys, gpus, model)
            check_machine(gpus, asked.workload.platform, engine(name).spans_machines)
            return _choice_of(asked, criteria)
        schemes = _schemes(name, model, gpus, criteria)
        if not schemes or _surely_exceeds(name, model, gpus, schemes, criteria):
            return None
        smallest = criteria.attempts.resolved({**keys, "quant": _smallest(schemes, model).id}, gpus, model)
        check_machine(gpus, smallest.workload.platform, engine(name).spans_machines)
    except VramfitError as error:
        criteria.attempts.refuse(error)
        return None
    found = _first_in(smallest, schemes, criteria)
    if found is None and model.has_experts and keys.get("ram") is not None and EXPERTS not in keys:
        return _with_experts_in_ram(keys, schemes, gpus, model, criteria)
    return found


def _tuned(keys: Request, gpus: tuple[Gpu, ...], model: Model, criteria: Criteria) -> Choice | None:
    """Choice in the first settings for fine-tuning that meet the criteria, those of the least memory last."""
    from vramfit.remedies.models import lighter

    for changes in ({}, *lighter(keys, gpus)):
        (asked,) = deployments({**keys, **changes}, gpus, model)
        check_machine(gpus, asked.workload.platform, engine(asked.engine).spans_machines)
        choice = _choice_of(asked, criteria)
        if choice is not None:
            return choice
    return None


def _surely_exceeds(
    name: str, model: Model, gpus: tuple[Gpu, ...], schemes: Sequence[Scheme], criteria: Criteria
) -> bool:
    """Return True if no scheme's weights go into all the memory that there is, once anything could be estimated."""
    if not (criteria.attempts.answered and criteria.places_nothing) or criteria.keys.get("ram") is not None:
        return False
    room_bytes = sum([max(gpu.memory_bytes, *gpu.usable_readings.values(), 0) for gpu in gpus])
    return criteria.attempts.least_bytes(name, model, schemes) > room_bytes


def _first_in(deployment: Deployment, schemes: Sequence[Scheme], criteria: Criteria) -> Choice | None:
    """Choice in the first scheme that meets the criteria.

    Schemes whose weights alone exceed the GPUs are passed over without an estimate, and so are those whose file is smaller
    by fewer bytes than the last estimate was short of, and those that reading their weights alone makes too slow.
    """
    runtime, model, count = engine(deployment.engine), deployment.model, len(deployment.gpus)
    room_bytes = None
    if criteria.places_nothing:
        offered = runtime.offered_on(deployment.gpus, deployment.workload)
        room_bytes = sum(offered) - count * deployment.workload.reserve_bytes
    decodes = criteria.places_nothing and not criteria.reads and deployment.workload.task == "inference"
    short_bytes, larger_bytes = 0, 0
    for scheme in schemes:
        rung = criteria.attempts.rung(runtime.name, model, scheme)
        if room_bytes is not None and rung.exceeds(room_bytes, count):
            criteria.attempts.answered = True
            continue
        if short_bytes and (larger_bytes - rung.file_bytes) * FREED_SHARE < short_bytes:
            continue
        if decodes and criteria.attempts.slow and rung.lags(deployment, criteria.least_speed):
            continue
        try:
            found = answer(replace(deployment, checkpoint=rung.checkpoint), criteria.attempts.known)
        except VramfitError as error:
            criteria.attempts.refuse(error)
            continue
        criteria.attempts.answered = True
        choice = _meeting(found, criteria)
        if choice is not None:
            return choice
        criteria.attempts.slow = criteria.attempts.slow or found.reached
        short_bytes, larger_bytes = _short_bytes(found), rung.file_bytes
        rung.learn(found)
    return None


def _short_bytes(found: Answer) -> int:
    """Bytes that all GPUs together are short of; 0 where they are not, or where memory is not the reason alone.

    The expected need counts: how far the high one is above it is another share of each scheme's file, where publishers differ.
    """
    if found.verdict.refusal is not None:
        return 0
    pairs = zip(found.verdict.usable_bytes, found.estimate.gpus, strict=True)
    return sum([max(0, device.total_bytes - limit) for limit, device in pairs])


def _with_experts_in_ram(
    keys: Request, schemes: Sequence[Scheme], gpus: tuple[Gpu, ...], model: Model, criteria: Criteria
) -> Choice | None:
    """Choice with as many layers' experts in RAM as have to be, in an engine that can leave them there."""
    runtime = engine(str(keys["engine"]))
    if not runtime.places_experts:
        return None
    room_bytes = sum([gpu.memory_bytes for gpu in gpus]) + keys["ram"]
    for scheme in schemes:
        if criteria.attempts.rung(runtime.name, model, scheme).exceeds(room_bytes, len(gpus)):
            continue
        try:
            (one,) = deployments({**keys, "quant": scheme.id, EXPERTS: EXPERTS_ON}, gpus, model)
            choice = _meeting(answer(one, criteria.attempts.known), criteria)
        except VramfitError:
            continue
        if choice is not None:
            return choice
    return None


def _schemes(name: str, model: Model, gpus: tuple[Gpu, ...], criteria: Criteria) -> tuple[Scheme, ...]:
    """Schemes that are tried in an engine, best quality first."""
    runtime, ranked = engine(name), ladder(model, name, criteria.labels, False)
    return tuple([scheme for scheme in ranked if runtime.computes_with(scheme, gpus)])


_smallest_of: dict[tuple[str, ...], Scheme] = {}


def _smallest(schemes: tuple[Scheme, ...], model: Model) -> Scheme:
    """Scheme with the fewest bits for the first model asked about; other models differ by little."""
    key = tuple([scheme.id for scheme in schemes])
    if key not in _smallest_of:
        _smallest_of[key] = min(schemes, key=lambda scheme: derive(model, scheme).file_bytes)
    return _smallest_of[key]


def _choice_of(deployment: Deployment, criteria: Criteria) -> Choice | None:
    """Choice made of a deployment; None if it misses the level or is too slow."""
    try:
        found = answer(deployment, criteria.attempts.known)
    except VramfitError as error:
        criteria.attempts.refuse(error)
        return None
    criteria.attempts.answered = True
    return _meeting(found, criteria)


def _meeting(found: Answer, criteria: Criteria) -> Choice | None:
    """Choice of an answer; None if it misses the level or is too slow."""
    if not found.reached:
        return None
    rate = prefill_rate(found.deployment, found.estimate) if criteria.reads else found.rate
    if rate is None:
        return None if criteria.speed_asked else Choice(found, 0.0)
    return Choice(found, rate.expected) if rate.expected >= criteria.least_speed else None
