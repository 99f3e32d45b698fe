"""From a request in deployment keys to fully resolved deployments: every default filled in, nothing guessed.

A remedy is a request with some keys changed, so this is the one door through which both the asked deployment and
every remedy enter the estimator.
"""

from __future__ import annotations

from vramfit.engines import Deployment, engine
from vramfit.errors import CannotTell, UnsupportedScheme, UsageError, VramfitError
from vramfit.quantization import find_scheme
from vramfit.units import gib
from vramfit.workload import CLASSES, Workload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Protocol

    from vramfit.engines import Engine
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme

    class Catalogue(Protocol):
        """What the estimator asks of a catalogue; ``catalogue.open_catalogue`` returns one."""

        def gpus(self, name: str) -> tuple[Gpu, ...]:
            """The devices of ``[COUNTx]ID``, an alias or ``custom:…``; raises ``UnknownGpu`` or ``AmbiguousName``."""

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


DEFAULT_CONTEXT_TOKENS = 4096
TRAINING_SCHEME = {"full": "bf16", "lora": "bf16", "qlora": "nf4"}
"""What the base weights are stored as while fine-tuning, when ``quant`` is not given."""


OWN_ENGINE = {"gguf": "llama.cpp", "mlx": "mlx", "exl3": "exllamav3"}
"""Families of schemes that one engine loads, and the others do not."""


def resolve(request: Mapping[str, Any], catalogue: Catalogue) -> tuple[Deployment, ...]:
    """One deployment per asked quantization, in the contract's order (fp16, int8, int4 when none was named).

    Raises ``UsageError`` for a missing key, an unknown name or a combination that means nothing.
    """
    for name in ("gpu", "model"):
        if name not in request:
            raise UsageError(
                f"missing --{name}", f"vramfit check --gpu rtx4090 --model llava-1.6-13b (no {name} was given)"
            )
    gpus = tuple(gpu for name in request["gpu"] for gpu in catalogue.gpus(name))
    model = catalogue.model(request["model"])  # before what its name states, which is known by then
    return deployments(with_stated(request, catalogue.stated(request["model"])), gpus, model)


def with_stated(request: Mapping[str, Any], stated: Mapping[str, str]) -> Mapping[str, Any]:
    """The request with what the model's name states besides the model (``Catalogue.stated``)."""
    if not stated:
        return request
    return {**stated, **request, "quant": _nearer(request.get("quant"), stated.get("quant"))}


def deployments(request: Mapping[str, Any], gpus: tuple[Gpu, ...], model: Model) -> tuple[Deployment, ...]:
    """The same with GPUs and model already looked up; the request's own are not read."""
    if model.components:
        weights = sum(component.parameters for component in model.components) * 2
        raise CannotTell(
            f"{model.name} is a pipeline whose activations are not modelled yet",
            f"its parts together weigh {gib(weights)} in 16-bit; see `vramfit show {model.id}`",
        )
    asked = request.get("quant")
    name = request.get("engine") or _engine_of(asked)
    module = engine(name)
    defaults = getattr(module, "defaults", None)
    work = _workload(request, gpus, model, name, module)
    schemes = [_scheme(word, name, module) for word in quants(asked, work.task)]
    if defaults is None:
        return tuple([Deployment(gpus, model, name, scheme, work) for scheme in schemes])
    full = [{**defaults(request, gpus, model, scheme), **request} for scheme in schemes]
    works = [_workload(one, gpus, model, name, module) for one in full]
    return tuple(Deployment(gpus, model, name, scheme, own) for scheme, own in zip(schemes, works, strict=True))


def follows_gpus(request: Mapping[str, Any]) -> bool:
    """Whether the request's engine has defaults that depend on GPUs and model together."""
    return hasattr(engine(request.get("engine") or _engine_of(request.get("quant"))), "defaults")


def kinds_of_sets(request: Mapping[str, Any], sets: Sequence[tuple[Gpu, ...]], model: Model) -> Iterable[Sequence[int]]:
    """Sets of GPUs by number, together where ``deployments`` resolves the request to the same but for the GPUs.

    The request names one quantization. Sets for which it is refused are together where the reason is the same.
    """
    kinds: dict[tuple[object, ...], list[int]] = {}
    name = request.get("engine") or _engine_of(request["quant"])
    module = engine(name)
    defaults = getattr(module, "defaults", None)
    for number, gpus in enumerate(sets):
        filled: tuple[object, ...] = ()
        if defaults is not None:
            try:
                filled = tuple(defaults(request, gpus, model, _scheme(request["quant"], name, module)).items())
            except VramfitError as error:
                filled = (error.message,)
        kinds.setdefault((request.get("platform") or default_platform(gpus), *filled), []).append(number)
    return kinds.values()


def _engine_of(quant: str | None) -> str:
    """The engine that alone loads a scheme (llama.cpp for a GGUF file type), else transformers."""
    if quant is None or quant in CLASSES:
        return "transformers"
    return OWN_ENGINE.get(find_scheme(quant).family, "transformers")


