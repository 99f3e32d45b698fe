"""A model's tensors and counts: as compiled with its catalogue entry, or else derived now.

``inventory`` derives them from the architecture. For a model of the catalogue that was done when the catalogue was
compiled, and a check reads the result; a changed or imported model has no such result and is counted on the spot.
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
    """Every tensor of the runnable model, grouped by name and shape (see ``inventory``)."""
    from vramfit.model import inventory

    return inventory.tensors(model)


@per_model
def parameters(model: Model) -> int:
    """Unique parameters of the runnable model: tied heads once, no prediction heads, no buffers."""
    return sum([tensor.parameters for tensor in tensors(model)])


@per_model
def active_parameters(model: Model) -> int:
    """Parameters one token passes: of the routed experts only the active ones, of everything else all."""
    if not model.has_experts:
        return parameters(model)
    from vramfit.model import inventory

    return parameters(model) - inventory.resting_parameters(model)


@per_model
def max_image_tokens(model: Model) -> int:
    """The most prompt tokens one image can take, 0 without a vision tower (see ``vision``)."""
    from vramfit.model import vision

    return vision.max_image_tokens(model)


def pack(model: Model) -> dict[str, Any]:
    """The counts as plain data for a compiled catalogue entry; each set of layers once."""
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
    """Take the counts of ``model`` from what ``pack`` made of it."""
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
