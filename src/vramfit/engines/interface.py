"""What an engine is: the one interface between a runtime's own knowledge and everything that asks about it.

An engine lives in a folder of its own below ``engines`` (or anywhere else, once it is registered): a subclass of
``Engine`` with its facts, and methods that load the folder's other modules when they are called. It places tensors,
caches and buffers on devices; it decides nothing about fitting (``verdict``).

An estimate is made from a ``Job``: a checkpoint, the work, and the engine's own *view* of the GPUs. Whatever of a GPU
can change the estimate is in the view's traits, since nothing else of it reaches ``estimate``; so GPUs of equal traits
share one estimate (``vramfit.sweep``). What the runtime takes of a GPU whatever it runs there is the other half of the
view, and is added afterwards (``Estimate.on``).
"""

from __future__ import annotations

from vramfit._record import Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Generic, TypeVar

    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch.read import Process
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Form, Group, Request

    V = TypeVar("V")
    K = TypeVar("K")

    class _Generic(Generic[V, K]):
        """``typing.Generic``, which costs too much to load when the program runs."""

    class _OfView(Generic[V]):
        """Likewise, of one parameter."""

else:

    class _Generic:
        def __class_getitem__(cls, _):
            return cls

    _OfView = _Generic


class Deployment(Record):
    """A fully resolved question: these GPUs, this model stored this way, run by this engine for this work."""

    gpus: tuple[Gpu, ...]
    """One per physical device, in the order asked."""
    checkpoint: Checkpoint
    engine: str
    workload: Workload

    @property
    def model(self) -> Model:
        """The model whose tensors the checkpoint holds."""
        return self.checkpoint.model

    @property
    def scheme(self) -> Scheme:
        """How the checkpoint is stored."""
        return self.checkpoint.scheme

    @property
    def model_parameters(self) -> int:
        """Parameters of the model, counted tensor by tensor."""
        from vramfit.model import parameters

        return parameters(self.checkpoint.model)


class Share(Record):
    """What a runtime takes of a GPU before anything that depends on the model, in bytes: context, workspaces."""

    low: int
    expected: int
    high: int

    if not TYPE_CHECKING:
        # A matrix makes thousands, and the constructor of all records takes more than twice the time to fill one.
        def __init__(self, low, expected, high):
            self.low = low
            self.expected = expected
            self.high = high


class View(Record, _OfView["V"]):
    """A set of GPUs as an engine sees them."""

    traits: V
    """Everything about the GPUs that an estimate may depend on; hashable, a record of the engine's own."""
    shares: tuple[Share, ...]
    """What a process takes of each GPU whatever it runs there: part of the overhead, and of low and high."""


class Job(Record, _Generic["V", "K"]):
    """What an engine is asked to hold, and where."""

    checkpoint: Checkpoint
    workload: Workload
    traits: V
    """The engine's view of the GPUs (``View.traits``)."""
    gpu_count: int

    @property
    def model(self) -> Model:
        """The model whose tensors the checkpoint holds."""
        return self.checkpoint.model

    @property
    def scheme(self) -> Scheme:
        """How the checkpoint is stored."""
        return self.checkpoint.scheme

    @property
    def keys(self) -> K:
        """The values of the engine's own deployment keys."""
        return self.workload.own  # type: ignore[return-value]


class DeviceMemory(Record):
    """What one device must hold, in bytes."""

    device: str
    """``gpu0``, ``gpu1``, …, ``host``."""
    weights_bytes: int
    kv_cache_bytes: int
    """KV cache and recurrent states."""
    compute_bytes: int
    """Graph or activation buffers, vision included."""
    overhead_bytes: int
    """What the runtime takes beyond its own accounting: context, workspaces, allocator slack."""
    low_bytes: int
    """The total holds this much at least in nineteen cases of twenty."""
    high_bytes: int
    """And this much at most."""
    read_bytes: int = 0
    """Weights read for each generated token: active experts only, no input embedding."""

    @property
    def total_bytes(self) -> int:
        """The expected total: the sum of the four parts."""
        return self.weights_bytes + self.kv_cache_bytes + self.compute_bytes + self.overhead_bytes


