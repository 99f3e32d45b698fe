"""Need of a deployment over one of its keys: the points of a curve, the card's line, and where it stops fitting.

Each point is the estimate that a check with that value gives. Of several GPUs a point has the one with the least room,
whose usable memory is the line.
"""

from __future__ import annotations

from vramfit import __version__
from vramfit.answer import answer
from vramfit.engines import SUPPLY, engine
from vramfit.engines.resolve import resolve
from vramfit.errors import CannotTell, UsageError, VramfitError
from vramfit.search import largest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.answer import Answer
    from vramfit.engines.interface import Deployment
    from vramfit.engines.resolve import Catalogue
    from vramfit.workload.keys import Request

    Object = dict[str, Any]

FORMAT_VERSION = "1.0"
OVER = ("context", "parallel", "images", "quant")
"""Keys that a curve is drawn over."""
TRAINED = {"context": "sequence_length", "parallel": "micro_batch"}
"""Keys of fine-tuning that mean what those of inference do."""
UNITS = {"context": "tokens", "parallel": "sequences", "images": "images", "quant": ""}
MOST = {"context": 2**20, "parallel": 4096, "images": 256}
"""Largest values that are looked at where nothing else bounds them."""
BEYOND = 2
"""Multiple of the largest value that fits, up to which a curve is drawn."""
LEAST = {"context": 4096, "parallel": 8, "images": 4}
"""Least ends of a curve."""
POINTS = 32


def curve(
    request: Request, catalogue: Catalogue, over: str = "context", *, points: int = POINTS, to: int | None = None
) -> Object:
    """Points of the need over a key, for the first quantization where the request names none.

    ``to`` is the last value, which follows from the largest that fits where it is not given. Raises as ``resolve`` does,
    ``UsageError`` for a key without a curve here, and ``CannotTell`` for a model whose memory is not known.
    """
    first = resolve(request, catalogue)[0]
    if first.model.gap is not None:
        raise CannotTell(f"the memory of {first.model.name} cannot be told: {first.model.gap}", SUPPLY)
    fixed = {"quant": first.scheme.id, **request, "engine": first.engine}
    stops = None
    if over == "quant":
        found = _schemes(first, fixed, catalogue)
    else:
        found, stops = _numbers(first, fixed, catalogue, over, points, to)
    if not found:
        raise CannotTell(f"no value of {over} has an answer here", "ask one with vramfit check, which says why")
    gpu = first.gpus[0]
    return {
        "format_version": FORMAT_VERSION,
        "vramfit_version": __version__,
        "over": over,
        "unit": UNITS[over],
        "gpu": {"id": gpu.id, "name": gpu.name, "count": len(first.gpus)},
        "model": {"id": first.model.id, "name": first.model.name},
        "engine": first.engine,
        "quant": None if over == "quant" else first.scheme.id,
        "level": first.workload.level,
        "largest_that_fits": stops,
        "points": found,
    }


def _numbers(
    first: Deployment, request: Request, catalogue: Catalogue, over: str, points: int, to: int | None
) -> tuple[list[Object], int]:
    """Points over a number, evenly spaced, and the largest value that reaches the level, 0 where none does."""
    model = first.model
    key = TRAINED.get(over, over) if first.workload.task != "inference" else over
    most, image_tokens = MOST[over], 0
    if over == "images":
        if model.vision is None:
            raise UsageError(f"{model.name} takes no images", "plot over the context, or give a model that sees")
        from vramfit.memory.vision import tokens_of_image

        image_tokens = tokens_of_image(model, first.workload.image_size)
        room = request.get("context", max(model.context, first.workload.context))
        most = min(most, room // image_tokens) if image_tokens and isinstance(room, int) else most
    if over == "context" and first.workload.task == "inference":
        most = max(model.context or most, first.workload.context)
    if over == "parallel":
        most = engine(first.engine).largest_parallel(first.workload) or most

    def asked(value: int) -> Answer | None:
        changed = {**request, key: value}
        if image_tokens and "context" not in request:
            changed["context"] = max(first.workload.context, value * image_tokens)
        try:
            return answer(resolve(changed, catalogue)[0])
        except UsageError:
            return None  # a stated setting excludes it

    def margin(value: int) -> int:
        found = asked(value)
        return -1 if found is None else found.margin_bytes

    stops = max(0, largest(margin, 1, most))
    end = min(most, to or max(LEAST[over], BEYOND * stops, _now(first, key)))
    step = _step(end, points)
    values = [*range(step, end, step), end]
    return [_point(value, found) for value in values if (found := asked(value)) is not None], stops


def _now(first: Deployment, key: str) -> int:
    """Value that the deployment has itself."""
    work = first.workload
    return int(getattr(work.training if key in TRAINED.values() else work, key))


def _step(end: int, points: int) -> int:
    """Distance of the points: a power of two, or five or ten times a power of ten, whichever is nearest from above."""
    least = max(1, -(-end // points))
    return 1 << (least - 1).bit_length() if least >= 64 else least


def _schemes(first: Deployment, request: Request, catalogue: Catalogue) -> list[Object]:
    """Point of each scheme that the engine loads for the model, by the bytes of its weights, the most first."""
    from vramfit.quantization import SCHEMES

    families = engine(first.engine).families
    found: dict[tuple[int, str], tuple[int, Object]] = {}
    for scheme in SCHEMES.values():
        if scheme.family not in families:
            continue
        try:
            deployment = resolve({**request, "quant": scheme.id}, catalogue)[0]
            point = _point(scheme.id, answer(deployment))
        except VramfitError:
            continue  # the engine or the model refuses it
        # ``fp16`` and ``F16`` are one type by two names, and the last is the engine's own.
        found[point["required_bytes"], scheme.id.upper().replace("FP", "F")] = deployment.checkpoint.file_bytes, point
    return [point for _, point in sorted(found.values(), key=lambda one: (-one[0], one[1]["value"]))]


def _point(value: int | str, found: Answer) -> Object:
    """Object of one point: the parts of the GPU with the least room, its need with bounds, and what it offers."""
    pairs = list(zip(found.estimate.gpus, found.verdict.usable_bytes, strict=True))
    device, usable = min(pairs, key=lambda pair: pair[1] - pair[0].total_bytes)
    return {
        "value": value,
        "weights_bytes": device.weights_bytes,
        "kv_cache_bytes": device.kv_cache_bytes,
        "compute_bytes": device.compute_bytes,
        "overhead_bytes": device.overhead_bytes,
        "required_bytes": device.total_bytes,
        "low_bytes": device.low_bytes,
        "high_bytes": device.high_bytes,
        "usable_bytes": usable,
        "host_bytes": found.estimate.host.total_bytes,
        "device": device.device,
        "verdict": found.verdict.word,
    }
