"""Description of models, from a catalogue entry to the tensors, as records and pure functions.

``counted`` returns what ``inventory`` and ``vision`` derive. For models of the catalogue that was computed when the
catalogue was compiled.
"""

from vramfit.model.architecture import Attention, Component, Experts, FeedForward, Layers, Model, Tensor
from vramfit.model.counted import active_parameters, max_image_tokens, parameters, tensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.build import model_from_facts, nominal_billions
    from vramfit.model.mixers import (
        CompressedAttention,
        FixedState,
        LatentAttention,
        LinearAttention,
        ShortConvolution,
        StateSpace,
    )
    from vramfit.model.origin import Origin

__all__ = [
    "Attention",
    "Component",
    "CompressedAttention",
    "Experts",
    "FeedForward",
    "FixedState",
    "LatentAttention",
    "Layers",
    "LinearAttention",
    "Model",
    "Origin",
    "ShortConvolution",
    "StateSpace",
    "Tensor",
    "active_parameters",
    "max_image_tokens",
    "model_from_facts",
    "nominal_billions",
    "parameters",
    "tensors",
]


def __getattr__(name: str) -> object:
    """Load a name that most checks do not need, since a catalogue model was already built when it was compiled."""
    if name in ("model_from_facts", "nominal_billions"):
        from vramfit.model import build

        return getattr(build, name)
    if name == "Origin":
        from vramfit.model.origin import Origin

        return Origin
    if name in __all__:
        from vramfit.model import mixers

        return getattr(mixers, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
