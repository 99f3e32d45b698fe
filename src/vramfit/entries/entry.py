"""One whole GPU or model, with derived figures and sources, as ``show`` prints it."""

from __future__ import annotations

from vramfit._record import fields
from vramfit.entries.listing import gpu_object, model_object, usual_platform
from vramfit.errors import AmbiguousName, UnknownGpu, UnknownModel, UsageError
from vramfit.hardware import gpu_from_facts, usable_bytes
from vramfit.units import GB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.catalogue.lookup import Catalogue
    from vramfit.catalogue.rows import ModelRow
    from vramfit.memory.kv_cache import Cache
    from vramfit.model import Model
    from vramfit.model.origin import Origin

PLATFORMS = ("linux", "windows")
CACHE_TYPE = "f16"
SHOWN_CONTEXTS = (4096, 32768)
"""Contexts at which the cache's size is given, besides the model's longest."""


class UnknownEntry(UsageError):
    """A name that neither a GPU nor a model has as its id or alias."""

    code = "unknown-entry"


def entry_object(catalogue: Catalogue, name: str, kind: str | None = None) -> dict[str, Any]:
    """Object of the whole entry that ``name`` means, with ``kind`` first: ``gpu`` or ``model``, or the argument.

    Raises ``UnknownEntry`` (or ``UnknownGpu``, ``UnknownModel`` where the kind was given) and ``AmbiguousName``.
    """
    found: list[dict[str, Any]] = []
    missing: list[UsageError] = []
    several: AmbiguousName | None = None
    for one, show in (("gpu", show_gpu), ("model", show_model)):
        if kind in (None, one):
            try:
                found.append({"kind": one, **show(catalogue, name)})
            except (UnknownGpu, UnknownModel) as error:
                missing.append(error)
            except AmbiguousName as error:
                several = several or error
    if several is not None and not found:
        raise several
    if len(found) > 1:
        raise AmbiguousName(f'"{name}" is a GPU and a model', "say which with --kind gpu or --kind model")
    if found:
        return found[0]
    if kind is not None:
        raise missing[0]
    raise UnknownEntry(f'no GPU or model is called "{name}"', _hint(missing))


def show_gpu(catalogue: Catalogue, name: str) -> dict[str, Any]:
    """Object of a whole GPU."""
    facts = catalogue.gpu_facts(name)
    return {
        **gpu_object(facts),
        "memory_measured": facts["memory_measured"],
        "ecc": facts["ecc"],
        "bus_bits": facts["bus_bits"],
        "data_rate_gbps": facts["data_rate_gbps"],
        "usable": _usable(facts),
        "readings": [_reading(reading) for reading in facts["reported"]],
        "devices_per_board": facts.get("devices_per_board", 1),
        "sms": facts["sms"],
        "tensor_cores": facts["tensor_cores"],
        "boost_mhz": facts["boost_mhz"],
        "tdp_w": facts["tdp_w"],
        "tdp_max_w": facts["tdp_max_w"],
        "tflops": facts["tflops"],
        "precisions": facts["precisions"],
        "pcie": facts["pcie"],
        "host_link_bytes_per_second": _host_link(facts),
        "nvlink_bytes_per_second": None if facts["nvlink_gb_s"] is None else round(facts["nvlink_gb_s"] * GB),
        "rents": facts["rents"],
        "clouds": facts["clouds"],
        "instances": facts["instances"],
        "driver_names": facts["driver_names"] or ([facts["name"]] if facts["vendor"] == "nvidia" else []),
        "pci_ids": facts["pci"],
        "aliases": facts["aliases"],
        "note": facts.get("note"),
        "verified": facts["verified"],
        "sources": facts["sources"],
        "field_sources": facts["field_sources"],
        "references": facts["references"],
    }


def show_model(catalogue: Catalogue, name: str) -> dict[str, Any]:
    """Object of a whole model."""
    imported = catalogue.model(name)
    if imported.origin is not None:
        return show_imported(imported, imported.origin)
    facts = catalogue.model_facts(imported.id)
    row = next(row for row in catalogue.model_rows() if row.id == facts["id"])
    return {**_model(model_object(row, facts), imported, facts), "max_context": imported.context or None}


