"""Base class of the engines, through which every other module uses what is known about a runtime.

An engine has a folder of its own below ``engines``, or anywhere else if it is registered. It is a subclass of ``Engine``
with facts as attributes, and methods that load the folder's other modules when they are called. It places tensors, caches
and buffers on devices; ``verdict`` decides whether they fit. What is asked of it, and what it answers, are the records of
``interface``.
"""

from __future__ import annotations

from vramfit._record import Parametric
from vramfit.errors import UsageError
from vramfit.hardware import each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Generic, TypeVar

    from vramfit.engines.interface import Deployment, Estimate, Job, Serving, Setting, View
    from vramfit.engines.logs import LogReader
    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch import Program
    from vramfit.launch.edit import Change
    from vramfit.launch.words import Process
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Form, Group, Request

    V = TypeVar("V")
    K = TypeVar("K")

    class _Generic(Generic[V, K]):
        """``typing.Generic`` for a type checker; loading it would slow down every run."""

else:
    _Generic = Parametric


UNCHECKED = "{} is taken to start: what a card that is known by its memory alone has kernels for is not checked"


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
    splits_layers: bool = False
    """True if GPUs share each layer and compute at the same time, though no key asks for it (``ranks``)."""
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
    starts_on_most: bool = False
    """True if the engine starts on about every GPU, so that one which is known by its memory alone needs no remark."""
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

    def meant_by(self, word: str, model: Model) -> str:
        """Name of the scheme that a word means for a model: the engine's own of a class, else the word itself."""
        return self.scheme_of_class.get(word, word)

    def word_of(self, scheme: Scheme) -> str:
        """Word that asks this engine for a scheme: its id, or another name where the id is a class that means another one."""
        if self.scheme_of_class.get(scheme.id, scheme.id) == scheme.id:
            return scheme.id
        from vramfit.quantization.schemes import aliases

        return next(iter(aliases(scheme)), scheme.id)

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

    def with_fitting_context(self, deployment: Deployment) -> Deployment:
        """Deployment with the context that the engine chooses for the GPUs, of one with the model's own.

        Raises ``UsageError`` for an engine that does not choose.
        """
        raise UsageError(f"{self.name} does not choose a context by itself", "state the tokens, or use context max")

    def offered_on(self, gpus: tuple[Gpu, ...], work: Workload) -> tuple[int, ...]:
        """Bytes of each GPU that a program of this engine can have."""
        return each(lambda gpu: self.offered_bytes(gpu, work), gpus)

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

    def loads(self, scheme: Scheme) -> bool:
        """Return True for a scheme in which the engine loads some model; lists name those."""
        return scheme.family in self.families

    def runs(self, model: Model) -> bool:
        """Return True for a model of the kind that the engine runs; pipelines of components have engines of their own."""
        return not model.denoises

    def lacks(self, model: Model, work: Workload) -> str | None:
        """Reason why the engine cannot run the model so, whatever the GPUs; None if it can.

        A model with a learned table of positions reads no more tokens than the table has rows.
        """
        rows = model.traits.positions
        if rows is None or work.context <= max(rows, model.context):
            return None
        return f"its table of positions has {rows:,} rows, and a context of {work.context:,} tokens reads beyond it"

    def computes_with(self, scheme: Scheme, gpus: tuple[Gpu, ...]) -> bool:
        """Return True if the GPUs compute with the scheme as it is; recommendations leave out those that unpack it."""
        return True

    def recommended_on(self, gpus: tuple[Gpu, ...], platform: str) -> bool:
        """Return True if every scheme that the engine is recommended with is known to run on the GPUs."""
        return True

    def remarks(self, deployment: Deployment, estimate: Estimate) -> tuple[str, ...]:
        """Further assumptions, which depend on properties of the GPUs that the estimate does not use."""
        if not self.starts_on_most and any(gpu.vendor == "custom" for gpu in deployment.gpus):
            return (UNCHECKED.format(self.title),)
        return ()

    def speed(self) -> SpeedProfile:
        """Constants of the engine's speed, equal for all deployments; by default those of an engine not measured."""
        from vramfit.engines.profile import USUAL

        return USUAL

    def chunk_tokens(self, work: Workload, estimate: Estimate) -> int | None:
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

    def command_in(self, program: Program, deployment: Deployment, estimate: Estimate) -> str | None:
        """Lines that ``command`` would write, in one of the engine's programs; None where it writes no other program."""
        return None

    def restated(
        self, text: str, given: tuple[Process, ...], old: list[Process], new: list[Process]
    ) -> Iterable[tuple[list[Change], list[str]]] | None:
        """Changes of a user's text from one written command to another, and lines behind it, the fewest first.

        None for an engine whose commands are lines of flags and variables, which are changed one by one.
        """
        return None

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
