"""Resolution of a request in deployment keys into deployments, with every default filled in.

A remedy is a request with some keys changed, so both the requested deployment and every remedy are resolved here.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.catalogue.names import MAX_GPUS
from vramfit.engines import DEFAULT, engine, engine_of_family
from vramfit.engines.interface import Deployment
from vramfit.engines.quants import nearer, quants, scheme_of
from vramfit.engines.workloads import counted, default_platform, worded, workload
from vramfit.errors import CannotTell, UnknownMemory, UnsupportedScheme, UsageError, VramfitError
from vramfit.quantization import STORED, find_scheme, own_checkpoint
from vramfit.workload.common import CLASSES, EXPERTS, FITTING, LARGEST, SPECULATING
from vramfit.workload.common import GROUPS as COMMON
from vramfit.workload.training import FORM as TRAINING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Protocol

    from vramfit.catalogue.rows import GpuRow, ModelRow, Offer
    from vramfit.engines.base import Engine
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Request

    class Catalogue(Protocol):
        """Methods of a catalogue that the estimator uses; ``catalogue.open_catalogue`` returns one."""

        def gpus(self, name: str, shared_bytes: int | None = None) -> tuple[Gpu, ...]:
            """Devices named by ``[COUNTx]ID``, an alias or ``custom:…``; raises ``UnknownGpu`` or ``AmbiguousName``.

            ``shared_bytes`` is the memory of a GPU that has none of its own.
            """

        def model(self, name: str) -> Model:
            """Model with that id or alias; raises ``UnknownModel`` or ``AmbiguousName``."""

        def stated(self, name: str) -> Mapping[str, str]:
            """Values of deployment keys that a model's name states (``quant`` for a repository called ``…-AWQ``)."""

        def notes(self, names: Iterable[str]) -> list[str]:
            """Sentences on what was chosen for names of GPUs that mean one of several, once they were looked up."""

        def remarks(self, name: str) -> Sequence[str]:
            """Sentences on how a model's name was looked up, once it was."""

        def published(self, name: str) -> Mapping[str, Mapping[str, str]]:
            """Repositories and tags that have a model quantized, with the deployment keys that each states."""

        def gpus_for_sale(self, memory_bytes: int) -> Iterable[GpuRow]:
            """Rows of the GPUs that have more memory and a price, cheapest first."""

        def cloud_offers(self, memory_bytes: int) -> Iterable[Offer]:
            """Rented instances with more memory: those with one GPU first, and then by price, the cheapest first."""

        def smaller_models(
            self, modality: str, parameters: float, beginning: str = "", family: str = ""
        ) -> list[ModelRow]:
            """Rows of the models with that modality and fewer parameters, of an id that begins so or of a family."""


SHARED = frozenset([*TRAINING.names, *[key.name for group in COMMON for key in group.keys]]) - {EXPERTS} - SPECULATING
"""Keys that choose no engine: those that all have."""


def resolve(request: Request, catalogue: Catalogue) -> tuple[Deployment, ...]:
    """Resolve a request into one deployment for each requested quantization: fp16, int8 and int4 if it names none.

    Raises ``UsageError`` for a missing key, an unknown name or a contradictory combination.
    """
    for name in ("model", "gpu"):
        if name not in request:
            raise _missing(name, request)
    gpus = devices(request, catalogue)
    model = catalogue.model(request["model"])  # before ``stated``, which returns what this look-up has found
    stated = catalogue.stated(request["model"])
    fitting = request.get("context") == FITTING
    request = {**request, "context": LARGEST} if fitting else request
    owner = owner_of_files(request["model"], stated)
    found = referenced(request["model"], stated, deployments(with_stated(request, stated, model), gpus, model, owner))
    if "platform" in request or any(gpu.unified for gpu in gpus):
        from vramfit.engines.machine import check_machine

        for one in found:
            check_machine(gpus, one.workload.platform, engine(one.engine).spans_machines)
    found = found if SPECULATING.isdisjoint(request) else drafted(request, found, catalogue)
    return tuple([engine(one.engine).with_fitting_context(one) for one in found]) if fitting else found


