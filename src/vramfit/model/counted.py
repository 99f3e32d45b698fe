"""Tensors and counts of a model: read from its compiled catalogue entry, or else derived when first needed.

``inventory`` derives them from the architecture. For a model of the catalogue this happens when the catalogue is
compiled, and a check reads the result. For a changed or imported model it happens during the check.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit.model.architecture import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.model.architecture import Model


@per_model
def tensors(model: Model) -> tuple[Tensor, ...]:
    """Tensors of the model as it is loaded, grouped by name and shape (see ``inventory``)."""
    from vramfit.model import inventory

    return inventory.tensors(model)


@per_model
def parameters(model: Model) -> int:
    """Number of parameters of the model as it is loaded.

    A head tied to the embedding counts once; multi-token prediction heads and buffers do not count.
    """
    return sum([tensor.parameters for tensor in tensors(model)])


@per_model
def active_parameters(model: Model) -> int:
    """Number of parameters that one token passes through: all but those of the experts that the router leaves out."""
    if not model.has_experts:
        return parameters(model)
    from vramfit.model import inventory

    return parameters(model) - inventory.resting_parameters(model)


@per_model
def max_image_tokens(model: Model) -> int:
    """Largest number of prompt tokens that one image can take (see ``vision``); 0 without a vision tower."""
    from vramfit.model import vision

    return vision.max_image_tokens(model)


def pack(model: Model) -> dict[str, Any]:
    """Return tensors and counts as plain data for a compiled catalogue entry; each set of layers is stored once."""
    layer_sets: dict[tuple[int, ...], int] = {}
    rows = [
        (t.name, t.shape, layer_sets.setdefault(t.layers, len(layer_sets)), t.part, t.linear, t.buffer, t.copies)
        for t in tensors(model)
    ]
    return {
        "layer_sets": tuple(layer_sets),
        "tensors": tuple(rows),
        "parameters": parameters(model),
        "active_parameters": active_parameters(model),
        "max_image_tokens": max_image_tokens(model),
    }


def remember(model: Model, packed: Mapping[str, Any]) -> None:
    """Store the tensors and counts that ``pack`` made of ``model``, so that they are not derived again."""
    sets = packed["layer_sets"]
    rows = packed["tensors"]
    made = []
    for name, shape, layers, part, linear, buffer, copies in rows:
        tensor = object.__new__(Tensor)
        tensor.__dict__ = {
            "name": name, "shape": shape, "layers": sets[layers], "part": part, "linear": linear, "buffer": buffer,
            "copies": copies,
        }  # fmt: skip
        made.append(tensor)
    tensors.remember(model, tuple(made))
    parameters.remember(model, packed["parameters"])
    active_parameters.remember(model, packed["active_parameters"])
    max_image_tokens.remember(model, packed["max_image_tokens"])
