"""Interface of the engines, through which every other module uses what is known about a runtime.

An engine has a folder of its own below ``engines``, or anywhere else if it is registered. It is a subclass of ``Engine``
with facts as attributes, and methods that load the folder's other modules when they are called. It places tensors, caches
and buffers on devices; ``verdict`` decides whether they fit.

An estimate is made from a ``Job``: a checkpoint, the workload, and the engine's *view* of the GPUs. The traits of the
view are all that ``estimate`` receives of the GPUs, so GPUs with equal traits share one estimate (``vramfit.sweep``). The
view also contains the memory that the runtime takes of each GPU for any model, which is added to the estimate afterwards
(``Estimate.on``).
"""

from __future__ import annotations

from vramfit._record import Parametric, Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Generic, TypeVar

    from vramfit.engines.logs import LogReader
    from vramfit.engines.pool import Pool
    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.reference import Reference
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch import Program
    from vramfit.launch.words import Process
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Form, Group, Request

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


class Setting(Record):
    """Change of deployment keys that saves memory at little cost, which an engine proposes as a remedy."""

    changes: Mapping[str, object]
    summary: str
    """Description of the change in one line."""
    trade: str
    """Description of the cost in one line."""
    effort: int
    """Effort of the change: 1 for a setting, 2 for a setting that costs speed."""


