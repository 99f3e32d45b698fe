"""From a request in deployment keys to fully resolved deployments: every default filled in, nothing guessed.

A remedy is a request with some keys changed, so this is the one door through which both the asked deployment and
every remedy enter the estimator.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines import DEFAULT, engine, engine_of_family
from vramfit.engines.interface import Deployment
from vramfit.errors import CannotTell, UnsupportedScheme, UsageError, VramfitError
from vramfit.quantization import STORED, find_scheme, own_checkpoint
from vramfit.units import gib
from vramfit.workload.common import CLASSES, EXPERTS, LARGEST
from vramfit.workload.common import FORM as WORKLOAD
from vramfit.workload.common import GROUPS as COMMON
from vramfit.workload.training import FORM as TRAINING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Protocol

    from vramfit.engines.interface import Engine
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Request

    class Catalogue(Protocol):
        """What the estimator asks of a catalogue; ``catalogue.open_catalogue`` returns one."""

        def gpus(self, name: str, shared_bytes: int | None = None) -> tuple[Gpu, ...]:
            """The devices of ``[COUNTx]ID``, an alias or ``custom:…``; raises ``UnknownGpu`` or ``AmbiguousName``.

            ``shared_bytes`` is the memory of a GPU that has none of its own.
            """

        def model(self, name: str) -> Model:
            """The model of an id or alias; raises ``UnknownModel`` or ``AmbiguousName``."""

        def stated(self, name: str) -> Mapping[str, str]:
            """Deployment keys that a model's name states (``quant`` of a repository called ``…-AWQ``)."""

        def gpus_for_sale(self, memory_bytes: int) -> Iterable[Any]:
            """In brief, the GPUs with more memory that have a price, cheapest first."""

        def cloud_offers(self, memory_bytes: int) -> Iterable[Any]:
            """Rented instances with more memory, those of one GPU first, of each the cheapest first."""

        def smaller_models(self, modality: str, parameters: float, beginning: str = "") -> list[Any]:
            """In brief, the models of a modality with fewer parameters and an id that begins so."""


SHARED = frozenset([*TRAINING.names, *[key.name for group in COMMON for key in group.keys]]) - {EXPERTS}
"""Keys that choose no engine: those that all have."""
DEFAULT_CONTEXT_TOKENS = 4096
NATIVE = ("fp16", "bf16")
"""Schemes of files that are what the class ``fp16`` asks for."""
RELEASED = {"fp8": "fp8-block", "mxfp4": "MXFP4"}
"""What models are stored as that were released in elements of fewer than 16 bits."""
TRAINING_SCHEME = {"full": "bf16", "lora": "bf16", "qlora": "nf4"}
"""What the base weights are stored as while fine-tuning, when ``quant`` is not given."""


def resolve(request: Request, catalogue: Catalogue) -> tuple[Deployment, ...]:
    """One deployment per asked quantization, in the contract's order (fp16, int8, int4 when none was named).

    Raises ``UsageError`` for a missing key, an unknown name or a combination that means nothing.
    """
    for name in ("gpu", "model"):
        if name not in request:
            raise UsageError(
                f"missing --{name}", f"vramfit check --gpu rtx4090 --model llava-1.6-13b (no {name} was given)"
            )
    gpus = tuple(gpu for name in request["gpu"] for gpu in _devices(name, request, catalogue))
    model = catalogue.model(request["model"])  # before what its name states, which is known by then
    return deployments(with_stated(request, catalogue.stated(request["model"])), gpus, model)


def _devices(name: str, request: Request, catalogue: Catalogue) -> tuple[Gpu, ...]:
    """The devices of a name; integrated ones have what the request says that a program can have, or half of its RAM.

    Half is what Linux lets a GPU without memory of its own have of the host's (the kernel's amdgpu ``gttsize``).
    """
    usable, ram = request.get("usable"), request.get("ram")
    try:
        gpus = catalogue.gpus(name)
    except CannotTell:
        shared = usable if usable is not None or ram is None else ram // 2
        if not shared:
            raise
        gpus = catalogue.gpus(name, shared)
    if usable is None:
        return gpus
    from vramfit.engines.supplied import offering

    return offering(gpus, usable)


