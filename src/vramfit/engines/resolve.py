"""From a request in deployment keys to fully resolved deployments: every default filled in, nothing guessed.

A remedy is a request with some keys changed, so this is the one door through which both the asked deployment and
every remedy enter the estimator.
"""

from __future__ import annotations

from vramfit.engines import Deployment, engine
from vramfit.errors import CannotTell, UnsupportedScheme, UsageError
from vramfit.quantization import find_scheme
from vramfit.units import gib
from vramfit.workload import CLASSES, Workload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Protocol

    from vramfit.engines.interface import Engine
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme

    class Catalogue(Protocol):
        """What the estimator asks of a catalogue; ``catalogue.open_catalogue`` returns one."""

        def gpus(self, name: str) -> tuple[Gpu, ...]:
            """The devices of ``[COUNTx]ID``, an alias or ``custom:…``; raises ``UnknownGpu`` or ``AmbiguousName``."""

        def model(self, name: str) -> Model:
            """The model of an id or alias; raises ``UnknownModel`` or ``AmbiguousName``."""

        def gpus_for_sale(self, memory_bytes: int) -> Iterable[Any]:
            """In brief, the GPUs with more memory that have a price, cheapest first."""

        def cloud_offers(self, memory_bytes: int) -> Iterable[Any]:
            """Rented instances with more memory, those of one GPU first, of each the cheapest first."""

        def smaller_models(self, modality: str, parameters: float, beginning: str = "") -> list[Any]:
            """In brief, the models of a modality with fewer parameters and an id that begins so."""


DEFAULT_CONTEXT_TOKENS = 4096
TRAINING_SCHEME = {"full": "bf16", "lora": "bf16", "qlora": "nf4"}
"""What the base weights are stored as while fine-tuning, when ``quant`` is not given."""


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
    model = catalogue.model(request["model"])
    if model.components:
        weights = sum(component.parameters for component in model.components) * 2
        raise CannotTell(
            f"{model.name} is a pipeline whose activations are not modelled yet",
            f"its parts together weigh {gib(weights)} in 16-bit; see `vramfit show {model.id}`",
        )
    asked = request.get("quant")
    name = request.get("engine") or _engine_of(asked)
    module = engine(name)
    work = _workload(request, gpus, model, name, module)
    schemes = [_scheme(word, name, module) for word in _quants(asked, work.task)]
    return tuple(Deployment(gpus, model, name, scheme, work) for scheme in schemes)


def _engine_of(quant: str | None) -> str:
    """llama.cpp for a GGUF file type, else transformers."""
    if quant is None or quant in CLASSES:
        return "transformers"
    return "llama.cpp" if find_scheme(quant).family == "gguf" else "transformers"


def _quants(asked: str | None, task: str) -> tuple[str, ...]:
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
    apple = all(gpu.vendor == "apple" for gpu in gpus)
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
        tensor_parallel=request.get("tensor_parallel"),
        pipeline_parallel=request.get("pipeline_parallel"),
        max_batched_tokens=request.get("max_batched_tokens"),
        gpu_memory_utilization=request.get("gpu_memory_utilization"),
        enforce_eager=request.get("enforce_eager", False),
        ram_bytes=request.get("ram"),
        reserve_bytes=request.get("reserve", 0),
        platform=request.get("platform", "macos" if apple else "linux"),
        task=task,
        sequence_length=request.get("sequence_length", 2048),
        micro_batch=request.get("micro_batch", 1),
        lora_rank=request.get("lora_rank", 16),
        optimizer=request.get("optimizer", "adamw"),
        gradient_checkpointing=request.get("gradient_checkpointing", True),
        zero_stage=request.get("zero_stage", 0),
        level=request.get("level", "tight"),
    )


def _check_images(size: tuple[int, int] | None, images: int, context: int, model: Model) -> None:
    """Raise where images of a given size mean nothing to the model, or do not go into the context."""
    if size is None:
        return
    if model.vision is None:
        raise UsageError(f'model "{model.id}" takes no images', "leave image_size out, or ask for a vision model")
    if model.vision.image_tokens["rule"] == "unknown":
        raise CannotTell(f"how many tokens {model.name} makes of an image is not known", "leave image_size out")
    from vramfit.model.vision import image_tokens

    needed = images * image_tokens(model, *size)
    if needed > context:
        each = f"{size[0]}x{size[1]} pixels"
        raise UsageError(
            f"{f'{images} images' if images > 1 else 'an image'} of {each} take {needed} tokens of a context of {context}",
            f"use --context {needed} or more, or smaller or fewer images",
        )
