"""One deployment, estimated and judged: the step that a check, its remedies and a recommendation share."""

from __future__ import annotations

from vramfit._record import Record, once
from vramfit.engines import engine
from vramfit.engines import estimate as estimated
from vramfit.quantization.quality import cache_quality, quality_of
from vramfit.speed import decode_rate
from vramfit.verdict import judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate, Serving
    from vramfit.engines.known import Known
    from vramfit.speed import Rate
    from vramfit.verdict import Verdict


WIDE = ("f16", "bf16", "f32")
"""Cache types that lose nothing."""
WORSE = ("reference", "near-lossless", "small", "noticeable", "unknown", "severe")
"""Quality labels, best first, by which the worse of two is found; what nobody measured is seldom severe."""


class Answer(Record):
    """A deployment with its estimate and verdict."""

    deployment: Deployment
    estimate: Estimate
    verdict: Verdict

    @once
    def serving(self) -> Serving | None:
        """Service of a server with the memory that it has; None for an engine that is no server."""
        runtime = engine(self.deployment.engine)
        return runtime.serving(self.deployment, self.estimate, self.verdict.usable_bytes)

    @once
    def required_bytes(self) -> int:
        """Expected need over all GPUs."""
        return sum(gpu.total_bytes for gpu in self.estimate.gpus)

    @once
    def rate(self) -> Rate | None:
        """Decode speed; None when unknown."""
        return decode_rate(self.deployment, self.estimate)

    @once
    def margin_bytes(self) -> int:
        """Headroom of the tightest device at the requested level, below zero if the level is missed.

        At level ``tight`` the expected need counts, at ``fits`` the high one.
        """
        high = self.deployment.workload.level == "fits"
        pairs = zip(self.estimate.gpus, self.verdict.usable_bytes, strict=True)
        margin = min(limit - (gpu.high_bytes if high else gpu.total_bytes) for gpu, limit in pairs)
        return self._least(margin)

    @once
    def room_bytes(self) -> int:
        """Headroom of the tightest device against the high estimate, below zero if that does not fit."""
        pairs = zip(self.estimate.gpus, self.verdict.usable_bytes, strict=True)
        return self._least(min(limit - gpu.high_bytes for gpu, limit in pairs))

    def _least(self, room_bytes: int) -> int:
        """Return the least of a GPU's room, the host's, and what is short if the engine does not start."""
        verdict = self.verdict
        if verdict.refusal is not None:
            room_bytes = min(room_bytes, verdict.headroom_bytes, -1)
        host = verdict.host_headroom_bytes
        return room_bytes if host is None else min(room_bytes, host)

    @property
    def weights_short(self) -> bool:
        """True if the weights alone exceed a GPU."""
        pairs = zip(self.estimate.gpus, self.verdict.usable_bytes, strict=True)
        return any(gpu.weights_bytes > limit for gpu, limit in pairs)

    @once
    def quality(self) -> tuple[str, str]:
        """Label of what the precision of weights and cache costs, the worse of the two, and the evidence."""
        deployment, work = self.deployment, self.deployment.workload
        weights = quality_of(deployment.model, deployment.scheme, deployment.model_parameters)
        if work.task != "inference" or (work.kv_cache_type in WIDE and work.kv_cache_type_v in WIDE):
            return weights
        cache = cache_quality(work.kv_cache_type, work.kv_cache_type_v)
        label = max(weights[0], cache[0], key=WORSE.index)
        return label, f"{weights[1]}; cache {cache[1]}"

    @once
    def command(self) -> str:
        """Shell lines, or Python, that run the deployment with the settings the estimate assumed."""
        return engine(self.deployment.engine).command(self.deployment, self.estimate)

    @property
    def known_command(self) -> str | None:
        """``command`` if the files that it names are known to exist, else None."""
        return self.command if engine(self.deployment.engine).names_known_files(self.deployment) else None

    @property
    def reached(self) -> bool:
        """True if the verdict reaches the level that the deployment asks for."""
        return self.verdict.reaches(self.deployment.workload.level)


def answer(deployment: Deployment, known: Known | None = None) -> Answer:
    """Estimate and judge one deployment; ``known`` remembers estimates for questions about many GPUs."""
    estimate = estimated(deployment, known)
    return Answer(deployment, estimate, judge(deployment, estimate))
