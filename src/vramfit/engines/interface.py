"""Records that pass between the program and an engine: the deployment, the job, and the estimate of its memory.

An estimate is made from a ``Job``: a checkpoint, the workload, and the engine's *view* of the GPUs. The traits of the
view are all that ``estimate`` receives of the GPUs, so GPUs with equal traits share one estimate (``vramfit.sweep``). The
view also contains the memory that the runtime takes of each GPU for any model, which is added to the estimate afterwards
(``Estimate.on``).
"""

from __future__ import annotations

from vramfit._record import Parametric, Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Generic, TypeVar

    from vramfit.engines.pool import Pool
    from vramfit.engines.reference import Reference
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.common import Workload

    V = TypeVar("V")
    K = TypeVar("K")

    class _Generic(Generic[V, K]):
        """``typing.Generic`` for a type checker; loading it would slow down every run."""

    class _OfView(Generic[V]):
        """``typing.Generic`` with a single parameter for a type checker."""

else:
    _Generic = _OfView = Parametric


class Deployment(Record):
    """Fully resolved request: GPUs, a checkpoint, the engine that runs it, and the workload."""

    gpus: tuple[Gpu, ...]
    """GPUs, one entry for each physical device, in the order of the request."""
    checkpoint: Checkpoint
    engine: str
    workload: Workload
    reference: Reference | None = None
    """Published files that the request names for a model of the catalogue; None if it gives the model's id."""

    @property
    def model(self) -> Model:
        """Model of the checkpoint."""
        return self.checkpoint.model

    @property
    def scheme(self) -> Scheme:
        """Quantization scheme of the checkpoint."""
        return self.checkpoint.scheme

    @property
    def model_parameters(self) -> int:
        """Number of parameters of the model, counted tensor by tensor."""
        from vramfit.model.counted import parameters

        return parameters(self.checkpoint.model)


class Share(Record):
    """Bytes that a runtime takes of a GPU for any model: context, workspaces."""

    low: int
    expected: int
    high: int

    if not TYPE_CHECKING:
        # A matrix makes thousands of shares, and the common constructor of records takes more than twice the time.
        def __init__(self, low, expected, high):
            self.low = low
            self.expected = expected
            self.high = high


class View(Record, _OfView["V"]):
    """Facts about a set of GPUs that an engine's estimate depends on."""

    traits: V
    """Hashable record, defined by the engine, of all properties of the GPUs that ``estimate`` may use."""
    shares: tuple[Share, ...]
    """Memory that a process takes of each GPU for any model, which is added to the overhead and to low and high."""


class Job(Record, _Generic["V", "K"]):
    """Input of an engine's estimate: a checkpoint, a workload, and the traits of the GPUs."""

    checkpoint: Checkpoint
    workload: Workload
    traits: V
    """Properties of the GPUs that the engine uses (``View.traits``)."""
    gpu_count: int

    @property
    def model(self) -> Model:
        """Model of the checkpoint."""
        return self.checkpoint.model

    @property
    def scheme(self) -> Scheme:
        """Quantization scheme of the checkpoint."""
        return self.checkpoint.scheme

    @property
    def keys(self) -> K:
        """Values of the engine's own deployment keys."""
        return self.workload.own  # type: ignore[return-value]


class DeviceMemory(Record):
    """Estimated memory of one device in bytes."""

    device: str
    """``gpu0``, ``gpu1``, …, ``host``."""
    weights_bytes: int
    kv_cache_bytes: int
    """Bytes of the KV cache and recurrent states."""
    compute_bytes: int
    """Bytes of graph or activation buffers, those of the vision tower included."""
    overhead_bytes: int
    """Bytes that the runtime takes in addition: context, workspaces, slack of the allocator."""
    low_bytes: int
    """Lower bound of the total, which is not undercut in nineteen cases of twenty."""
    high_bytes: int
    """Upper bound of the total, which is not exceeded in nineteen cases of twenty."""
    read_bytes: int = 0
    """Bytes of weights read for each generated token: only active experts, and no input embedding."""

    @property
    def total_bytes(self) -> int:
        """Expected total in bytes, the sum of the four parts."""
        return self.weights_bytes + self.kv_cache_bytes + self.compute_bytes + self.overhead_bytes


