"""Result of an import: a model with its own tensors, and the deployment keys that its files state.

``assemble`` joins what is read in two places: the tensors of a header, and the layers that a configuration or metadata
describe. Either may be missing without the other.
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.model.architecture import Experts
from vramfit.model.counted import active_parameters, parameters, tensors
from vramfit.quantization.checkpoint import Checkpoint, keep
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from vramfit.importers.header import Header
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme, Stored

EXPERTS = ("_exps.weight", "_exps.bias", ".experts.")
"""Marks in the names of routed experts' tensors: in GGUF's names, and in those of tensors that have no name there."""
IDLE = {
    "mtp": "prediction heads (MTP), loaded with it only for speculative decoding",
    "adapter": "adapters, not loaded with it",
}
"""Parts of files that engines do not load with the model, what they are and when they are loaded."""


class Imported(Record):
    """A model read from its files."""

    model: Model
    keys: Mapping[str, Any] = {}
    """Deployment keys that the files or their name state: ``quant``, ``engine``, ``kv_cache_type``, ``context``."""
    checkpoint: Checkpoint | None = None
    """Tensors as stored; None where no header was read."""
    config: Mapping[str, Any] | None = None
    """Configuration that was read; None where there is none."""
    processor: Mapping[str, Any] = {}
    """Settings of the processor of images; empty where there are none."""


def assemble(model: Model, rows: tuple[Stored, ...], scheme: Scheme, source: str) -> Checkpoint:
    """The checkpoint of a model whose header was read: its rows become the tensors of the model, and their bytes."""
    loaded = tuple([row for row in rows if row.tensor.part not in IDLE])
    idle = sum([row.total_bytes for row in rows if row.tensor.part in IDLE])
    count(model, distinct(loaded))
    checkpoint = Checkpoint(model, scheme, loaded, source, idle)
    keep(checkpoint)
    return checkpoint


LOOKED_UP = ("per_layer_token_embd.weight",)
"""Tables whose rows are looked up: of n-grams (Qwen3.8-Flash-Next), of embeddings by layer (Gemma 3n)."""


def idle_notes(header: Header) -> tuple[str, ...]:
    """Notes on the parts of files that are not loaded with the model, a line for each kind."""
    sizes = {
        word: sum([tensor.stored_bytes for tensor in header.tensors if tensor.part == part])
        for part, word in IDLE.items()
    }
    return tuple([f"{gib(size)} of its files are {word}" for word, size in sizes.items() if size])


def count(model: Model, own: tuple[Tensor, ...]) -> None:
    """Take the tensors that were read for the model's, and of those of routed experts only what a token passes.

    Of a table beside the input embedding a token passes single rows, which in a mixture of experts count as nothing.
    """
    tensors.remember(model, own)
    mixtures = {
        layer: (group.feed_forward.count, group.feed_forward.active)
        for group in model.layers
        for layer in group.indices
        if isinstance(group.feed_forward, Experts)
    }
    resting = 0
    for tensor in own:
        if any(word in tensor.name for word in EXPERTS) and not tensor.buffer:
            for layer in tensor.layers:
                all_of_them, active = mixtures.get(layer, (1, 1))
                resting += tensor.elements * tensor.copies * (all_of_them - active) // all_of_them
        elif mixtures and tensor.name in LOOKED_UP:
            resting += tensor.elements * tensor.copies
    active_parameters.remember(model, parameters(model) - resting)


def distinct(rows: Iterable[Stored]) -> tuple[Tensor, ...]:
    """The tensors of rows, those of one name and shape together, whatever types they are stored in."""
    found: dict[tuple[object, ...], Tensor] = {}
    for row in rows:
        tensor = row.tensor
        key = (tensor.name, tensor.shape, tensor.part, bool(tensor.layers), tensor.copies if tensor.layers else 0)
        known = found.get(key)
        if known is None:
            found[key] = tensor
        elif tensor.layers:
            found[key] = replace(known, layers=tuple(sorted({*known.layers, *tensor.layers})))
        else:
            found[key] = replace(known, copies=known.copies + tensor.copies)
    return tuple(found.values())