def _missing(name: str, request: Request) -> UsageError:
    """Error for a question without a model or a GPU, with what may be asked of the part that is there."""
    if name == "model" and request.get("gpu"):
        gpu = f"'{request['gpu'][0]}'" if " " in request["gpu"][0] else request["gpu"][0]
        example = f"vramfit check {gpu} llama-3.1-8b; `vramfit recommend -g {gpu}` names models that run on it"
    else:
        example = f"vramfit check --gpu rtx4090 --model llava-1.6-13b (no {name} was given)"
    return UsageError(f"missing --{name}", example)


def referenced(name: str, stated: Mapping[str, str], found: tuple[Deployment, ...]) -> tuple[Deployment, ...]:
    """Deployments with the published files that the name of a catalogue's model means (``engines.reference``)."""
    model = found[0].model
    if model.origin is not None or not ("/" in name or ":" in name or name.lower().endswith(".gguf")):
        return found
    from vramfit.engines.reference import reference

    files = reference(name, stated, model)
    if model.mtp_layers and stated.get("family") == "gguf" and "-mtp" in name.lower():
        from vramfit.engines.speculative import with_head

        found = tuple([with_head(one) for one in found])
    return tuple([replace(one, reference=files) for one in found])


def owner_of_files(name: str, stated: Mapping[str, str]) -> str:
    """Name of the repository whose owner made the GGUF files that a model's name means; empty for any other name."""
    return name.removeprefix("hf:").partition(":")[0] if "/" in name and stated.get("family") == "gguf" else ""


def made_by(owner: str, scheme: Scheme, model: Model) -> Scheme:
    """Scheme as the owner of a repository makes it (``unsloth-Q4_K_M``); the scheme itself where ``owner`` is empty."""
    if not owner or scheme.family != "gguf":
        return scheme
    from vramfit.catalogue.repositories import as_made

    return find_scheme(as_made({"quant": scheme.id, "family": "gguf"}, owner, model)["quant"])


def published(deployment: Deployment, catalogue: Catalogue) -> Deployment:
    """Deployment of the best-known files in its scheme, where its request names none and the catalogue knows some."""
    runtime, model = engine(deployment.engine), deployment.model
    named = deployment.reference is not None or model.origin is not None
    if named or not runtime.catalogued_files or runtime.names_known_files(deployment):
        return deployment
    from vramfit.engines.reference import reference

    for name, stated in catalogue.published(model.id).items():
        if stated.get("quant") == deployment.scheme.id:
            found = replace(deployment, reference=reference(name, stated, model))
            if runtime.names_known_files(found):
                return found
    return deployment


def drafted(request: Request, found: tuple[Deployment, ...], catalogue: Catalogue) -> tuple[Deployment, ...]:
    """Deployments with what drafts tokens for their model (``engines.speculative``)."""
    if all(request.get(name) is None for name in SPECULATING):
        return found
    from vramfit.engines.speculative import is_assistant, speculating

    name, drafts = request.get("draft_model"), []
    for one in found:
        if name is not None and engine(one.engine).runs_assistants and is_assistant(name, one.model):
            drafts.append(speculating({**request, "speculative": "mtp"}, one, None))
        else:
            drafts.append(speculating(request, one, None if name is None else _drafting(name, one, catalogue)))
    return tuple(drafts)


def _drafting(name: str, deployment: Deployment, catalogue: Catalogue) -> Checkpoint:
    """Checkpoint of a draft model, resolved like a model's; in the deployment's own scheme where its name states none."""
    model, runtime = catalogue.model(name), engine(deployment.engine)
    own, stated = own_checkpoint(model), catalogue.stated(name).get("quant")
    usual = deployment.scheme.id if deployment.scheme.id != STORED else deployment.scheme.precision
    word = stated or (STORED if own is not None else usual)
    return runtime.checkpoint(model, scheme_of(word, runtime, model))


def devices(request: Request, catalogue: Catalogue) -> tuple[Gpu, ...]:
    """Devices of a request; raises ``UsageError`` for more than one set can have, whatever their names."""
    gpus: list[Gpu] = []
    for name in request["gpu"]:
        gpus += _devices(name, request, catalogue)
        if len(gpus) > MAX_GPUS:
            raise UsageError(f"more than {MAX_GPUS:,} GPUs were given", f"give {MAX_GPUS:,} or fewer")
    return tuple(gpus)