class Estimate(Record):
    """Result of an engine: the memory of every device, and the choices and assumptions behind it."""

    gpus: tuple[DeviceMemory, ...]
    host: DeviceMemory
    checkpoint_bytes: int
    """Bytes of the tensors in the quantized file, over all devices, each tensor counted once."""
    notes: tuple[str, ...] | Callable[[], tuple[str, ...]]
    """Assumptions of the estimate, or a function that writes them. Remedies estimate many deployments whose assumptions
    nobody reads, so writing them can be put off."""
    settings: Mapping[str, object]
    """Values of the deployment keys that the engine decided itself (``gpu_layers`` that it chose for ``auto``, …)."""
    streamed_bytes: int = 0
    """Bytes of weights in host memory that the engine copies over PCIe for every token (accelerate); 0 if the CPU
    computes with them."""
    ram_expert_layers: int | None = None
    """Number of layers with experts in RAM, if tensors are placed one by one; None if the deployment keys state it."""
    idle: tuple[int, ...] = ()
    """Numbers of the GPUs that the engine does not use at all, not even for its runtime."""
    plan: object = None
    """Record, defined by the engine, of its placement, which its terms are derived from; None if it needs none."""
    draft: Estimate | None = None
    """Memory of what drafts tokens for the model, which that of the devices includes; None without speculation."""
    pool: Pool | None = None
    """Limit that the engine sets itself below the usable memory of a card; None if it sets none."""
    refusal: str | None = None
    """Reason why the engine does not start this deployment whatever the memory, with its source; None if it does."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Assumptions of the estimate, as short sentences."""
        return self.notes() if callable(self.notes) else self.notes

    def on(self, shares: tuple[Share, ...]) -> Estimate:
        """Return the estimate with the runtime's share added to every GPU in use."""
        shares = tuple([Share(0, 0, 0) if number in self.idle else share for number, share in enumerate(shares)])
        gpus = [
            replace(
                device,
                overhead_bytes=device.overhead_bytes + share.expected,
                low_bytes=device.low_bytes + share.low,
                high_bytes=device.high_bytes + share.high,
            )
            for device, share in zip(self.gpus, shares, strict=True)
        ]
        pool = self.pool
        if pool is not None:
            context = tuple([share.expected for share in shares])
            outside = tuple([taken + share for taken, share in zip(pool.outside_bytes, context, strict=True)])
            pool = replace(pool, outside_bytes=outside, context_bytes=context if pool.reads_free else ())
        return replace(self, gpus=tuple(gpus), pool=pool)


class Words:
    """Assumptions of an estimate that are written when they are first read, and compared by their text."""

    def __init__(self, write: Callable[..., tuple[str, ...]], *about: object) -> None:
        self.write = write
        self.about = about

    def __call__(self) -> tuple[str, ...]:
        """Write the assumptions."""
        return self.write(*self.about)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and self() == other()

    def __hash__(self) -> int:
        return hash(self())


class Serving(Record):
    """Description of what a server can do with the memory that it has, in its own terms."""

    cache_tokens: int
    """Number of tokens that the cache holds of requests of the full context."""
    concurrent_requests: float
    """Number of requests of the full context that the cache holds at once."""
    max_num_seqs: int | None
    """Largest number of requests that it processes at once; None if it sets none."""
    starts: bool
    refusal: str | None
    """Reason why it does not start; None if it does."""


NOTHING = DeviceMemory("host", 0, 0, 0, 0, 0, 0)
"""Memory of the host if everything is on the GPUs."""


def first_alone(gpu: DeviceMemory, count: int) -> tuple[DeviceMemory, ...]:
    """Memory of ``count`` GPUs of which a process uses the first alone."""
    return (gpu, *[DeviceMemory(f"gpu{number}", 0, 0, 0, 0, 0, 0) for number in range(1, count)])


class Setting(Record):
    """Change of deployment keys that saves memory at little cost, which an engine proposes as a remedy."""

    changes: Mapping[str, object]
    summary: str
    """Description of the change in one line."""
    trade: str
    """Description of the cost in one line."""
    effort: int
    """Effort of the change: 1 for a setting, 2 for a setting that costs speed."""
