"""Plain-data form of a report, which is the JSON contract, in one place.

Renderers read nothing else. Keys follow the contract's order; keys beyond it are additions a reader may ignore.
"""

from __future__ import annotations

from vramfit import __version__
from vramfit._record import fields, shape
from vramfit.engines import SUPPLY, engine
from vramfit.engines.keys import shown_keys
from vramfit.units import gib
from vramfit.verdict import LEVELS, RUNS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.answer import Answer
    from vramfit.check import Checked, Unanswered
    from vramfit.engines.interface import Deployment, DeviceMemory
    from vramfit.errors import VramfitError
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.model.origin import Origin
    from vramfit.remedies import Remedy
    from vramfit.workload.keys import Request

    Object = dict[str, Any]
    """Object of the contract's JSON: names with numbers, texts, lists and objects."""

FORMAT_VERSION = "1.0"

STATE_MEMORY = "give what a program can have of it as --usable, or the machine's memory as --ram"
"""Hint for a GPU whose memory is unknown."""
WEIGHT_FILES = (".gguf", ".safetensors")
MOST_NAMED = 1
"""Number of files of weights that are named; more are counted."""
SHORT_COMMIT = 7
OLLAMA = "ollama:"


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
    return {"format_version": FORMAT_VERSION, **label, "error": body}


