"""The model room: what a model is made of, from a catalogue entry to its tensors. Pure functions.

Image tokens are in ``vision``, which only vision models need.
"""

from vramfit.model.architecture import (
    Attention,
    Component,
    CompressedAttention,
    Experts,
    FeedForward,
    LatentAttention,
    Layers,
    LinearAttention,
    Model,
    ShortConvolution,
    StateSpace,
    Tensor,
    VisionTower,
)
from vramfit.model.build import model_from_facts, nominal_billions
from vramfit.model.inventory import active_parameters, parameters, tensors

__all__ = [
    "Attention",
    "Component",
    "CompressedAttention",
    "Experts",
    "FeedForward",
    "LatentAttention",
    "Layers",
    "LinearAttention",
    "Model",
    "ShortConvolution",
    "StateSpace",
    "Tensor",
    "VisionTower",
    "active_parameters",
    "model_from_facts",
    "nominal_billions",
    "parameters",
    "tensors",
]
