"""The model room: what a model is made of, from a catalogue entry to its tensors and image tokens. Pure functions."""

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
from vramfit.model.vision import image_tokens, max_image_tokens

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
    "image_tokens",
    "max_image_tokens",
    "model_from_facts",
    "nominal_billions",
    "parameters",
    "tensors",
]