def imported_row(model: Model, name: str) -> ModelRow:
    """Row of a model that was read from files, as the catalogue has one of each entry; ``name`` is what it is asked by."""
    from vramfit.catalogue.rows import ModelRow
    from vramfit.model import active_parameters, parameters

    return ModelRow(
        name,
        model.name,
        model.family,
        model.modality,
        parameters(model),
        active_parameters(model),
        model.context,
        None,
    )


def show_imported(model: Model, origin: Origin) -> dict[str, Any]:
    """A model that was read from files, in the form of an entry, with what was read from where."""
    row = imported_row(model, model.id)
    architecture = model.architecture.name or model.architecture.gguf or model.architecture.model_type
    commit = f" at {origin.commit}" if origin.commit else ""
    where = origin.repository or origin.path or origin.tag or model.id
    read = [{"key": file, "name": f"{file} of {where}{commit}"} for file in origin.files]
    notes = [*([] if origin.gap is None else [f"not known: {origin.gap}"]), *origin.notes]
    facts = {
        "architecture": architecture,
        "dtype": model.dtype,
        "hf": [origin.repository] if origin.repository else [],
        "ollama": [origin.tag] if origin.tag else [],
        "note": "; ".join(notes) or None,
        "sources": read,
    }
    return {**_model(model_object(row, facts), model, facts), "knowledge": origin.knowledge}


