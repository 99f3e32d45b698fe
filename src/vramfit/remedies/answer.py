"""One deployment put through the estimator: the step that the asked question and every remedy share."""

from __future__ import annotations

from vramfit._record import record
from vramfit.engines import engine
from vramfit.speed import decode_rate
from vramfit.verdict import judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vramfit.engines import Deployment, Estimate
    from vramfit.speed import Rate
    from vramfit.verdict import Verdict


@record
class Answer:
    """A deployment with its estimate and verdict."""

    deployment: Deployment
    estimate: Estimate
    verdict: Verdict

    @property
    def required_bytes(self) -> int:
        """The expected need over all GPUs."""
        return sum(gpu.total_bytes for gpu in self.estimate.gpus)

    @property
    def rate(self) -> Rate | None:
        """Decode speed, None when unknown."""
        return decode_rate(self.deployment, self.estimate)

    @property
    def margin_bytes(self) -> int:
        """Headroom of the tightest device at the asked level: below zero the level is missed.

        At level ``tight`` the expected need counts, at ``fits`` the high one.
        """
        high = self.deployment.workload.level == "fits"
        pairs = zip(self.estimate.gpus, self.verdict.usable_bytes, strict=True)
        margin = min(limit - (gpu.high_bytes if high else gpu.total_bytes) for gpu, limit in pairs)
        host = self.verdict.host_headroom_bytes
        return margin if host is None else min(margin, host)

    @property
    def reached(self) -> bool:
        """True when the verdict reaches the level the deployment asks for."""
        return self.verdict.reaches(self.deployment.workload.level)


def answer(deployment: Deployment) -> Answer:
    """Estimate and judge one deployment."""
    estimate = engine(deployment.engine).estimate(deployment)
    return Answer(deployment, estimate, judge(deployment, estimate))


def largest(margin: Callable[[int], int], low: int, high: int, known: tuple[int, int] | None = None) -> int:
    """The largest ``n`` in ``low..high`` with ``margin(n) >= 0``, or ``low - 1`` when there is none.

    ``margin`` falls as ``n`` grows; ``known`` is an ``n`` in the range with its margin, which saves asking. The search
    interpolates (memory is close to linear in tokens and layers) and bisects every third step, so that a kinked curve
    cannot make it slow.
    """
    if known is not None and known[1] < 0:
        high, at_high = known
    else:
        at_high = known[1] if known is not None and known[0] == high else margin(high)
        if at_high >= 0:
            return high
    if known is not None and known[1] >= 0:
        bottom, at_low = known
    else:
        bottom, at_low = low, at_high if low == high else margin(low)
        if at_low < 0:
            return low - 1
    step = 0
    while high - bottom > 1:
        step += 1
        middle = (bottom + high) // 2
        if step % 3:
            middle = bottom + (high - bottom) * at_low // (at_low - at_high)
        middle = min(max(middle, bottom + 1), high - 1)
        found = margin(middle)
        if found >= 0:
            bottom, at_low = middle, found
        else:
            high, at_high = middle, found
    return bottom


def largest_near(margin: Callable[[int], int], low: int, high: int, guess: int, slope: int) -> int:
    """As ``largest``, where the answer is near ``guess`` and one step costs about ``slope``.

    It asks near the answer only: far from it an engine may lay out another graph, which takes longer than many steps.
    """
    place = min(max(guess, low), high)
    found = margin(place)
    fits, exceeds = (place, high + 1) if found >= 0 else (low - 1, place)
    while exceeds - fits > 1:
        # Towards the answer by what the margin says, and at least one step, within what is still open.
        place = place + found // slope if found >= 0 else place - -(found // slope)
        place = min(max(place, fits + 1), exceeds - 1)
        found = margin(place)
        if found >= 0:
            fits = place
        else:
            exceeds = place
    return fits
