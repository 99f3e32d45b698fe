"""Attempts of a recommendation: what is learnt from one that spares the estimate of another.

A model is asked about on many GPUs and in many schemes, and most of them are out of the question: the file is larger than
the memory, or reading it takes too long. What is certain about that is kept here, with the estimates made so far.
"""

from __future__ import annotations

from vramfit._record import Record, once, replace
from vramfit.engines import engine
from vramfit.engines.known import Known
from vramfit.engines.resolve import deployments
from vramfit.engines.workloads import default_platform
from vramfit.memory.weights import slices
from vramfit.speed.decode import least_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vramfit.answer import Answer
    from vramfit.engines.interface import Deployment
    from vramfit.errors import VramfitError
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.keys import Request

CERTAIN_SHARE = 0.9
"""Share of a file's tensors, its largest left out, that are on the GPUs for certain: engines keep an embedding in RAM, and
load no head for drafting that they do not use."""
PLACED_SHARE = 0.97
"""Share of the weights and caches of some GPUs that more of them hold together for certain, whose parts are padded and
rounded otherwise."""
CERTAIN_SPEED_SHARE = 0.99
"""Share of a least speed that rounding to three digits cannot turn into it."""


class Attempts:
    """Record of what was tried, for the case that nothing is found."""

    def __init__(self, step: Callable[[int, int], None] = lambda _done, _total: None) -> None:
        self.step = step
        """Function that is called with how much was looked at, and of how much."""
        self.answered = False
        """True if anything could be estimated at all."""
        self.slow = False
        """True if anything fitted that was too slow: only then it is worth knowing that before an estimate."""
        self.refused: VramfitError | None = None
        """First reason why something could not be estimated, in the order of ``place``."""
        self.place: tuple[int, ...] = ()
        """Place of what is being tried, where it is not tried in the order in which reasons count."""
        self.known = Known()
        """Estimates made so far."""
        self._refused_at: tuple[int, ...] = ()
        self._rungs: dict[tuple[str, int, str], tuple[Model, Rung]] = {}
        """Rungs by engine, identity of the model and scheme, with the model, whose identity nothing else takes."""
        self._resolved: dict[tuple[str, int, str], Deployment] = {}
        """Deployments by engine, identity of their model and platform, where nothing else of the GPUs decides."""
        self._least: dict[tuple[str, int, tuple[str, ...]], tuple[Model, int]] = {}
        """Fewest certain bytes of some rungs, by engine, identity of the model and schemes, with the model."""

    def refuse(self, error: VramfitError) -> None:
        """Keep a reason why something could not be estimated, unless there is one that comes before it."""
        if self.refused is None or self.place < self._refused_at:
            self.refused, self._refused_at = error, self.place

    def rung(self, engine_name: str, model: Model, scheme: Scheme) -> Rung:
        """Checkpoint of a model in a scheme as the engine loads it, with what is known of its size."""
        key = (engine_name, id(model), scheme.id)
        known = self._rungs.get(key)
        if known is None:
            checkpoint = engine(engine_name).checkpoint(model, scheme)
            size = checkpoint.file_bytes
            largest = max([row.total_bytes for row in checkpoint.stored])
            known = self._rungs[key] = (model, Rung(checkpoint, size, size - largest, {}, []))
        return known[1]

    def least_bytes(self, engine_name: str, model: Model, schemes: Sequence[Scheme]) -> int:
        """Bytes that the smallest of a model's files in these schemes has for certain on the GPUs; 0 when asked first.

        All files are looked at, which is worth it where one model is asked for on many GPUs.
        """
        key = (engine_name, id(model), tuple([scheme.id for scheme in schemes]))
        known = self._least.get(key)
        if known is None:
            self._least[key] = (model, -1)
            return 0
        if known[1] < 0:
            sizes = [self.rung(engine_name, model, scheme).certain_bytes for scheme in schemes]
            known = self._least[key] = (model, int(CERTAIN_SHARE * min(sizes)))
        return known[1]

    def resolved(self, keys: Request, gpus: tuple[Gpu, ...], model: Model) -> Deployment:
        """Deployment of a request that names its engine and scheme; raises ``VramfitError`` as resolving does.

        Its scheme may be another one of the engine's that was asked for first.
        """
        runtime = engine(str(keys["engine"]))
        if runtime.follows_gpus:
            (found,) = deployments(keys, gpus, model)
            return found
        key = (runtime.name, id(model), default_platform(gpus))
        known = self._resolved.get(key)
        if known is None:
            (known,) = deployments(keys, gpus, model)
            self._resolved[key] = known
        return known if known.gpus is gpus else replace(known, gpus=gpus)


class Rung(Record):
    """Step of an engine's ladder for a model: a checkpoint, and what is known of it without an estimate or by one."""

    checkpoint: Checkpoint
    file_bytes: int
    certain_bytes: int
    """Bytes of its tensors without the largest, which may be an embedding that stays in RAM."""
    placed_bytes: dict[int, int]
    """Bytes of weights and cache on all GPUs together, by their number, as far as they were estimated."""
    read_bytes: list[int]
    """Bytes of weights that the GPUs together read for a token, of each estimate in which they decode and read them all."""

    def exceeds(self, room_bytes: int, count: int) -> bool:
        """True if so many GPUs with that room together do not hold it for certain: more of them hold no less of it."""
        if CERTAIN_SHARE * self.certain_bytes > room_bytes:
            return True
        placed = [size for number, size in self.placed_bytes.items() if number <= count]
        return bool(placed) and PLACED_SHARE * max(placed) > room_bytes

    @once
    def least_read_bytes(self) -> float:
        """Bytes of weights that are read for a token for certain, before any estimate."""
        cut = slices(self.checkpoint)
        return CERTAIN_SHARE * (sum(cut.layer_read_bytes) + cut.output_read_bytes)

    def lags(self, deployment: Deployment, least_speed: float) -> bool:
        """True if the GPUs of a deployment are slower with it for certain, by what they read for each token alone."""
        if not least_speed or deployment.workload.gpu_layers != "all":
            return False
        read = PLACED_SHARE * min(self.read_bytes) if self.read_bytes else self.least_read_bytes
        ranks = len(deployment.gpus) if engine(deployment.engine).splits_layers else 1
        seconds = least_seconds(deployment, self.checkpoint.scheme, read, ranks)
        return seconds is not None and seconds * least_speed * CERTAIN_SPEED_SHARE > 1

    def learn(self, found: Answer) -> None:
        """Keep what an estimate says of the bytes."""
        gpus = found.estimate.gpus
        cached = sum([gpu.kv_cache_bytes for gpu in gpus])
        self.placed_bytes[len(gpus)] = sum([gpu.weights_bytes for gpu in gpus]) + cached
        if cached and not found.estimate.host.read_bytes and not found.estimate.streamed_bytes:
            self.read_bytes.append(sum([gpu.read_bytes for gpu in gpus]))