def _devices(name: str, request: Request, catalogue: Catalogue) -> tuple[Gpu, ...]:
    """The devices of a name; integrated ones have what the request says that a program can have, or half of its RAM.

    Half is what Linux lets a GPU without memory of its own have of the host's (the kernel's amdgpu ``gttsize``).
    """
    usable, ram = request.get("usable"), request.get("ram")
    try:
        gpus = catalogue.gpus(name)
    except UnknownMemory:
        shared = usable if usable is not None or ram is None else ram // 2
        if not shared:
            raise
        gpus = catalogue.gpus(name, shared)
    if usable is None:
        return gpus
    from vramfit.engines.supplied import offering

    return offering(gpus, usable)


def with_stated(request: Request, stated: Mapping[str, str], model: Model | None = None) -> Request:
    """Add the values of deployment keys that the model's name states (``Catalogue.stated``) to a request.

    A stated ``family`` of schemes selects the engine that loads it. A file of a pipeline's denoiser is what the last engine
    of pipelines reads, ComfyUI.
    """
    if not stated:
        return request
    if "library" in stated:
        from vramfit.engines.choice import from_library

        return from_library(request, stated, str(nearer(request.get("quant"), stated["quant"])))
    known = {name: value for name, value in stated.items() if name != "family"}
    if "family" in stated:
        known["engine"] = engine_of_family(stated["family"])
        if model is not None and model.components:
            from vramfit.engines import pipeline_engines

            known["engine"] = pipeline_engines()[-1]
    found = {**known, **request, "quant": nearer(request.get("quant"), stated.get("quant"))}
    if "quant" in stated and found["quant"] != stated["quant"] and "engine" not in request:
        found.pop("engine", None)  # that engine is for the stated scheme, and the request has another one
    # Servers use the cache type that a checkpoint was calibrated for; engines without that type ignore it.
    calibrated = "kv_cache_type" in stated and "kv_cache_type" not in request
    if calibrated and found["kv_cache_type"] not in engine(engine_name(found)).cache_types:
        del found["kv_cache_type"]
    return found


def deployments(request: Request, gpus: tuple[Gpu, ...], model: Model, owner: str = "") -> tuple[Deployment, ...]:
    """Resolve a request whose GPUs and model are already looked up; its keys ``gpu`` and ``model`` are not read.

    ``owner`` is the repository whose owner made the model's GGUF files, if its name means one.

    Raises ``CannotTell`` for a pipeline of components, and ``UsageError`` for a contradictory combination of keys.
    """
    if model.components:
        from vramfit.engines.composed import for_network, for_pipeline

        shared = SHARED.issuperset(request)
        request = for_pipeline(request, model, shared) if model.denoises else for_network(request, model)
    runtime = engine(engine_name(request))
    model = runtime.extended(_supplied(request, model, runtime), request)
    request = worded(counted(request, model), runtime)
    work = workload(request, gpus, model, runtime)
    size = (request.get("file_size"), request.get("bits_per_weight"))
    if size != (None, None):
        return _of_size(request, gpus, model, runtime, work, size, owner)
    words = quants(request, work.task, model.dtype, runtime.families)
    schemes = [made_by(owner, scheme_of(word, runtime, model), model) for word in words]
    return _resolved(request, gpus, model, runtime, schemes, work)


def _of_size(
    request: Request, gpus: tuple[Gpu, ...], model: Model, runtime: Engine[object, object], work: Workload,
    size: tuple[int | None, float | None], owner: str,
) -> tuple[Deployment, ...]:  # fmt: skip
    """One deployment of a file whose size or bits per weight are stated: in the asked scheme, or in the nearest one."""
    from vramfit.engines.supplied import BY_BITS, nearest_scheme, sized

    word = request.get("quant")
    try:
        scheme = None if word is None or word in CLASSES else made_by(owner, scheme_of(word, runtime, model), model)
    except UnsupportedScheme:
        scheme = None  # a mix that nobody but its publisher knows: its size is what is known of it
    # ``half`` is the class as well, whose name the scheme has.
    if scheme is None or runtime.word_of(scheme) in CLASSES or (scheme.family in BY_BITS and size[1] is not None):
        scheme = nearest_scheme(runtime, model, *size)
    (found,) = _resolved(request, gpus, model, runtime, [scheme], work)
    if size[0] is None and scheme.family in BY_BITS:
        return (found,)
    return (replace(found, checkpoint=sized(found.checkpoint, *size)),)