def _nearer(asked: str | None, stated: str | None) -> str | None:
    """The scheme of a repository (``stated``) where it is one kind of what was asked, or where nothing was.

    A repository in ``fbgemm_fp8`` is what "fp8" means for it, and one in AWQ what "int4" means.
    """
    if asked is None or stated is None:
        return asked or stated
    kind = find_scheme(stated)
    if asked in CLASSES:
        return stated if kind.precision == asked else asked
    return stated if asked in (kind.family, f"{kind.family}-{kind.precision}") else asked


def quants(asked: str | None, task: str) -> tuple[str, ...]:
    """What is answered for: the asked quantization, or the three classes; fine-tuning has one of its own."""
    if asked is not None:
        return (asked,)
    return CLASSES if task == "inference" else (TRAINING_SCHEME[task],)


def _scheme(word: str, name: str, module: Engine) -> Scheme:
    scheme = find_scheme(module.SCHEME_OF_CLASS.get(word, word))
    if scheme.family not in module.FAMILIES:
        raise UnsupportedScheme(
            f'{name} cannot load quant "{word}"',
            f"{name} takes {', '.join(module.SCHEME_OF_CLASS)} or: {', '.join(module.FAMILIES)}",
        )
    return scheme


def _workload(request: Mapping[str, Any], gpus: tuple[Gpu, ...], model: Model, name: str, module: Engine) -> Workload:
    default_type = module.CACHE_TYPES[0]
    cache_type = request.get("kv_cache_type", default_type)
    cache_type_v = request.get("kv_cache_type_v", cache_type)
    for word in (cache_type, cache_type_v):
        if word not in module.CACHE_TYPES:
            raise UsageError(f"{name} has no cache type {word}", f"{name} offers: {', '.join(module.CACHE_TYPES)}")
    task = request.get("task", "inference")
    if task not in module.TASKS:
        raise UsageError(f"{name} does not run task {task}", "use --engine transformers for fine-tuning")
    sees = model.vision is not None
    images = request.get("images", 1 if sees and task == "inference" else 0)
    if images and not sees:
        raise UsageError(f'model "{model.id}" takes no images', "leave images out, or ask for a vision model")
    context = request.get("context", min(DEFAULT_CONTEXT_TOKENS, model.context))
    _check_images(request.get("image_size"), images, context, model)
    prompt = request.get("prompt_tokens")
    if prompt is not None and prompt > context:
        raise UsageError(
            f"a prompt of {prompt} tokens does not go into a context of {context}",
            f"use --context {prompt} or more, or a shorter prompt",
        )
    return Workload(
        context=context,
        parallel=request.get("parallel", 1),
        images=images,
        image_size=request.get("image_size"),
        kv_cache_type=cache_type,
        kv_cache_type_v=cache_type_v,
        flash_attention=request.get("flash_attention", "on") == "on",
        batch=request.get("batch", 2048),
        ubatch=request.get("ubatch", 512),
        unified_kv=request.get("unified_kv", False),
        swa_full=request.get("swa_full", False),
        outputs=request.get("outputs", "slots"),
        gpu_layers=request.get("gpu_layers", "all"),
        cpu_moe_layers=request.get("cpu_moe_layers", 0),
        backend=request.get("backend"),
        split_mode=request.get("split_mode", "layer"),
        main_gpu=request.get("main_gpu", 0),
        tensor_split=request.get("tensor_split"),
        sched_spread=request.get("sched_spread", False),
        tensor_parallel=request.get("tensor_parallel"),
        pipeline_parallel=request.get("pipeline_parallel"),
        max_batched_tokens=request.get("max_batched_tokens"),
        gpu_memory_utilization=request.get("gpu_memory_utilization"),
        enforce_eager=request.get("enforce_eager", False),
        prompt_tokens=prompt,
        ram_bytes=request.get("ram"),
        ram_bandwidth_bytes_per_second=request.get("ram_bandwidth"),
        reserve_bytes=request.get("reserve", 0),
        platform=request.get("platform") or default_platform(gpus),
        task=task,
        sequence_length=request.get("sequence_length", 2048),
        micro_batch=request.get("micro_batch", 1),
        lora_rank=request.get("lora_rank", 16),
        optimizer=request.get("optimizer", "adamw"),
        gradient_checkpointing=request.get("gradient_checkpointing", True),
        zero_stage=request.get("zero_stage", 0),
        level=request.get("level", "tight"),
    )


def default_platform(gpus: tuple[Gpu, ...]) -> str:
    """All that resolving reads of the GPUs."""
    return "macos" if all(gpu.vendor == "apple" for gpu in gpus) else "linux"


def _check_images(size: tuple[int, int] | None, images: int, context: int, model: Model) -> None:
    """Raise where images of a given size mean nothing to the model, or do not go into the context."""
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