class Pool(Record):
    """A limit that an engine sets itself: a share of what each GPU offers, and what it takes outside of that share."""

    share: float
    outside_bytes: tuple[int, ...]
    """Per GPU."""
    rounded_up: bool
    """Whether the share is rounded up to whole bytes, and not to the nearest."""

    def limits(self, offered_bytes: Iterable[int]) -> tuple[int, ...]:
        """The most that the engine lets itself have of each GPU, given what each offers a program, in bytes."""
        limits = []
        for offered, outside in zip(offered_bytes, self.outside_bytes, strict=True):
            share = min(offered, -int(-offered * self.share // 1)) if self.rounded_up else round(self.share * offered)
            limits.append(share + outside)
        return tuple(limits)


class Estimate(Record):
    """The answer of an engine."""

    gpus: tuple[DeviceMemory, ...]
    host: DeviceMemory
    checkpoint_bytes: int
    """Tensor data of the quantized file, all devices together, each tensor once."""
    notes: tuple[str, ...] | Callable[[], tuple[str, ...]]
    """The assumptions in words, or what puts them into words: remedies try many deployments and read them of none."""
    settings: Mapping[str, object]
    """Deployment keys the engine decided itself (``gpu_layers`` it chose for ``auto``, …)."""
    streamed_bytes: int = 0
    """Host-resident weights the engine copies over PCIe for every token (accelerate); 0 where the CPU computes."""
    idle: tuple[int, ...] = ()
    """GPUs, by number, that the engine leaves alone: not even its runtime takes anything of them."""
    plan: object = None
    """The engine's own record of what it put where, for its terms; None for an engine that needs none."""
    pool: Pool | None = None
    """The limit the engine sets itself, where it sets one below what the card offers."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Short sentences on what the estimate takes for granted."""
        return self.notes() if callable(self.notes) else self.notes

    def on(self, shares: tuple[Share, ...]) -> Estimate:
        """The estimate with the runtime's share of each GPU in use added to what the GPUs must hold."""
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
            outside = [taken + share.expected for taken, share in zip(pool.outside_bytes, shares, strict=True)]
            pool = replace(pool, outside_bytes=tuple(outside))
        return replace(self, gpus=tuple(gpus), pool=pool)


class Words:
    """The assumptions of an estimate: put into words when they are asked for, and compared by those words."""

    def __init__(self, write: Callable[..., tuple[str, ...]], *about: object) -> None:
        self.write = write
        self.about = about

    def __call__(self) -> tuple[str, ...]:
        """The words."""
        return self.write(*self.about)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and self() == other()

    def __hash__(self) -> int:
        return hash(self())


NOTHING = DeviceMemory("host", 0, 0, 0, 0, 0, 0)
"""The host's memory where everything is on the GPUs."""


class Setting(Record):
    """A change of deployment keys that an engine knows to save memory at little cost: tried as a remedy."""

    changes: Mapping[str, object]
    summary: str
    """One line in words: what is changed."""
    trade: str
    """What it costs, in words."""
    effort: int
    """1 a setting, 2 a setting that costs speed."""


class Engine(_Generic["V", "K"]):
    """A runtime: its facts as class attributes, and how it lays out a deployment.

    ``V`` is the type of its view's traits, ``K`` the record of its own deployment keys (None where it has none).
    """

    name: str
    """As the contract spells it: ``llama.cpp``."""
    title: str
    """As its makers spell it."""
    families: tuple[str, ...]
    """Families of ``quantization`` the engine can load."""
    scheme_of_class: Mapping[str, str]
    """The scheme used when a class is asked: ``{"fp16": "fp16", "int8": "int8", "int4": "nf4"}``."""
    cache_types: tuple[str, ...]
    """Cache element types it offers, its default first."""
    tasks: tuple[str, ...] = ("inference",)
    """Tasks it runs: ``inference`` and, for some, fine-tuning."""
    groups: tuple[Group, ...] = ()
    """Its own deployment keys, beside those of ``workload``; a key that several engines share is declared by each."""
    record: type[K] | None = None
    """The record of their values."""

    offloads: bool = False
    """Whether it can leave layers to the CPU and their weights in system RAM."""
    places_experts: bool = False
    """Whether it has a setting for how many layers' experts stay in RAM; the others that offload choose by themselves."""
    loads_in_class: Mapping[str, tuple[str, ...]] = {}
    """Schemes it makes of a 16-bit checkpoint while loading, by class: tried as remedies before other checkpoints."""
    fallback: str | None = None
    """The engine to turn to for what this one cannot hold: the one that runs files of fewer bits, partly in RAM."""
    spans_machines: bool = False
    """Whether it runs over several machines."""
    recommended: int | None = None
    """Its place among the engines that are tried where none is asked for, the lowest first; None for none of them."""
    held_keys: tuple[str, ...] = ()
    """Keys whose default follows the GPUs: a remedy is for what was asked, so it keeps their value."""
    follows_gpus: bool = False
    """Whether ``defaults`` depends on the GPUs and the model together."""

    switches: Mapping[str, tuple[str, ...]] = {}
    """Flags of its program without a value, and the words of ours that they stand for."""
    runtime_formula: str = "context of a process"
    """What the runtime's share of a GPU is, for its term."""
    runtime_source: str = ""
    """Where it was read or measured."""

    def defaults(self, request: Request, gpus: tuple[Gpu, ...], model: Model, scheme: Scheme) -> dict[str, object]:
        """Keys the engine would fill in by the GPUs or the model, as a request has them."""
        return {}

    def checkpoint(self, model: Model, scheme: Scheme) -> Checkpoint:
        """The model as it is stored where a scheme is asked of this engine."""
        from vramfit.quantization import derive

        return derive(model, scheme)

    def fill(self, request: Request) -> K | None:
        """The record of the engine's own keys, filled in from a request; None for an engine that has none."""
        if self.record is None:
            return None
        form: Form[K] | None = self.__dict__.get("_form")
        if form is None:
            from vramfit.workload.keys import Form

            form = self.__dict__["_form"] = Form(self.record, self.groups)
        return form.fill(request)

    def own_keys(self, work: Workload) -> K:
        """The values of the engine's own deployment keys."""
        return work.own  # type: ignore[return-value]

    def check(self, checkpoint: Checkpoint, work: Workload) -> None:
        """Raise ``UsageError`` or ``CannotTell`` for what the engine runs on no GPU at all."""

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[V]:
        """The engine's view of the GPUs; raises ``UsageError`` for one that it does not run on."""
        raise NotImplementedError

    def estimate(self, job: Job[V, K]) -> Estimate:
        """What the job needs, device by device, without the runtime's own share of the GPUs.

        Raises ``UsageError`` for what the engine refuses, and ``CannotTell`` for what is not modelled.
        """
        raise NotImplementedError

    def account(self, job: Job[V, K], estimate: Estimate, ledger: Ledger) -> None:
        """Note every term of an estimate of the job but the runtime's own share of the GPUs."""
        raise NotImplementedError

    def loads_on(self, scheme: Scheme, gpus: tuple[Gpu, ...]) -> bool:
        """Whether the cards can compute with the scheme, as far as a recommendation must be sure of it."""
        return True

    def recommended_on(self, gpus: tuple[Gpu, ...], platform: str) -> bool:
        """Whether every scheme it is recommended with runs on the cards, as far as is known."""
        return True

    def remarks(self, deployment: Deployment, estimate: Estimate) -> tuple[str, ...]:
        """Assumptions that take more of the GPUs to tell than the estimate itself."""
        return ()

    def speed(self) -> SpeedProfile:
        """The constants of its speed: one record, whatever is deployed; by default those of an engine nobody measured."""
        from vramfit.engines.profile import USUAL

        return USUAL

    def chunk_tokens(self, work: Workload) -> int | None:
        """Tokens of a prompt in one pass over the weights; None for all of them."""
        return self.speed().chunk_tokens

    def ranks(self, deployment: Deployment, estimate: Estimate) -> int:
        """GPUs that hold parts of the same layers and work at the same time; 1 where each holds layers of its own."""
        return 1

    def settings(self, deployment: Deployment, estimate: Estimate) -> Iterable[Setting]:
        """What the engine can do without at little cost, in the order in which it is worth trying."""
        return ()

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Shell lines, or Python, that run the deployment with every setting the estimate assumed."""
        raise NotImplementedError

    def neutral_flags(self) -> Mapping[str, int]:
        """Flags of its program that change no memory, with the number of words behind each."""
        return {}

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Deployment keys, as they would be typed, of shell lines that start the engine; None of any others.

        Raises ``UsageError`` for a flag that may change the memory and is not known.
        """
        return None
