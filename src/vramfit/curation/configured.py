"""Model of a merged entry: built from the figures it states, or from the fields of a ``config.json``.

An entry with ``config`` gives the fields that differ from the defaults of its configuration class, ``model_type`` among
them. ``importers.config`` reads them as it reads a user's own file, so that tensors and caches are those of the class in
transformers. The entry's other fields go before what the configuration states.
"""

from __future__ import annotations

import json
from functools import cache

from vramfit._record import replace
from vramfit.curation.derive import RECALLED
from vramfit.importers.config.model import Configured, read_config
from vramfit.importers.imported import count
from vramfit.importers.quant_config import block_of, expert_type_of
from vramfit.model import model_from_facts
from vramfit.model.architecture import Attention
from vramfit.model.build import nominal_billions, published_files
from vramfit.model.spec import read_audio, read_vision
from vramfit.model.traits import Architecture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from vramfit.model import Layers, Model, Tensor
    from vramfit.model.mixers import Mixer

OWN = (
    "id", "name", "family", "modality", "released", "licence", "dtype", "context", "model_type", "gguf", "config",
    "processor", "vision", "audio", "mtp_layers", "note", "hf", "quantized", "files", "ollama", "fine_tunes",
    "contexts", "sources", "traits",
)  # fmt: skip
"""Fields that an entry with ``config`` may state, of the traits the configured context alone. Every other field is the
configuration's."""

PARTS = ("text", "vision", "projector", "audio", "component")
"""Parts of a model in the order of its tensors."""


SOLVED, TOTALS = "solved", "llmfit"
"""Keys of the sources that are figures chosen to meet a total, and that state totals."""


def model_of(facts: Mapping[str, Any]) -> Model:
    """Build the model of a merged entry, with what is to be said of its figures.

    Raises ``ValueError`` with a message ``field: what is wrong`` if its configuration does not give tensors and caches.
    """
    if facts.get("config"):
        return _configured(facts)
    sentences = caveats(facts)
    model = model_from_facts(facts)
    return replace(model, caveats=sentences) if sentences else model


def caveats(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Sentences on what a merged entry's figures leave out, and on those that no copy of its configuration states."""
    name, note, sources = facts["name"], facts.get("note"), facts.get("sources") or ()
    sentences = [f"of {name}: {note}"] if note else []
    if RECALLED in sources:
        met = "; its tensors add up to the total that was published" if TOTALS in sources else ""
        sentences.append(f"figures of {name} are from memory and were compared with no copy of its configuration{met}")
    elif SOLVED in sources and not note:
        sentences.append(f"figures of {name} are chosen so that its tensors add up to the total that was published")
    return tuple(sentences)


def _configured(facts: Mapping[str, Any]) -> Model:
    """Model of an entry that gives the fields of its configuration."""
    foreign = [name for name, value in facts.items() if name not in OWN and value is not None]
    traits = dict(facts.get("traits") or {})
    configured = traits.pop("configured_context", None)
    if foreign or traits:
        raise ValueError(f"{[*foreign, *traits][0]}: is the configuration's, see config")
    read = _read(json.dumps(facts["config"], sort_keys=True), json.dumps(facts.get("processor") or {}))
    context = facts.get("context") or read.model.context
    layers = _read_throughout(read.model.layers, context)
    gap = read.tensors_reason or (read.caches_reason if layers == read.model.layers else None)
    if gap is not None or read.tensors is None:
        raise ValueError(f"config: {gap}")
    vision = facts.get("vision")
    settings = facts["config"].get("quantization_config") or {}
    stated = {
        "expert_dtype": expert_type_of(facts["config"], settings),
        "weight_block": block_of(settings),
        "configured_context": configured,
    }
    model = replace(
        read.model,
        **{field: facts[field] for field in ("id", "name", "family")},
        modality=facts.get("modality") or read.model.modality,
        dtype=facts.get("dtype") or read.model.dtype,
        context=context,
        layers=layers,
        traits=replace(read.model.traits, **{trait: value for trait, value in stated.items() if value}),
        architecture=Architecture(None, read.model.architecture.model_type, facts.get("gguf")),
        vision=read_vision(vision) if vision else read.model.vision,
        audio=read_audio(facts["audio"]) if facts.get("audio") else None,
        nominal_billions=nominal_billions(facts["name"]),
        released=facts.get("released"),
        licence=facts.get("licence"),
        hf=tuple(facts.get("hf") or ()),
        ollama=tuple(facts.get("ollama") or ()),
        fine_tunes=tuple(facts.get("fine_tunes") or ()),
        files=published_files(facts.get("files") or {}),
        caveats=caveats(facts),
        mtp_layers=facts.get("mtp_layers") or read.model.mtp_layers,
    )
    if not model.context and model.layers and any(group.mixers for group in model.layers):
        raise ValueError("context: missing, the configuration does not state it")
    count(model, _ordered(read.tensors))
    return model


def completed(facts: dict[str, Any]) -> dict[str, Any]:
    """Merged entry with what its configuration says of the fields that lists show; raises as ``model_of`` does."""
    if not facts.get("config"):
        return facts
    model = model_of(facts)
    return {**facts, "modality": model.modality, "context": model.context, "dtype": model.dtype}


def _ordered(tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """Tensors by the parts of a model, with those of one name and shape in one row, as ``model.inventory`` has them.

    An encoder and a decoder number their layers both from 0, so that rows which share a layer stay apart.
    """
    rows: dict[tuple[object, ...], Tensor] = {}
    for tensor in tensors:
        number = 0
        while True:
            key = (tensor.name, tensor.shape, tensor.part, tensor.linear, tensor.buffer, bool(tensor.layers), number)
            known = rows.get(key)
            if known is None or set(known.layers).isdisjoint(tensor.layers):
                break
            number += 1
        if known is None:
            rows[key] = tensor
        elif tensor.layers and tensor.layers != known.layers:
            rows[key] = replace(known, layers=tuple(sorted({*known.layers, *tensor.layers})))
        else:
            rows[key] = replace(known, copies=known.copies + tensor.copies)
    return tuple(sorted(rows.values(), key=lambda tensor: PARTS.index(tensor.part)))


def _read_throughout(layers: tuple[Layers, ...], context: int) -> tuple[Layers, ...]:
    """Layers whose cross-attention is to an encoder that reads the whole context, where its input may have any length."""
    return tuple([replace(group, mixers=tuple([_crossing(one, context) for one in group.mixers])) for group in layers])


def _crossing(mixer: Mixer, context: int) -> Mixer:
    if isinstance(mixer, Attention) and mixer.kind == "cross" and mixer.encoder_tokens is None and context:
        return replace(mixer, encoder_tokens=context)
    return mixer


@cache
def _read(config: str, processor: str) -> Configured:
    """Read a configuration, which compiling and each rule ask for anew."""
    return read_config(json.loads(config), "", "", json.loads(processor))