def _model(listed: dict[str, Any], model: Model, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that ``list`` gives of a model, and the rest."""
    from vramfit.entries.roles import by_role, vision_parameters
    from vramfit.model import tensors

    inventory = tensors(model)
    return {
        **listed,
        "dtype": model.dtype,
        "vision_parameters": vision_parameters(model, inventory),
        "hidden": model.hidden or None,
        "vocab": model.vocab or None,
        "tied": model.tied if model.vocab else None,
        "layer_count": model.layer_count or None,
        "layers": [_layers(group) for group in model.layers],
        "tensors": [
            {"role": role, "count": count, "parameters": parameters}
            for role, (count, parameters) in by_role(inventory).items()
        ],
        "kv_cache": _kv_cache(model),
        "vision": None if model.vision is None else _vision(model, facts.get("vision") or {}),
        "components": [_record(component) for component in model.components],
        "note": facts.get("note"),
        "sources": facts["sources"],
    }


def _usable(facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Bytes a program can have by platform, and whether someone read them or a rule gives them."""
    if facts["memory_mib"] is None:
        return {}
    gpu = gpu_from_facts(facts)
    platforms = (usual_platform(facts),) if gpu.unified or gpu.vendor in ("apple", "google") else PLATFORMS
    sizes = {}
    for platform in platforms:
        sizes[platform] = {
            "bytes": usable_bytes(gpu, platform),
            "basis": "reading" if _was_read(facts, platform) else "rule",
        }
    return sizes


def _was_read(facts: Mapping[str, Any], platform: str) -> bool:
    """True if the usable size on a platform goes back to a reading of this very device."""
    if platform not in facts["usable_mib"]:
        return False
    if facts["vendor"] == "apple":
        usable = facts.get("usable") or {}
        source = str(usable.get("source", ""))
        return facts["usable_mib"][platform] in usable.values() and not source.startswith("metal-share")
    return facts["usable_mib"][platform] in [reading["mib"] for reading in facts["reported"]]


def _reading(reading: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "bytes": reading["mib"] * MIB,
        "by": reading["by"],
        "platform": reading.get("platform"),
        "state": reading.get("state"),
        "source": reading["source"],
    }


def _host_link(facts: Mapping[str, Any]) -> int | None:
    return None if facts["memory_mib"] is None else gpu_from_facts(facts).host_link_bytes_per_second


def _layers(group: Any) -> dict[str, Any]:
    """Object of a group of equal layers; the ``type`` of a mixer names its kind of record."""
    return {
        "count": len(group.indices),
        "mixers": [{"type": _type(mixer), **_record(mixer)} for mixer in group.mixers],
        "feed_forward": None
        if group.feed_forward is None
        else {"type": _type(group.feed_forward), **_record(group.feed_forward)},
    }


_TYPES = {"FeedForward": "dense"}
"""Words for records whose name does not say it; the others go by their names, ``latent-attention``."""


def _type(record: Any) -> str:
    name = type(record).__name__
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
    return _TYPES.get(name, words.removeprefix("-"))


def _kv_cache(model: Model) -> dict[str, Any] | None:
    """Growth of the cache per further token, by group of layers, and its size at some contexts, for one f16 sequence.

    Elements are counted without an engine's padding. Recurrent states are given in elements: engines keep them in types
    of their own. None for a model without layers that keep anything; what cross-attention keeps of an image is left
    out.
    """
    from vramfit.memory.kv_cache import caches

    kept = [cache for cache in caches(model) if cache.kind != "cross"]
    if not kept:
        return None
    contexts = dict.fromkeys([*(c for c in SHOWN_CONTEXTS if c < model.context), model.context])
    groups = [_cache_group(cache) for cache in kept]
    return {
        "type": CACHE_TYPE,
        "bytes_per_token": sum(group["bytes_per_token"] for group in groups),
        "windowed_bytes_per_token": sum(group["windowed_bytes_per_token"] for group in groups),
        "window": max((group["window"] for group in groups if group["window"] is not None), default=None),
        "state_elements": sum(group["state_elements"] for group in groups),
        "bytes_at_context": {
            str(tokens): sum(cache.tokens_kept(tokens) * _row_bytes(cache) for cache in kept) for tokens in contexts
        },
        "groups": groups,
    }


def _cache_group(cache: Cache) -> dict[str, Any]:
    """Cache of equal layers: elements that a token adds for good, and those that leave with the window."""
    row = _row_bytes(cache)
    growing = row // cache.ratio if cache.ratio else row if cache.window is None else 0
    return {
        "kind": cache.kind,
        "layers": len(cache.layers),
        "bytes_per_token": growing,
        "windowed_bytes_per_token": 0 if cache.window is None else row,
        "window": cache.window,
        "state_elements": len(cache.layers) * (cache.convolution_elements + cache.recurrent_elements),
    }


def _row_bytes(cache: Cache) -> int:
    """Bytes of one entry in every layer of the group."""
    from vramfit.memory.kv_cache import index_row_bytes, token_bytes

    return len(cache.layers) * (token_bytes(cache, CACHE_TYPE, CACHE_TYPE) + index_row_bytes(cache, CACHE_TYPE))


def _vision(model: Model, written: Mapping[str, Any]) -> dict[str, Any]:
    """Object of the vision tower; ``written`` is the tower as the catalogue writes it, empty where a file gave it."""
    from vramfit.model.vision import USUAL_IMAGE, image_tokens, max_image_tokens

    tower = model.vision
    assert tower is not None
    made = tower.image_tokens
    rule = written.get("image_tokens") or ({} if made is None else {"rule": made.rule, **_record(made)})
    return {
        "tower": tower.kind,
        "layers": tower.layers or None,
        "hidden": tower.hidden or None,
        "patch": tower.patch or None,
        "image_size": tower.image_size,
        "image_tokens": {
            "rule": dict(rule),
            "usual_image": list(USUAL_IMAGE),
            "usual": image_tokens(model, *USUAL_IMAGE),
            "max": max_image_tokens(model),
        },
    }


def _record(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in fields(type(record))}


def _hint(missing: list[UsageError]) -> str:
    """Hint with the nearest names of both kinds."""
    hints = [error.hint or "" for error in missing]
    near = [hint.removeprefix("did you mean ").split("?")[0] for hint in hints if "?" in hint]
    look = "see `vramfit list gpus` and `vramfit list models`"
    return f"did you mean {' or '.join(near)}? {look[0].upper()}{look[1:]}" if near else look