def _resolved(
    request: Request, gpus: tuple[Gpu, ...], model: Model, runtime: Engine[object, object], schemes: Sequence[Scheme],
    work: Workload,
) -> tuple[Deployment, ...]:  # fmt: skip
    """A deployment for each scheme, with the defaults that follow the GPUs filled in."""
    if not runtime.follows_gpus:
        return tuple([Deployment(gpus, runtime.checkpoint(model, scheme), runtime.name, work) for scheme in schemes])
    full = [{**runtime.defaults(request, gpus, model, scheme), **request} for scheme in schemes]
    works = [workload(one, gpus, model, runtime) for one in full]
    return tuple(
        [
            Deployment(gpus, runtime.checkpoint(model, scheme), runtime.name, own)
            for scheme, own in zip(schemes, works, strict=True)
        ]
    )


def _supplied(request: Request, model: Model, runtime: Engine[object, object]) -> Model:
    """Return the model with the cache that the request states, or the model itself if it states none.

    Raises ``UsageError`` for a statement that means nothing to the model, and ``CannotTell`` for an encoder that the
    engine does not run as far as is known.
    """
    each, encoder_tokens = request.get("kv_bytes_per_token"), request.get("encoder_tokens")
    if each is None and encoder_tokens is None:
        return model
    from vramfit.engines.supplied import with_cache, with_encoder

    if each is not None and encoder_tokens is not None:
        raise UsageError("kv_bytes_per_token and encoder_tokens both state what the cache keeps", "state one of them")
    if each is not None:
        return with_cache(model, each, request.get("kv_cache_type"))
    found = with_encoder(model, int(request["encoder_tokens"]))
    if not runtime.encodes_text:
        raise CannotTell(
            f"the memory of encoder-decoders on {runtime.name} is not modelled",
            f"use --engine {DEFAULT} for this model",
        )
    return found


def engine_name(request: Request) -> str:
    """Name of the requested engine, or of the default engine for the requested scheme (llama.cpp for a GGUF type)."""
    asked, quant = request.get("engine"), request.get("quant")
    if asked:
        return str(asked)
    if not SHARED.issuperset(request):
        from vramfit.engines.choice import engine_of_keys

        chosen = engine_of_keys(request)
        if chosen is not None:
            return chosen
    if quant is None or quant in (*CLASSES, STORED):
        kept = request.get("kv_cache_type")
        if kept is not None and kept not in engine(DEFAULT).cache_types:
            from vramfit.engines.choice import engine_of_cache

            return engine_of_cache(str(kept))
        return DEFAULT
    return engine_of_family(find_scheme(quant).family)


def owners(request: Request) -> tuple[str, ...]:
    """Sentences on the engine that was chosen where several have the request's keys; empty where none was.

    Raises ``UsageError`` for keys that the asked engine does not have, or that no single engine has.
    """
    if SHARED.issuperset(request) and ("kv_cache_type" not in request or "engine" in request):
        return ()
    from vramfit.engines.choice import check_keys

    return check_keys(request)


def kinds_of_sets(request: Request, sets: Sequence[tuple[Gpu, ...]], model: Model) -> Iterable[Sequence[int]]:
    """Group sets of GPUs, by number, for which ``deployments`` gives equal results apart from the GPUs themselves.

    The request must name one quantization. Sets for which it is refused are grouped by the reason.
    """
    kinds: dict[tuple[object, ...], list[int]] = {}
    runtime = engine(engine_name(request))
    model = runtime.extended(model, request)
    request = counted(request, model)
    for number, gpus in enumerate(sets):
        filled: tuple[object, ...] = ()
        if runtime.follows_gpus:
            try:
                scheme = scheme_of(request["quant"], runtime, model)
                filled = tuple(runtime.defaults(request, gpus, model, scheme).items())
            except VramfitError as error:
                filled = (error.message,)
        kinds.setdefault((request.get("platform") or default_platform(gpus), *filled), []).append(number)
    return kinds.values()