class Engine(_Generic["V", "K"]):
    """Runtime that loads and runs a model: facts as class attributes, and methods that lay out a deployment.

    ``V`` is the type of the traits in its view of the GPUs, ``K`` the record of its own deployment keys, None if it has
    none.
    """

    name: str
    """Name in the contract's spelling: ``llama.cpp``."""
    title: str
    """Name in its makers' spelling."""
    families: tuple[str, ...]
    """Families of ``quantization`` that the engine can load."""
    scheme_of_class: Mapping[str, str]
    """Scheme used for each class of quantization: ``{"fp16": "fp16", "int8": "int8", "int4": "nf4"}``."""
    cache_types: tuple[str, ...]
    """Element types that the engine offers for the cache, the default first."""
    cache_words: Mapping[str, str] = {}
    """Element types by names of other engines that mean one of this engine's."""
    tasks: tuple[str, ...] = ("inference",)
    """Tasks that the engine runs: ``inference`` and, for some, fine-tuning."""
    groups: tuple[Group, ...] = ()
    """Groups of the engine's own deployment keys, in addition to those of ``workload``. Engines that share a key each
    declare it."""
    record: type[K] | None = None
    """Record class of the values of these keys."""

    encodes_text: bool = False
    """True if it is modelled how the engine runs encoder-decoders whose encoder reads as much as the user gives it."""
    offloads: bool = False
    """True if the engine can keep weights in system RAM and let the CPU compute those layers."""
    places_experts: bool = False
    """True if a setting of the engine states the number of layers whose experts stay in RAM. Other engines that offload
    choose it by themselves."""
    speculates: tuple[str, ...] = ()
    """Methods of speculative decoding that it offers: ``mtp``, ``eagle3``, ``draft``."""
    speculative_tokens: int = 1
    """Number of tokens that it drafts ahead, if the request does not state it."""
    loads_in_class: Mapping[str, tuple[str, ...]] = {}
    """Schemes that the engine makes of a 16-bit checkpoint while loading, by class. Remedies propose them before other
    checkpoints."""
    fallback: str | None = None
    """Name of the engine that remedies propose if this one cannot fit a model: one that runs files of fewer bits, partly
    in RAM."""
    catalogued_files: bool = True
    """True if the catalogue may know published files that the engine loads: checkpoints, or tags of Ollama's library.
    It has no repositories of GGUF files."""
    most_sequences: int | None = None
    """Largest number of sequences that the engine holds at once, whatever the memory; None for no such limit."""
    repeats_parts: bool = False
    """True if GPUs hold some parts of a model and its cache several times over, so that another division may need less."""
    most_changes: int = 2
    """Number of changes that a remedy combines if fewer do not suffice."""
    spans_machines: bool = False
    """True if the engine runs over several machines."""
    one_gpu_by_default: bool = False
    """True if its program uses one GPU unless the command states how the model is spread; a deployment that states
    nothing of it is spread over all of its GPUs."""
    recommended: int | None = None
    """Rank among the engines that a recommendation tries if the request names none, lowest first; None if it does not
    try the engine."""
    kept_keys: tuple[str, ...] = ()
    """Keys whose default depends on the GPUs. A remedy keeps the values that they have in the deployment it is for, even
    if it changes the GPUs."""
    follows_gpus: bool = False
    """True if the result of ``defaults`` depends on the GPUs and the model."""

    switches: Mapping[str, tuple[str, ...]] = {}
    """Flags of its program without a value, and the words of ours that they stand for."""
    runtime_formula: str = "context of a process"
    """Formula of the memory that the runtime takes of a GPU for any model, in words."""
    runtime_source: str = ""
    """Source of that memory's size: where it was read or measured."""

    def defaults(self, request: Request, gpus: tuple[Gpu, ...], model: Model, scheme: Scheme) -> dict[str, object]:
        """Values for deployment keys that the engine sets itself according to the GPUs or the model, by key."""
        return {}

    def sees(self, request: Request, model: Model) -> bool:
        """Return True if the model takes images as the request loads it."""
        return model.sees

    def extended(self, model: Model, request: Request) -> Model:
        """The model with the longest context that the request's keys give it; itself for an engine without such keys."""
        return model

    def checkpoint(self, model: Model, scheme: Scheme) -> Checkpoint:
        """The model as it is stored where a scheme is asked of this engine."""
        from vramfit.quantization import derive

        return derive(model, scheme)

    runs_assistants = False
    """True if the engine drafts with a model that reads the other's caches (``model.assistant``)."""

    def head_scheme(self, scheme: Scheme) -> Scheme:
        """Scheme that a checkpoint in ``scheme`` stores its prediction head in."""
        return scheme

    def fill(self, request: Request) -> K | None:
        """Make the record of the engine's own keys from a request; None for an engine that has none."""
        if self.record is None:
            return None
        form: Form[K] | None = self.__dict__.get("_form")
        if form is None:
            from vramfit.workload.keys import Form

            form = self.__dict__["_form"] = Form(self.record, self.groups)
        return form.fill(request)

    def own_keys(self, work: Workload) -> K:
        """Values of the engine's own deployment keys."""
        return work.own  # type: ignore[return-value]

    def check(self, checkpoint: Checkpoint, work: Workload) -> None:
        """Raise ``UsageError`` or ``CannotTell`` if the engine cannot run the checkpoint and workload on any GPU."""

    def largest_parallel(self, work: Workload) -> int | None:
        """Largest number of sequences that the deployment's settings allow at once; None for no such limit."""
        return self.most_sequences

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[V]:
        """Make the engine's view of the GPUs; raises ``UsageError`` for a GPU that the engine does not run on."""
        raise NotImplementedError

    def offered_bytes(self, gpu: Gpu, work: Workload) -> int:
        """Bytes of an otherwise idle GPU that a program of this engine can have, before its own context."""
        from vramfit.hardware import usable_bytes

        return usable_bytes(gpu, work.platform)

    def offered_on(self, gpus: tuple[Gpu, ...], work: Workload) -> tuple[int, ...]:
        """Bytes of each GPU that a program of this engine can have."""
        return tuple([self.offered_bytes(gpu, work) for gpu in gpus])

    def estimate(self, job: Job[V, K]) -> Estimate:
        """Estimate the memory of the job, device by device, without the runtime's own share of the GPUs.

        Raises ``UsageError`` for what the engine refuses, and ``CannotTell`` for what is not modelled.
        """
        raise NotImplementedError

    def account(self, job: Job[V, K], estimate: Estimate, ledger: Ledger) -> None:
        """Add every term of an estimate of the job to the ledger, except for the runtime's own share of the GPUs."""
        raise NotImplementedError

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why the engine does not start with the scheme on these GPUs, whatever the memory; None if it does."""
        return None

    def computes_with(self, scheme: Scheme, gpus: tuple[Gpu, ...]) -> bool:
        """Return True if the GPUs compute with the scheme as it is; recommendations leave out those that unpack it."""
        return True

    def recommended_on(self, gpus: tuple[Gpu, ...], platform: str) -> bool:
        """Return True if every scheme that the engine is recommended with is known to run on the GPUs."""
        return True

    def remarks(self, deployment: Deployment, estimate: Estimate) -> tuple[str, ...]:
        """Further assumptions, which depend on properties of the GPUs that the estimate does not use."""
        return ()

    def speed(self) -> SpeedProfile:
        """Constants of the engine's speed, equal for all deployments; by default those of an engine not measured."""
        from vramfit.engines.profile import USUAL

        return USUAL

    def chunk_tokens(self, work: Workload) -> int | None:
        """Number of prompt tokens processed in one pass over the weights; None for the whole prompt."""
        return self.speed().chunk_tokens

    def ranks(self, deployment: Deployment, estimate: Estimate) -> int:
        """Number of GPUs that share each layer and compute at the same time; 1 if each GPU has layers of its own."""
        return 1

    def serving(self, deployment: Deployment, estimate: Estimate, usable_bytes: tuple[int, ...]) -> Serving | None:
        """Describe what a server does with the bytes that each GPU offers it; None for an engine that is no server."""
        return None

    def settings(self, deployment: Deployment, estimate: Estimate) -> Iterable[Setting]:
        """Changes of deployment keys that save memory at little cost, in the order in which to try them."""
        return ()

    def divisions(self, deployment: Deployment, estimate: Estimate, usable_bytes: tuple[int, ...]) -> Iterable[Setting]:
        """Other divisions of the model over the same GPUs, of which each offers so many bytes."""
        return ()

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Shell lines or Python code that run the deployment with every setting that the estimate assumed."""
        raise NotImplementedError

    def limits_context(self, deployment: Deployment) -> bool:
        """Return True if the engine's command holds it to the deployment's context, instead of using what comes."""
        return True

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True if the files that the command names are known to exist: the user's own, or a repository's.

        Otherwise it names them as they are usually called, and the user has to find or make them.
        """
        from vramfit.engines.naming import is_published

        return is_published(deployment)

    def neutral_flags(self) -> Mapping[str, int]:
        """Flags of its program that change no memory, with the number of words behind each."""
        return {}

    def programs(self) -> tuple[Program, ...]:
        """Programs that start the engine, with their flags and the container images that they are the entry points of."""
        return ()

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read deployment keys from shell lines that start the engine, with values like a user would type them.

        The result is None if no line starts the engine. Raises ``UsageError`` for an unknown flag that may change the
        memory.
        """
        return None

    def log_reader(self) -> LogReader | None:
        """Reader of the engine's start-up log; None for an engine whose log is not read."""
        return None