def with_stated(request: Request, stated: Mapping[str, str]) -> Request:
    """The request with what the model's name states besides the model (``Catalogue.stated``).

    Files of a ``family`` of schemes are for the engine that loads it.
    """
    if not stated:
        return request
    if "library" in stated:
        from vramfit.engines.choice import from_library

        return from_library(request, stated, str(_nearer(request.get("quant"), stated["quant"])))
    known = {name: value for name, value in stated.items() if name != "family"}
    if "family" in stated:
        known["engine"] = engine_of_family(stated["family"])
    found = {**known, **request, "quant": _nearer(request.get("quant"), stated.get("quant"))}
    if found["quant"] != stated.get("quant") and "engine" not in request:
        found.pop("engine", None)  # it loads the scheme that the name states, and another one was asked for
    # What a checkpoint was calibrated for is its servers' default, and means nothing to other engines.
    calibrated = "kv_cache_type" in stated and "kv_cache_type" not in request
    if calibrated and found["kv_cache_type"] not in engine(engine_name(found)).cache_types:
        del found["kv_cache_type"]
    return found


def deployments(request: Request, gpus: tuple[Gpu, ...], model: Model) -> tuple[Deployment, ...]:
    """The same with GPUs and model already looked up; the request's own are not read."""
    if model.components:
        weights = sum(component.parameters for component in model.components) * 2
        raise CannotTell(
            f"{model.name} is a pipeline whose activations are not modelled yet",
            f"its parts together weigh {gib(weights)} in 16-bit; see `vramfit show {model.id}`",
        )
    asked = request.get("quant")
    runtime = engine(engine_name(request))
    model = _supplied(request, model)
    request = _counted(request, model)
    work = _workload(request, gpus, model, runtime)
    size = (request.get("file_size"), request.get("bits_per_weight"))
    if size != (None, None):
        return _of_size(request, gpus, model, size)
    schemes = [_scheme(word, runtime, model) for word in quants(asked, work.task, model.dtype, runtime.families)]
    return _resolved(request, gpus, model, runtime, schemes, work)


def _of_size(
    request: Request, gpus: tuple[Gpu, ...], model: Model, size: tuple[int | None, float | None]
) -> tuple[Deployment, ...]:
    """One deployment of a file whose size or bits per weight are stated: in the asked scheme, or in the nearest one."""
    from vramfit.engines.supplied import BY_BITS, nearest_scheme, sized

    runtime, word = engine(engine_name(request)), request.get("quant")
    work = _workload(request, gpus, model, runtime)
    try:
        scheme = None if word is None or word in CLASSES else _scheme(word, runtime, model)
    except UnsupportedScheme:
        scheme = None  # a mix that nobody but its publisher knows: its size is what is known of it
    if scheme is None or (scheme.family in BY_BITS and size[1] is not None):
        scheme = nearest_scheme(runtime, model, *size)
    (found,) = _resolved(request, gpus, model, runtime, [scheme], work)
    if size[0] is None and scheme.family in BY_BITS:
        return (found,)
    return (replace(found, checkpoint=sized(found.checkpoint, *size)),)


def _resolved(
    request: Request, gpus: tuple[Gpu, ...], model: Model, runtime: Engine[Any, Any], schemes: Sequence[Scheme],
    work: Workload,
) -> tuple[Deployment, ...]:  # fmt: skip
    """A deployment for each scheme, with the defaults that follow the GPUs filled in."""
    if not runtime.follows_gpus:
        return tuple([Deployment(gpus, runtime.checkpoint(model, scheme), runtime.name, work) for scheme in schemes])
    full = [{**runtime.defaults(request, gpus, model, scheme), **request} for scheme in schemes]
    works = [_workload(one, gpus, model, runtime) for one in full]
    return tuple(
        [
            Deployment(gpus, runtime.checkpoint(model, scheme), runtime.name, own)
            for scheme, own in zip(schemes, works, strict=True)
        ]
    )


