"""The model room: what a model is made of, from a catalogue entry to its tensors. Pure functions.

``counted`` gives what ``inventory`` and ``vision`` derive, which for the catalogue was done when it was compiled.
"""

from vramfit.model.architecture import (
    Attention,
    Component,
    CompressedAttention,
    Experts,
    FeedForward,
    FixedState,
    LatentAttention,
    Layers,
    LinearAttention,
    Model,
    Origin,
    ShortConvolution,
    StateSpace,
    Tensor,
)
from vramfit.model.counted import active_parameters, max_image_tokens, parameters, tensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.build import model_from_facts, nominal_billions

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
    """Names that only making a model needs: a model of the catalogue was made when it was compiled."""
    if name in ("model_from_facts", "nominal_billions"):
        from vramfit.model import build

        return getattr(build, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
