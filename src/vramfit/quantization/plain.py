"""Unquantized checkpoints: every element the same width."""

from __future__ import annotations

from vramfit.model import tensors
from vramfit.quantization import Stored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Scheme


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Store every tensor at ``scheme.settings["bytes"]`` bytes per element."""
    width, kind = scheme.settings["bytes"], scheme.settings["type"]
    return tuple([Stored(t, kind, t.elements * width, t.layers) for t in tensors(model)])