def estimate_object(checked: Checked) -> Object:
    """One estimate of the report."""
    found = checked.answer
    deployment, estimate, verdict = found.deployment, found.estimate, found.verdict
    gpus = estimate.gpus
    host_room = verdict.host_headroom_bytes
    host_usable = None if host_room is None else host_room + estimate.host.total_bytes
    return {
        "name": checked.request.get("name"),
        "gpu": _gpu_object(deployment),
        "model": _model_object(deployment),
        "engine": deployment.engine,
        "quant": _quant_object(deployment),
        "deployment": _deployment_object(checked.request, deployment, estimate.settings),
        "required_bytes": _required(gpus, found.required_bytes),
        "breakdown": _breakdown(gpus),
        "devices": [
            *(_device_object(gpu, usable) for gpu, usable in zip(gpus, verdict.usable_bytes, strict=True)),
            _device_object(estimate.host, host_usable),
        ],
        "verdict": verdict.word,
        **_refusal_object(verdict.refusal),
        "headroom_bytes": verdict.headroom_bytes,
        "limits": _limits_object(checked),
        "rule_of_thumb": _fields(checked.rule_of_thumb),
        **_serving_object(found),
        "throughput": _throughput_object(found),
        "quality": {
            "label": checked.quality[0],
            "evidence": checked.quality[1],
            "kv_cache": {"label": checked.cache_quality[0], "evidence": checked.cache_quality[1]},
        },
        "if_tried": _fields(checked.if_tried),
        "command": found.known_command,
        "remedies": [_remedy_object(remedy, _speed_now(checked)) for remedy in checked.remedies],
        "assumptions": list(estimate.assumptions)
        + list(engine(deployment.engine).remarks(deployment, estimate))
        + _notes(deployment, estimate.host, checked.request.get("model", deployment.model.id))
        + _units(checked.request),
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
    return {"serving": {**(_fields(serving) or {}), "starts": serving.starts and refusal is None, "refusal": refusal}}


def unknown_object(unanswered: Unanswered) -> Object:
    """Object of a deployment whose memory is unknown, with null for what is not known of it."""
    deployment, weights = unanswered.deployment, unanswered.weights_bytes
    known = "" if weights is None else f"the weights take {gib(weights)}; "
    found: Object = {
        "name": unanswered.request.get("name"),
        "gpu": _gpu_object(deployment),
        "model": _model_object(deployment),
        "engine": deployment.engine,
        "quant": _quant_object(deployment),
        "deployment": _deployment_object(unanswered.request, deployment, {}),
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
        "assumptions": [f"{known}the rest is not known: {unanswered.reason}", SUPPLY]
        + ([] if deployment.model.origin is None else _origin_notes(deployment.model.origin)),
    }
    needing = unanswered.needing
    return found if needing is None else {**found, **_unsized_object(unanswered, needing)}


def _unsized_object(unanswered: Unanswered, found: Answer) -> Object:
    """Parts of the object where only what the GPU offers is unknown: the need, its speed, and null for the memory."""
    deployment, gpus = found.deployment, found.estimate.gpus
    card = {**_gpu_object(deployment), **dict.fromkeys(("marketed_gb", "memory_bytes", "usable_bytes"))}
    for kind in card.get("gpus", ()):
        kind.update(dict.fromkeys(("marketed_gb", "memory_bytes", "usable_bytes")))
    return {
        "gpu": card,
        "deployment": _deployment_object(unanswered.request, deployment, found.estimate.settings),
        "required_bytes": _required(gpus, found.required_bytes),
        "breakdown": _breakdown(gpus),
        "devices": [_device_object(device, None) for device in (*gpus, found.estimate.host)],
        "throughput": _throughput_object(found),
        "quality": {"label": found.quality[0], "evidence": found.quality[1]},
        "assumptions": [unanswered.reason, STATE_MEMORY, *found.estimate.assumptions],
    }


def _required(gpus: Sequence[DeviceMemory], expected: int) -> Object:
    """Object of the need over all GPUs."""
    return {
        "low": sum(gpu.low_bytes for gpu in gpus),
        "expected": expected,
        "high": sum(gpu.high_bytes for gpu in gpus),
    }


def _breakdown(gpus: Sequence[DeviceMemory]) -> Object:
    """Object of the parts over all GPUs."""
    return {
        "weights": sum(gpu.weights_bytes for gpu in gpus),
        "kv_cache": sum(gpu.kv_cache_bytes for gpu in gpus),
        "compute": sum(gpu.compute_bytes for gpu in gpus),
        "overhead": sum(gpu.overhead_bytes for gpu in gpus),
    }


def _model_object(deployment: Deployment) -> Object:
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


def _quant_object(deployment: Deployment) -> Object:
    from vramfit.quantization import bits_per_weight

    scheme, stored = deployment.scheme, deployment.checkpoint.stored
    return {
        "class": scheme.precision,
        "scheme": scheme.id,
        "bits_per_weight": round(bits_per_weight(stored), 4) if stored else None,
        "checkpoint_bytes": deployment.checkpoint.file_bytes if stored else None,
    }


def _throughput_object(found: Answer) -> Object | None:
    """Object of the speed; None where it is unknown, and where the deployment does not run as the estimate places it.

    ``if_tried`` has the outcome, and the speed with the missing part in system RAM.
    """
    from vramfit.speed import throughput

    speed = None if found.verdict.word not in RUNS else throughput(found.deployment, found.estimate)
    if speed is None:
        return None
    return {
        "decode_tokens_per_second": _fields(speed.decode),
        "prefill_tokens_per_second": _fields(speed.prefill),
        "total_decode_tokens_per_second": speed.total_decode_tokens_per_second,
        "time_to_first_token_seconds": speed.time_to_first_token_seconds,
        "bottleneck": speed.bottleneck,
        "prompt_tokens": speed.prompt_tokens,
    }


def _gpu_object(deployment: Deployment) -> Object:
    """Object of the card, with sizes per card when there are several; for mixed cards the smallest, listed in
    ``gpus``."""
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


def _deployment_object(request: Request, deployment: Deployment, decided: Mapping[str, object]) -> Object:
    """Object with every deployment key and the value used, ready to be asked again; the engine chose those in
    ``decided``.

    A key that the engine does not have stands there as it was given, or with its default.
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
            if key.decided and (value == "auto" or "auto" not in key.choices):
                value = decided.get(name, default if value == "auto" else value)
            value = key.spelled(value)
        values[name] = value
    return values


def _device_object(device: DeviceMemory, usable: int | None) -> Object:
    return {
        "device": device.device,
        "weights_bytes": device.weights_bytes,
        "kv_cache_bytes": device.kv_cache_bytes,
        "compute_bytes": device.compute_bytes,
        "overhead_bytes": device.overhead_bytes,
        "total_bytes": device.total_bytes,
        "usable_bytes": usable,
        "headroom_bytes": None if usable is None else usable - device.total_bytes,
    }


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


def _origin_notes(origin: Origin) -> list[str]:
    """Notes on the files that a model outside the catalogue was read from, and on what they leave open."""
    headers = [file for file in origin.files if file.endswith(WEIGHT_FILES)]
    others = [file for file in origin.files if file not in headers]
    if len(headers) > MOST_NAMED:
        headers = [f"{len(headers)} {origin.kind} headers"]
    words = [*others, *headers]
    text = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    commit = f", commit {origin.commit[:SHORT_COMMIT]}" if origin.commit else ""
    return [f"the model is read from {text}{commit}", *origin.notes]


def _notes(deployment: Deployment, host: DeviceMemory, asked: str) -> list[str]:
    notes = []
    if deployment.model.origin is not None:
        notes += _origin_notes(deployment.model.origin)
    elif asked.startswith(OLLAMA):
        note = f"{asked} is not in Ollama's store and its registry is not asked: the catalogue's entry answers for it"
        notes.append(note)
    elif asked.lower().endswith(WEIGHT_FILES):
        notes.append(f"there is no file {asked} here: it is taken for {deployment.model.name} by its name")
    elif "/" in asked and asked.lower() not in [name.lower() for name in deployment.model.hf]:
        from vramfit.quantization.publishers import EDITED

        edited = any(word in asked.lower() for word in EDITED)
        how = "with edited weights of the same shapes" if edited else "repackaged but not changed"
        notes.append(f"{asked} is taken for {deployment.model.name} by its name, {how}")
        if deployment.model.traits.expert_dtype == "fp8":
            notes.append(f"its experts are taken to be FP8 as its name says; {deployment.model.name} has them in MXFP4")
    ratio = deployment.checkpoint.scaled
    if ratio != 1:
        scheme = deployment.scheme.id
        notes.append(f"the file's mix is taken to be that of {scheme}, every tensor {ratio:.3f} times as large")
    if deployment.workload.context > (deployment.model.context or deployment.workload.context):
        notes.append(f"the asked context exceeds the {deployment.model.context:,} tokens the model supports")
    if host.read_bytes and deployment.workload.ram_bandwidth_bytes_per_second is None:
        from vramfit.speed import host_bandwidth
        from vramfit.units import rate

        notes.append(f"the RAM is taken to give {rate(host_bandwidth(deployment))}; ram_bandwidth states another rate")
    if not all(gpu.memory_measured for gpu in deployment.gpus):
        notes.append("the card's reported memory follows the rule for its class; no reading of it is known")
    return notes


def _units(request: Request) -> list[str]:
    """Say as what sizes were read that were written with a letter alone (``24G``), a GPU's in its name included."""
    texts = [(name, getattr(value, "written", "")) for name, value in request.items()]
    texts += [("gpu", one.partition("custom:")[2].partition("@")[0]) for one in request.get("gpu", ())]
    letters = [(name, text) for name, text in texts if text[-1:].lower() in ("k", "m", "g", "t")]
    return [f"{name}: {text} is read as {text[:-1].rstrip()} {text[-1].upper()}iB" for name, text in letters]


def _fields(record: Any) -> Object | None:
    return None if record is None else {name: getattr(record, name) for name in fields(type(record))}