def _counted(request: Request, model: Model) -> Request:
    """The request with the model's own context where it asks for all of it."""
    if request.get("context") != LARGEST:
        return request
    return {**request, "context": model.context or DEFAULT_CONTEXT_TOKENS}


def _supplied(request: Request, model: Model) -> Model:
    """The model with the cache that the request states, where it states one."""
    each = request.get("kv_bytes_per_token")
    if each is None:
        return model
    from vramfit.engines.supplied import with_cache

    return with_cache(model, each, request.get("kv_cache_type"))


def engine_name(request: Request) -> str:
    """The asked engine, or the one that loads the asked scheme (llama.cpp for a GGUF file type)."""
    asked, quant = request.get("engine"), request.get("quant")
    if asked:
        return str(asked)
    if not SHARED.issuperset(request):
        from vramfit.engines.choice import engine_of_keys

        chosen = engine_of_keys(request)
        if chosen is not None:
            return chosen
    if quant is None or quant in (*CLASSES, STORED):
        return DEFAULT
    return engine_of_family(find_scheme(quant).family)


def kinds_of_sets(request: Request, sets: Sequence[tuple[Gpu, ...]], model: Model) -> Iterable[Sequence[int]]:
    """Sets of GPUs by number, together where ``deployments`` resolves the request to the same but for the GPUs.

    The request names one quantization. Sets for which it is refused are together where the reason is the same.
    """
    kinds: dict[tuple[object, ...], list[int]] = {}
    runtime = engine(engine_name(request))
    request = _counted(request, model)
    for number, gpus in enumerate(sets):
        filled: tuple[object, ...] = ()
        if runtime.follows_gpus:
            try:
                scheme = _scheme(request["quant"], runtime, model)
                filled = tuple(runtime.defaults(request, gpus, model, scheme).items())
            except VramfitError as error:
                filled = (error.message,)
        kinds.setdefault((request.get("platform") or default_platform(gpus), *filled), []).append(number)
    return kinds.values()


def _nearer(asked: str | None, stated: str | None) -> str | None:
    """The scheme of a repository (``stated``) where it is one kind of what was asked, or where nothing was.

    A repository in ``fbgemm_fp8`` is what "fp8" means for it, and one in AWQ what "int4" means.
    """
    if asked in (None, STORED) or stated in (None, STORED):
        return stated if asked in (None, STORED) and stated is not None else asked
    kind = find_scheme(stated)
    if asked in CLASSES:
        return stated if kind.precision == asked else asked
    return stated if asked in (kind.family, f"{kind.family}-{kind.precision}") else asked


def quants(asked: str | None, task: str, dtype: str = "", families: Sequence[str] = ()) -> tuple[str, ...]:
    """What is answered for: the asked quantization, or the three classes; fine-tuning has one of its own.

    Of a model that was released in fewer than 16 bits (``dtype``) it is the released form, where the engine loads its
    family (one of ``families``), and the classes of fewer bits.
    """
    if asked is not None:
        return (asked,)
    if task != "inference":
        return (TRAINING_SCHEME[task],)
    released = RELEASED.get(dtype)
    if released is None:
        return CLASSES
    scheme = find_scheme(released)
    return (released, *CLASSES[CLASSES.index(scheme.precision) + 1 :]) if scheme.family in families else CLASSES


