"""Workload of a request, with every default filled in: the keys' own, the engine's, the model's and the trainer's."""

from __future__ import annotations

from vramfit._record import fields
from vramfit.engines import DEFAULT
from vramfit.errors import CannotTell, UsageError
from vramfit.workload.common import FORM as WORKLOAD
from vramfit.workload.common import LARGEST
from vramfit.workload.training import FORM as TRAINING
from vramfit.workload.training import Training, trainer_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.base import Engine
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Request

TUNED = frozenset(["zero_stage", *fields(Training)]) - (frozenset(TRAINING.names) - {"zero_stage"})
"""Keys of fine-tuning that ``workload.tuning`` reads: those that it declares, and the old spelling of one of them."""
DEFAULT_CONTEXT_TOKENS = 4096
"""Number of tokens of the context, if the request states none."""


def workload(request: Request, gpus: tuple[Gpu, ...], model: Model, runtime: Engine[object, object]) -> Workload:
    """Make a workload from a request, with every default filled in; raises ``UsageError`` for contradictory keys."""
    cache_type = request.get("kv_cache_type", runtime.cache_types[0])
    for word in (cache_type, request.get("kv_cache_type_v", cache_type)):
        if word not in runtime.cache_types:
            offered = ", ".join(runtime.cache_types)
            raise UsageError(f"{runtime.name} has no cache type {word}", f"{runtime.name} offers: {offered}")
    task = request.get("task", "inference")
    if task not in runtime.tasks:
        raise UsageError(f"{runtime.name} does not run task {task}", f"use --engine {DEFAULT} for fine-tuning")
    sees = runtime.sees(request, model)
    work = WORKLOAD.fill(
        request,
        context=min(DEFAULT_CONTEXT_TOKENS, model.context or DEFAULT_CONTEXT_TOKENS),
        images=1 if sees and task == "inference" else 0,
        kv_cache_type=cache_type,
        kv_cache_type_v=cache_type,
        platform=default_platform(gpus),
        task=task,
        own=runtime.fill(request),
        training=TRAINING.fill(request) if task == "inference" else tuned(request, task, len(gpus)),
    )
    if work.images and not sees and work.image_tokens is None:
        raise UsageError(f'model "{model.id}" takes no images', "leave images out, or ask for a vision model")
    most = runtime.most_sequences
    if most is not None and work.parallel > most:
        raise UsageError(
            f"{runtime.name} holds at most {most} sequences at once, not {work.parallel}",
            f"use --parallel {most} or fewer",
        )
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


def _check_images(work: Workload, model: Model) -> None:
    """Raise ``UsageError`` or ``CannotTell`` if the model cannot take images of that size, or the context is too short."""
    size, images, context = work.image_size, work.images, work.context
    key = "context"
    if work.task != "inference":
        key, context = "sequence length", work.training.sequence_length
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
            f"{f'{images} images' if images > 1 else 'an image'} of {each} take {needed} tokens of a {key} of {context}",
            f"use --{key.replace(' ', '-')} {needed} or more, or smaller or fewer images",
        )


def tuned(request: Request, task: str, gpus: int) -> Training:
    """Values of the keys of fine-tuning: the request's, else the trainer's own, else the keys' defaults."""
    if TUNED.isdisjoint(request):
        return TRAINING.fill(request)  # the default trainer has no defaults of its own
    from vramfit.training.profile import find_trainer
    from vramfit.workload.tuning import training

    trainer = find_trainer(trainer_name(request))
    return training(request, trainer.defaults_of(task, gpus))


def counted(request: Request, model: Model) -> Request:
    """The request with the model's own context where it asks for all of it."""
    context = request.get("context")
    if not isinstance(context, str):
        return request
    whole, parts = model.context or DEFAULT_CONTEXT_TOKENS, context.removeprefix(LARGEST).removeprefix("/")
    return {**request, "context": max(1, whole // int(parts or 1))}


def worded(request: Request, runtime: Engine[object, object]) -> Request:
    """The request with the element types of the cache in the engine's own words."""
    words = runtime.cache_words
    if not words:
        return request
    named = [name for name in ("kv_cache_type", "kv_cache_type_v") if request.get(name) in words]
    return {**request, **{name: words[request[name]] for name in named}} if named else request


def default_platform(gpus: tuple[Gpu, ...]) -> str:
    """Default platform: macOS if every GPU is Apple's, else Linux."""
    return "macos" if all(gpu.vendor == "apple" for gpu in gpus) else "linux"
