"""Objects of the report that repeat what was asked about: the card, the model, the quantization, every key."""

from __future__ import annotations

from vramfit._record import shape
from vramfit.engines import engine
from vramfit.engines.keys import shown_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.engines.interface import Deployment
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.report.amounts import Object
    from vramfit.workload.keys import Request


def gpu_object(deployment: Deployment) -> Object:
    """Object of the card, with sizes per card when there are several.

    For mixed cards they are those of the smallest, and ``gpus`` lists the kinds.
    """
    kinds: dict[str, list[Gpu]] = {}
    for gpu in deployment.gpus:
        kinds.setdefault(gpu.id, []).append(gpu)
    smallest = min(deployment.gpus, key=lambda gpu: gpu.memory_bytes)
    card_object = {
        **_card(smallest, deployment),
        "id": "+".join(kinds),
        "name": " + ".join(cards[0].name for cards in kinds.values()),
        "count": len(deployment.gpus),
    }
    if len(kinds) > 1:
        card_object["gpus"] = [{**_card(cards[0], deployment), "count": len(cards)} for cards in kinds.values()]
    return card_object


def _card(gpu: Gpu, deployment: Deployment) -> Object:
    return {
        "id": gpu.id,
        "name": gpu.name,
        "count": 1,
        "marketed_gb": gpu.marketed_gb,
        "memory_bytes": gpu.memory_bytes,
        "usable_bytes": engine(deployment.engine).offered_bytes(gpu, deployment.workload),
        "bandwidth_bytes_per_second": gpu.bandwidth_bytes_per_second,
        "vendor": gpu.vendor,
        "architecture": gpu.architecture,
        "memory_type": gpu.memory_type,
        "cores": gpu.cores,
        "core_unit": gpu.core_unit,
        "tensor_cores": gpu.tensor_cores,
        "price_usd": gpu.price_usd,
    }


def model_object(deployment: Deployment) -> Object:
    """Object of the model, with null for its counts where neither a header nor its class gives its tensors."""
    from vramfit.model import active_parameters

    model, count = deployment.model, deployment.model_parameters
    return {
        "id": model.id,
        "name": model.name,
        "parameters": count or None if model.gap is not None else count,
        "active_parameters": active_parameters(model) if model.gap is None else None,
        "family": model.family,
        "modality": model.modality,
        "vision_parameters": _vision_parameters(deployment),
        "max_context": model.context if model.context or model.origin is None else None,
        "max_image_tokens": _max_image_tokens(deployment),
        "image_tokens": _image_tokens(deployment),
        **_origin_object(model),
    }


def _vision_parameters(deployment: Deployment) -> int | None:
    from vramfit.model import tensors

    if deployment.model.vision is None:
        return None
    return sum(tensor.parameters for tensor in tensors(deployment.model) if tensor.part in ("vision", "projector"))


def _max_image_tokens(deployment: Deployment) -> int | None:
    if deployment.model.vision is None:
        return None
    from vramfit.model import max_image_tokens

    return max_image_tokens(deployment.model)


def _image_tokens(deployment: Deployment) -> int | None:
    """Tokens of one image of the requested size; None without a size, or without vision."""
    size = deployment.workload.image_size
    if size is None:
        return None
    from vramfit.model.vision import image_tokens

    return image_tokens(deployment.model, *size)


def _origin_object(model: Model) -> Object:
    """Object of the files that a model outside the catalogue was read from; empty for an entry."""
    origin = model.origin
    if origin is None:
        return {}
    return {
        "source": {
            "kind": origin.kind,
            "store": origin.store,
            "path": origin.path,
            "repository": origin.repository,
            "tag": origin.tag,
            "revision": origin.revision,
            "commit": origin.commit,
            "files_read": list(origin.files),
        },
        "knowledge": origin.knowledge,
    }


def quant_object(deployment: Deployment) -> Object:
    """Object of the quantization, with the size of the checkpoint where its tensors are known."""
    from vramfit.quantization import bits_per_weight

    scheme, stored = deployment.scheme, deployment.checkpoint.stored
    return {
        "class": scheme.precision,
        "scheme": scheme.id,
        "bits_per_weight": round(bits_per_weight(stored), 4) if stored else None,
        "checkpoint_bytes": deployment.checkpoint.file_bytes if stored else None,
    }


def deployment_object(request: Request, deployment: Deployment, decided: Mapping[str, object]) -> Object:
    """Object with every deployment key and the value used, ready to be asked again.

    The engine chose the values in ``decided``. A key that the engine does not have stands there as it was given, or with
    its default.
    """
    gpus = request["gpu"]
    used: Object = {
        "gpu": list(gpus) if len(gpus) > 1 else gpus[0],
        "model": deployment.model.id,
        "engine": deployment.engine,
        "quant": engine(deployment.engine).word_of(deployment.scheme),
        "name": request.get("name"),
    }
    values = {}
    work = deployment.workload
    given = vars(work)
    declared = shape(type(work))[1] | shape(type(work.training))[1]
    for name, field, default, varies, key in shown_keys(work.task):
        if name in used:
            values[name] = used[name]
            continue
        if field in given:
            value = given[field]
        elif work.own is None and field not in declared:
            value = request.get(name, default)
        else:
            value = key.value_in(work, request)
        if varies:
            # A number that was typed stands, even where the engine has another word for it.
            if key.decided and (value in ("auto", key.default) or "auto" not in key.choices):
                value = decided.get(name, default if value == "auto" else value)
            value = key.spelled(value)
        values[name] = value
    return values
