"""Records of what looks and listens: vision towers, audio encoders and their projectors. ``towers`` makes the tensors.

A tower is a plain transformer encoder. How kinds of towers differ is data, the ``towers:`` of ``data/models.yaml``,
merged with what an entry states.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from vramfit.model.image_rules import ImageRule
    from vramfit.model.kinds import Count, Key, Normalised, Width


class Step(Record):
    """One tensor of a projector or an odd one of a tower: exactly one of ``linear``, ``norm`` and ``shape`` is given.

    A width is a number or a name: ``tower`` (the tower's hidden width), ``merged`` (that of merged patches), ``ffn`` or
    ``text`` (the language model's hidden width).
    """

    name: str
    """GGUF name, ``mm.0``; of a linear layer or norm without ``.weight``."""
    linear: tuple[Width, Width] | None = None
    """A linear layer: inputs and outputs."""
    norm: Width | None = None
    """A norm of this width."""
    shape: tuple[Width, ...] | None = None
    """A bare tensor."""
    bias: bool = False
    """The linear layer or norm has a bias."""
    copies: Count = 1
    """Equal tensors of this name."""


class Encoder(Record):
    """How a kind of encoder writes its blocks, and its projector."""

    frames: Literal[1, 2] | None = None
    """Images a patch spans in time, 1 where nothing is stated: the patch kernel of the Qwen-VL family spans 2."""
    patch_bias: bool = True
    """The patch projection has a bias."""
    class_token: bool = False
    """A learned token stands before the patches."""
    positions: Count | Literal["grid"] | None = None
    """Rows of the learned position table; ``grid`` is one for each patch of the trained image, and the class token."""
    pre_norm: bool = False
    """A norm stands before the first layer."""
    post_norm: bool = False
    """A norm stands behind the last layer."""
    norm_bias: bool = True
    """Norms are LayerNorms with a bias instead of RMSNorms."""
    norms: tuple[str, ...] = ("ln1", "ln2")
    """Norms of a layer by their GGUF names."""
    qkv_bias: bool = True
    """Query, key and value projections have biases."""
    k_bias: bool | None = None
    """The key projection has a bias; where nothing is stated, as ``qkv_bias`` says."""
    o_bias: bool = True
    """The attention's output projection has a bias."""
    mlp_bias: bool = True
    """Feed-forward networks have biases."""
    fused_qkv: bool = False
    """One matrix stands for query, key and value."""
    gated: bool = False
    """Feed-forward networks have three matrices instead of two."""
    layer_scale: bool = False
    """Two vectors scale what a layer's branches add."""
    qk_norm: Normalised | None = None
    """Queries and keys are normalised, as in the language model."""
    merge: Count | None = None
    """Patches a side that become one token, 1 where nothing is stated. The width ``merged`` of a projector is its
    square times the tower's."""
    projector: tuple[Step, ...] = ()
    """Steps from the tower into the language model."""
    extra: tuple[Step, ...] = ()
    """Further tensors of the tower in the notation of the projector."""


class VisionTower(Encoder):
    """A vision encoder and the projector that turns its output into language-model tokens."""

    kind: Key = "unmodelled"
    """Which of the known towers it is: ``clip``, ``siglip``, ``qwen2-vl``, …"""
    layers: Count = 0
    """Layers of the encoder; 0 for one that is not modelled."""
    hidden: Count = 0
    """Width of its residual stream."""
    ffn: Count = 0
    """Width of its feed-forward networks."""
    heads: Count = 0
    """Attention heads."""
    patch: Count = 0
    """Side of a square patch, pixels."""
    image_size: Count | None = None
    """Side of the image or tile the tower was trained on, pixels; None for native-resolution towers."""
    parameters: Count | None = None
    """Parameter count of a tower that is not modelled."""
    image_tokens: ImageRule | None = None
    """Rule by which an image becomes tokens; None where it is not known."""


class AudioTower(Encoder):
    """An audio encoder of the Whisper kind with its projector, or the parameter count of another kind's."""

    layers: Count = 0
    """Layers of the encoder; 0 for one that is not modelled."""
    hidden: Count = 0
    """Width of its residual stream."""
    ffn: Count = 0
    """Width of its feed-forward networks."""
    heads: Count = 0
    """Attention heads."""
    mel_bins: Count | None = None
    """Channels of the spectrogram it reads."""
    parameters: Count | None = None
    """Parameter count of an encoder that is not modelled."""
