"""Plain-data form of a report, which is the JSON contract, in one place.

Renderers read nothing else. Keys follow the contract's order; keys beyond it are additions a reader may ignore.
"""

from __future__ import annotations

from vramfit import __version__
from vramfit.engines import engine
from vramfit.report.amounts import breakdown, device_object, fields_of, required, throughput_object
from vramfit.report.asked import deployment_object, gpu_object, model_object, quant_object
from vramfit.report.notes import notes, units
from vramfit.verdict import LEVELS, RUNS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.answer import Answer
    from vramfit.checks import Checked
    from vramfit.errors import VramfitError
    from vramfit.remedies import Remedy
    from vramfit.report.amounts import Object

FORMAT_VERSION = "1.1"
"""Version of documents of estimates; since 1.1 an estimate has its command, its terms and what a server serves."""
ERROR_VERSION = "1.0"
"""Version of an error object, in which nothing was added since the first."""


def document(estimates: Sequence[Object]) -> Object:
    """Document of ``--json``: the estimates and the worst verdict among them, ``unknown`` where one failed."""
    words = [e.get("verdict", "unknown") for e in estimates]
    worst = "unknown" if "unknown" in words or not words else min(words, key=lambda word: LEVELS[word])
    return {
        "format_version": FORMAT_VERSION,
        "vramfit_version": __version__,
        "estimates": list(estimates),
        "verdict": worst,
    }


def error_document(error: VramfitError, **label: str | None) -> Object:
    """Error object of the contract.

    ``name=`` adds the label of a deployment in a file, None where it has none.
    """
    body = {"code": error.code, "message": error.message, "hint": error.hint}
    return {"format_version": ERROR_VERSION, **label, "error": body}


def estimate_object(checked: Checked) -> Object:
    """One estimate of the report."""
    found = checked.answer
    deployment, estimate, verdict = found.deployment, found.estimate, found.verdict
    gpus = estimate.gpus
    host_room = verdict.host_headroom_bytes
    host_usable = None if host_room is None else host_room + estimate.host.total_bytes
    return {
        "name": checked.request.get("name"),
        "gpu": gpu_object(deployment),
        "model": model_object(deployment),
        "engine": deployment.engine,
        "quant": quant_object(deployment),
        "deployment": deployment_object(checked.request, deployment, estimate.settings),
        "required_bytes": required(gpus, found.required_bytes),
        "breakdown": breakdown(gpus),
        "devices": [
            *(device_object(gpu, usable) for gpu, usable in zip(gpus, verdict.usable_bytes, strict=True)),
            device_object(estimate.host, host_usable),
        ],
        "verdict": verdict.word,
        **_refusal_object(verdict.refusal),
        "headroom_bytes": verdict.headroom_bytes,
        "limits": _limits_object(checked),
        "rule_of_thumb": fields_of(checked.rule_of_thumb),
        **_serving_object(found),
        "throughput": throughput_object(found),
        "quality": {
            "label": checked.quality[0],
            "evidence": checked.quality[1],
            "kv_cache": {"label": checked.cache_quality[0], "evidence": checked.cache_quality[1]},
        },
        "if_tried": fields_of(checked.if_tried),
        "command": found.known_command,
        "remedies": [_remedy_object(remedy, _speed_now(checked)) for remedy in checked.remedies],
        "assumptions": list(estimate.assumptions)
        + list(engine(deployment.engine).remarks(deployment, estimate))
        + notes(deployment, estimate.host, checked.request.get("model", deployment.model.id))
        + units(checked.request)
        + list(checked.notes),
    }


def _limits_object(checked: Checked) -> Object | None:
    """Object of the limits; None where there are none. Those of fine-tuning are there by their keys' names too."""
    limits = checked.limits
    if limits is None:
        return None
    found: Object = {"max_context": limits.max_context, "max_parallel": limits.max_parallel}
    if checked.answer.deployment.workload.task != "inference":
        found |= {"max_sequence_length": limits.max_context, "max_micro_batch": limits.max_parallel}
    return found


def _refusal_object(reason: str | None) -> Object:
    """Field with the reason why the engine does not start; empty where it does, or where the need itself says it."""
    return {} if reason is None else {"refusal": reason}


def _serving_object(found: Answer) -> Object:
    """Field with what a server does with its memory; empty for an engine that is no server."""
    serving = found.serving
    if serving is None:
        return {}
    refusal = found.verdict.refusal or serving.refusal
    return {"serving": {**(fields_of(serving) or {}), "starts": serving.starts and refusal is None, "refusal": refusal}}


def _remedy_object(remedy: Remedy, before: float | None) -> Object:
    proposal = remedy.proposal
    after: Answer = proposal.answer
    rate = remedy.rate
    return {
        "kind": proposal.kind,
        "summary": proposal.summary,
        "changes": dict(remedy.changes),
        "verdict": after.verdict.word,
        "required_bytes": after.required_bytes,
        "headroom_bytes": after.verdict.headroom_bytes,
        "decode_tokens_per_second": None if rate is None else rate.expected,
        "decode_tokens_per_second_before": before,
        "quality": remedy.quality[0],
        "quality_evidence": remedy.quality[1],
        "trade": proposal.trade,
        "host_bytes": after.estimate.host.total_bytes,
        "checkpoint_bytes": after.estimate.checkpoint_bytes,
        "price_usd": proposal.price_usd,
        "cloud": None if proposal.cloud is None else dict(proposal.cloud),
        "command": remedy.command,
    }


def _speed_now(checked: Checked) -> float | None:
    """Tokens per second of the requested deployment, with the missing part in system RAM where it exceeds the GPUs."""
    if checked.if_tried is not None:
        return checked.if_tried.decode_tokens_per_second
    rate = checked.answer.rate
    return None if rate is None or checked.answer.verdict.word not in RUNS else rate.expected
