"""Records of vision towers, audio encoders and their projectors; ``towers`` derives their tensors.

A tower is a plain transformer encoder. The differences between kinds of towers are data: the entries under ``towers:``
in ``data/models.yaml``, merged with what a model's entry states.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from vramfit.model.image_rules import ImageRule
    from vramfit.model.kinds import Count, Key, Normalised, Width


class Step(Record):
    """Part of a projector, or an unusual one of a tower: exactly one of ``linear``, ``norm`` and ``shape`` is given.

    A width is a number or a name: ``tower`` (the tower's hidden width), ``merged`` (that of merged patches), ``ffn`` or
    ``text`` (the language model's hidden width).
    """

    name: str
    """Name in GGUF files, ``mm.0``; for a linear layer or a norm without ``.weight``."""
    linear: tuple[Width, Width] | None = None
    """Widths of the inputs and outputs of a linear layer."""
    norm: Width | None = None
    """Width of a norm."""
    shape: tuple[Width, ...] | None = None
    """Extents of a tensor that is neither a linear layer nor a norm."""
    bias: bool = False
    """The linear layer or norm has a bias."""
    copies: Count = 1
    """Number of equal tensors with this name."""


class Encoder(Record):
    """Details of an encoder's blocks, and its projector."""

    frames: Literal[1, 2] | None = None
    """Number of consecutive images that a patch spans, 1 if not stated. The patch kernel of the Qwen-VL family spans
    2."""
    patch_bias: bool = True
    """The patch projection has a bias."""
    class_token: bool = False
    """A learned token precedes the patches."""
    positions: Count | Literal["grid"] | None = None
    """Number of rows of the learned position table. ``grid`` stands for one row for each patch of an image of
    ``image_size``, and one for the class token."""
    pre_norm: bool = False
    """A norm precedes the first layer."""
    post_norm: bool = False
    """A norm follows the last layer."""
    norm_bias: bool = True
    """Norms are LayerNorms with a bias instead of RMSNorms."""
    norms: tuple[str, ...] = ("ln1", "ln2")
    """Norms of a layer by their GGUF names."""
    qkv_bias: bool = True
    """Query, key and value projections have biases."""
    k_bias: bool | None = None
    """The key projection has a bias; follows ``qkv_bias`` if not stated."""
    o_bias: bool = True
    """The attention's output projection has a bias."""
    mlp_bias: bool = True
    """Feed-forward networks have biases."""
    fused_qkv: bool = False
    """Query, key and value projections are stored as one matrix."""
    gated: bool = False
    """Feed-forward networks have three matrices instead of two."""
    layer_scale: bool = False
    """Two vectors scale the outputs of attention and feed-forward network in each layer."""
    qk_norm: Normalised | None = None
    """Queries and keys are normalised; the values mean the same as for the language model."""
    merge: Count | None = None
    """Number of patches along one side of the square that becomes one token, 1 if not stated. The width ``merged`` of a
    projector is the square of this number times the tower's width."""
    projector: tuple[Step, ...] = ()
    """Steps from the tower's output to the language model's input."""
    extra: tuple[Step, ...] = ()
    """Further tensors of the tower, written like the steps of a projector."""


class VisionTower(Encoder):
    """Vision encoder with the projector that turns its output into tokens of the language model."""

    kind: Key = "unmodelled"
    """Name of the kind of tower under ``towers:``: ``clip``, ``siglip``, ``qwen2-vl``, …"""
    layers: Count = 0
    """Number of layers of the encoder; 0 for an encoder that is not modelled."""
    hidden: Count = 0
    """Width of the encoder's residual stream, in elements."""
    ffn: Count = 0
    """Width of the encoder's feed-forward networks, in elements."""
    heads: Count = 0
    """Number of attention heads."""
    patch: Count = 0
    """Side of a square patch in pixels."""
    image_size: Count | None = None
    """Side of the image or tile that the tower was trained on, in pixels; None for towers of native resolution."""
    parameters: Count | None = None
    """Number of parameters of a tower that is not modelled."""
    image_tokens: ImageRule | None = None
    """Rule that determines the number of tokens of an image; None if it is not known."""


class AudioTower(Encoder):
    """Audio encoder of the Whisper kind with its projector, or the number of parameters of an encoder of another kind."""

    layers: Count = 0
    """Number of layers of the encoder; 0 for an encoder that is not modelled."""
    hidden: Count = 0
    """Width of the encoder's residual stream, in elements."""
    ffn: Count = 0
    """Width of the encoder's feed-forward networks, in elements."""
    heads: Count = 0
    """Number of attention heads."""
    mel_bins: Count | None = None
    """Number of channels of the spectrogram that the encoder reads."""
    parameters: Count | None = None
    """Number of parameters of an encoder that is not modelled."""
    beside_bytes: Count | None = None
    """Bytes of networks that the model's own library loads beside it and that its repository does not have: a codec."""
