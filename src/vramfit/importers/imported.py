"""What an import yields: a model with its own tensors, and the deployment keys that its files state.

``assemble`` joins what is read in two places: the tensors of a header, and the layers that a configuration or metadata
describe. Either may be missing without the other.
"""

from __future__ import annotations

from vramfit._record import record, replace
from vramfit.model import Tensor
from vramfit.model.counted import tensors
from vramfit.quantization.checkpoint import Checkpoint, keep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from vramfit.model import Model
    from vramfit.quantization import Scheme, Stored

APART = ("mtp", "adapter")
"""Parts of files that no engine loads with the model: prediction heads and adapters. They weigh in the file, and count
as no parameters of the runnable model."""


@record
class Imported:
    """A model read from its files."""

    model: Model
    keys: Mapping[str, Any] = {}
    """Deployment keys that the files or their name state: ``quant``, ``engine``, ``kv_cache_type``, ``context``."""
    checkpoint: Checkpoint | None = None
    """Its tensors as stored; None where no header was read."""


def assemble(model: Model, rows: tuple[Stored, ...], scheme: Scheme, source: str) -> Checkpoint:
    """The checkpoint of a model whose header was read: its rows become the tensors of the model, and their bytes."""
    tensors.remember(model, runnable(rows))
    checkpoint = Checkpoint(model, scheme, rows, source)
    keep(checkpoint)
    return checkpoint


def runnable(rows: Iterable[Stored]) -> tuple[Tensor, ...]:
    """The tensors that the rows of a header hold, whatever their types; those that no engine loads left out."""
    found: dict[tuple[object, ...], Tensor] = {}
    for row in rows:
        tensor = row.tensor
        if tensor.part in APART:
            continue
        key = (tensor.name, tensor.shape, tensor.part, bool(tensor.layers), tensor.copies)
        known = found.get(key)
        if known is None:
            found[key] = tensor
        elif tensor.layers:
            found[key] = replace(known, layers=tuple(sorted({*known.layers, *tensor.layers})))
        else:
            found[key] = replace(known, copies=known.copies + tensor.copies)
    return tuple(found.values())
