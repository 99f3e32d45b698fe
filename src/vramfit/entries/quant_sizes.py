"""Sizes of a model's checkpoint under every scheme, as ``show MODEL --quants`` lists them."""

from __future__ import annotations

from vramfit.engines import engine, names
from vramfit.errors import VramfitError
from vramfit.quantization import SCHEMES, bits_per_weight, derive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vramfit.engines.base import Engine
    from vramfit.model import Model
    from vramfit.quantization import Scheme

OPAQUE = "its tensors are not modelled, only their number is known"
"""Reason why a pipeline of which only parameter counts are known has a size in plain floats and in nothing else."""


def quant_sizes(model: Model) -> list[dict[str, Any]]:
    """Every scheme of the table with its size on this model: families in the table's order, most bits first.

    ``checkpoint_bytes`` and ``bits_per_weight`` are those of a report. Of a GGUF checkpoint the vision and audio towers
    are a second file: ``towers_file_bytes``, which ``bits_per_weight`` covers too; null where there is no second file.
    A scheme that cannot be told for this model has null sizes and a ``reason``. Engines are those that run such a model at
    all: pipelines of components have engines of their own.
    """
    engines = [engine(name) for name in names() if engine(name).runs(model)]
    families = list(dict.fromkeys(scheme.family for scheme in SCHEMES.values()))
    objects = [_object(model, scheme, engines) for scheme in SCHEMES.values()]
    return sorted(objects, key=lambda one: (families.index(one["family"]), -(one["bits_per_weight"] or 0)))


def _object(model: Model, scheme: Scheme, engines: Sequence[Engine[object, object]]) -> dict[str, Any]:
    size = towers = bits = reason = None
    if model.components and scheme.family != "plain":
        reason = OPAQUE
    else:
        try:
            checkpoint = derive(model, scheme)
            stored = checkpoint.stored
        except VramfitError as error:
            reason = error.message
        else:
            size, bits = checkpoint.file_bytes, round(bits_per_weight(stored), 4)
            towers = sum(row.total_bytes for row in stored) - size or None
    return {
        "scheme": scheme.id,
        "family": scheme.family,
        "class": scheme.precision,
        "checkpoint_bytes": size,
        "bits_per_weight": bits,
        "towers_file_bytes": towers,
        "requires_imatrix": scheme.requires_imatrix,
        "engines": [one.name for one in engines if one.loads(scheme)],
        "reason": reason,
    }
