"""Object of the report for a deployment whose memory is unknown."""

from __future__ import annotations

from vramfit.checks import STATE_MEMORY
from vramfit.engines import SUPPLY
from vramfit.report.amounts import breakdown, device_object, required, throughput_object
from vramfit.report.asked import deployment_object, gpu_object, model_object, quant_object
from vramfit.report.notes import origin_notes
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.answer import Answer
    from vramfit.checks import Unanswered
    from vramfit.report.amounts import Object


def unknown_object(unanswered: Unanswered) -> Object:
    """Object of a deployment whose memory is unknown, with null for what is not known of it."""
    deployment, weights = unanswered.deployment, unanswered.weights_bytes
    known = "its memory" if weights is None else f"the weights take {gib(weights)}; the rest"
    found: Object = {
        "name": unanswered.request.get("name"),
        "gpu": gpu_object(deployment),
        "model": model_object(deployment),
        "engine": deployment.engine,
        "quant": quant_object(deployment),
        "deployment": deployment_object(unanswered.request, deployment, {}),
        "required_bytes": None,
        "breakdown": {"weights": weights, "kv_cache": None, "compute": None, "overhead": None},
        "devices": [],
        "verdict": "unknown",
        "headroom_bytes": None,
        "limits": None,
        "rule_of_thumb": None,
        "throughput": None,
        "quality": None,
        "if_tried": None,
        "command": None,
        "remedies": [],
        "assumptions": [f"{known} is not known: {unanswered.reason}", SUPPLY]
        + ([] if deployment.model.origin is None else origin_notes(deployment.model.origin)),
    }
    needing = unanswered.needing
    return found if needing is None else {**found, **_unsized_object(unanswered, needing)}


def _unsized_object(unanswered: Unanswered, found: Answer) -> Object:
    """Parts of the object where only what the GPU offers is unknown: the need, its speed, and null for the memory."""
    deployment, gpus = found.deployment, found.estimate.gpus
    card = {**gpu_object(deployment), **dict.fromkeys(("marketed_gb", "memory_bytes", "usable_bytes"))}
    for kind in card.get("gpus", ()):
        kind.update(dict.fromkeys(("marketed_gb", "memory_bytes", "usable_bytes")))
    return {
        "gpu": card,
        "deployment": deployment_object(unanswered.request, deployment, found.estimate.settings),
        "required_bytes": required(gpus, found.required_bytes),
        "breakdown": breakdown(gpus),
        "devices": [device_object(device, None) for device in (*gpus, found.estimate.host)],
        "throughput": throughput_object(found),
        "quality": {"label": found.quality[0], "evidence": found.quality[1]},
        "assumptions": [unanswered.reason, STATE_MEMORY, *found.estimate.assumptions],
    }