def _scheme(word: str, runtime: Engine[Any, Any], model: Model) -> Scheme:
    """The scheme that a word means for an engine: of a model that was read from a file, the file's where it is meant."""
    own = own_checkpoint(model)
    if own is not None and (word in (STORED, own.scheme.id) or _is_class_of(word, own.scheme)):
        scheme = own.scheme
    elif word == STORED:
        if model.origin is not None and model.origin.stored_gap is not None:
            raise CannotTell(
                f"how {model.name} is stored cannot be told: {model.origin.stored_gap}",
                "give a file of its weights, or --quant",
            )
        raise UsageError(f"{model.id} is not read from a file", "name the quantization; see `vramfit list quants`")
    else:
        scheme = find_scheme(runtime.scheme_of_class.get(word, word))
    if scheme.family not in runtime.families:
        raise UnsupportedScheme(
            f'{runtime.name} cannot load quant "{word}"',
            f"{runtime.name} takes {', '.join(runtime.scheme_of_class)} or: {', '.join(runtime.families)}",
        )
    return scheme


def _is_class_of(word: str, own: Scheme) -> bool:
    """Whether a class is what a file is in already: 16-bit weights need no other checkpoint to be run in 16 bits."""
    return word == own.precision and own.id in NATIVE


def _workload(request: Request, gpus: tuple[Gpu, ...], model: Model, runtime: Engine[Any, Any]) -> Workload:
    """The request with every default filled in; raises ``UsageError`` where keys mean nothing together."""
    cache_type = request.get("kv_cache_type", runtime.cache_types[0])
    for word in (cache_type, request.get("kv_cache_type_v", cache_type)):
        if word not in runtime.cache_types:
            offered = ", ".join(runtime.cache_types)
            raise UsageError(f"{runtime.name} has no cache type {word}", f"{runtime.name} offers: {offered}")
    task = request.get("task", "inference")
    if task not in runtime.tasks:
        raise UsageError(f"{runtime.name} does not run task {task}", f"use --engine {DEFAULT} for fine-tuning")
    sees = model.sees
    work = WORKLOAD.fill(
        request,
        context=min(DEFAULT_CONTEXT_TOKENS, model.context or DEFAULT_CONTEXT_TOKENS),
        images=1 if sees and task == "inference" else 0,
        kv_cache_type=cache_type,
        kv_cache_type_v=cache_type,
        platform=default_platform(gpus),
        task=task,
        own=runtime.fill(request),
        training=TRAINING.fill(request),
    )
    if work.images and not sees and work.image_tokens is None:
        raise UsageError(f'model "{model.id}" takes no images', "leave images out, or ask for a vision model")
    if work.image_tokens is not None and work.images * work.image_tokens > work.context:
        raise UsageError(
            f"{work.images} images of {work.image_tokens} tokens do not go into a context of {work.context}",
            f"use --context {work.images * work.image_tokens} or more, or fewer images",
        )
    _check_images(work, model)
    if work.prompt_tokens is not None and work.prompt_tokens > work.context:
        raise UsageError(
            f"a prompt of {work.prompt_tokens} tokens does not go into a context of {work.context}",
            f"use --context {work.prompt_tokens} or more, or a shorter prompt",
        )
    return work


def default_platform(gpus: tuple[Gpu, ...]) -> str:
    """The platform where none is given: macOS if every GPU is Apple's, else Linux."""
    return "macos" if all(gpu.vendor == "apple" for gpu in gpus) else "linux"


def _check_images(work: Workload, model: Model) -> None:
    """Raise where images of a given size mean nothing to the model, or do not go into the context."""
    size, images, context = work.image_size, work.images, work.context
    if size is None:
        return
    if model.vision is None:
        raise UsageError(f'model "{model.id}" takes no images', "leave image_size out, or ask for a vision model")
    if model.vision.image_tokens is None:
        raise CannotTell(f"how many tokens {model.name} makes of an image is not known", "leave image_size out")
    from vramfit.model.vision import image_tokens

    needed = images * image_tokens(model, *size)
    if needed > context:
        each = f"{size[0]}x{size[1]} pixels"
        raise UsageError(
            f"{f'{images} images' if images > 1 else 'an image'} of {each} take {needed} tokens of a context of {context}",
            f"use --context {needed} or more, or smaller or fewer images",
        )
