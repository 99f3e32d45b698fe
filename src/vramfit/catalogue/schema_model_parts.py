"""The parts an entry of ``data/models.yaml`` is made of: traits, mixers, towers, rules for image tokens.

Shapes only; ``schema_models`` puts them together. What each field means is told where it is computed with: traits and
tower settings in the modules of ``vramfit.model``, sizes in its records, rules in ``vramfit.model.vision``.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1)]
"""A number of layers, heads, rows, … or a width."""
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]*$")]
"""An identifier: lower case, as it is typed on the command line."""
Width = Count | Literal["tower", "merged", "ffn", "text"]
"""A width in a projector: a number, or the name of one the model defines."""


class Part(BaseModel):
    """Strict: no unknown keys, no coercion of "13" into 13."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Extra(Part):
    """A tensor written out: a linear layer, a norm, or a bare shape."""

    name: str
    linear: tuple[Width, Width] | None = Field(None, strict=False)
    norm: Width | None = None
    shape: list[Width] | None = None
    bias: bool = False
    copies: Count = 1

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if sum(form is not None for form in (self.linear, self.norm, self.shape)) != 1:
            raise ValueError("give exactly one of linear, norm and shape")
        return self


class LayerExtra(Part):
    """A tensor of the language model that no trait describes."""

    name: str
    shape: list[Count]
    linear: bool = False
    copies: Count = 1


class Traits(Part):
    """Habits of an architecture in writing its blocks; see the modules of ``vramfit.model``."""

    norms: list[str] | None = None
    norm_bias: bool = False
    first_attn_norm: bool = True
    embedding_norm: bool = False
    attention_weights: bool = True
    positions: Count | None = None
    token_types: Count | None = None
    output_norm: bool = True
    head: bool = True
    output_bias: bool = False
    extra_embeddings: Count | None = None
    pooler: bool = False
    classifier: bool = False
    per_layer_embedding: Count | None = None
    per_layer_vocab: Count | None = None
    altup: Count | None = None
    laurel: Count | None = None
    hyper_connections: Count | None = None
    layer_scale: bool = False
    residual_scale: bool = False
    extra: list[LayerExtra] | None = None
    qkv_bias: bool = False
    k_bias: bool = True
    o_bias: bool = False
    fused_qkv: bool = False
    qk_norm: Literal["head", "projection"] | None = None
    qk_norm_bias: bool = False
    cross_qk_norm: Literal["head", "projection"] | None = None
    cross_gates: bool = False
    query_gate: bool = False
    head_gate: bool = False
    unrotated_full: bool = False
    sinks: list[Literal["full", "sliding"]] | None = None
    latent_gate: bool = False
    attention_sub_norm: bool = False
    attention_convolution: Count | None = None
    gated: bool = True
    fused_gate_up: bool = False
    mlp_bias: bool = False
    mlp_sub_norm: bool = False
    activation_parameters: Count | None = None
    expert_bias: bool = False
    router_bias: bool = False
    router_rank: Count | None = None
    selection_bias: bool | Literal["counted"] = False
    expert_dtype: Literal["mxfp4"] | None = None
    shared_gate: bool = False
    dense_beside_experts: bool = False
    ssm_norms: bool = False
    ssm_out_norm: bool = True
    ssm_bias: bool = False
    split_gates: bool = False
    full_rank_gate: bool = False


class Moe(Part):
    """A mixture of experts; what siblings share of it may stand in the family."""

    experts: Count | None = None
    active: Count | None = None
    width: Count | None = None
    shared_width: Count | None = None
    dense_layers: Count | None = None
    every: Count | None = None
    latent: Count | None = None


class Mla(Part):
    """Multi-head latent attention."""

    query_rank: Count | None = None
    kv_rank: Count
    nope_dim: Count
    rope_dim: Count
    value_dim: Count
    indexer_dim: Count | None = None
    indexer_heads: Count | None = None
    indexer_pattern: str | None = None


class Compressed(Part):
    """DeepSeek-V4's compressed attention."""

    query_rank: Count
    output_groups: Count
    output_rank: Count
    indexer_dim: Count
    indexer_heads: Count


class Ssm(Part):
    """A Mamba layer."""

    kind: Literal["mamba1", "mamba2"]
    inner: Count
    state: Count
    conv: Count
    groups: Count = 1
    heads: Count | None = None
    dt_rank: Count | None = None


class Linear(Part):
    """Attention with a matrix state."""

    kind: Literal["gated_delta_net", "kda", "lightning"]
    key_heads: Count
    value_heads: Count
    key_dim: Count
    value_dim: Count
    conv: Count | None = None


class Heads(Part):
    """Fields in which one kind of attention layer differs from the rest of the model."""

    heads: Count | None = None
    kv_heads: Count | None = None
    head_dim: Count | None = None
    value_dim: Count | None = None
    value_is_key: bool = False


class Fixed(Part):
    """Every image takes as many tokens."""

    rule: Literal["fixed"]
    tokens: Count


class Anyres(Part):
    """LLaVA-1.6: the whole image small, and a grid of tiles."""

    rule: Literal["anyres"]
    tile: Count
    patch: Count
    pinpoints: list[list[Count]] | None = None
    sides: Count | None = None
    max_tiles: Count | None = None


class Native(Part):
    """Qwen-VL: native resolution between two pixel counts."""

    rule: Literal["native"]
    patch: Count
    merge: Count
    min_pixels: int = 0
    max_pixels: Count


class LongestSide(Part):
    """Pixtral: native resolution up to a longest side."""

    rule: Literal["longest_side"]
    patch: Count
    merge: Count
    longest: Count


class Tiles(Part):
    """InternVL: a grid of square tiles."""

    rule: Literal["tiles"]
    tile: Count
    per_tile: Count
    max_tiles: Count
    fit: Literal["canvas"] | None = None


class Split(Part):
    """Idefics3: scaled to a longest side and cut into square tiles."""

    rule: Literal["split"]
    tile: Count
    per_tile: Count
    longest: Count


class TileRows(Part):
    """DeepSeek-VL2: a grid of square tiles of ``side`` x ``side`` tokens, and a newline behind each row of them."""

    rule: Literal["tile_rows"]
    tile: Count
    side: Count
    max_tiles: Count


class Cross(Part):
    """Llama 3.2 Vision: images are read by cross-attention and take one token of the prompt."""

    rule: Literal["cross"]
    per_tile: Count
    max_tiles: Count


ImageTokens = Annotated[
    Fixed | Anyres | Native | LongestSide | Tiles | Split | TileRows | Cross, Field(discriminator="rule")
]
"""A rule by which an image becomes tokens; ``vramfit.model.vision`` computes each."""


class Tower(Part):
    """Habits of a kind of encoder in writing its blocks, and its projector."""

    frames: Literal[1, 2] | None = None
    patch_bias: bool = True
    class_token: bool = False
    positions: Count | Literal["grid"] | None = None
    pre_norm: bool = False
    post_norm: bool = False
    norm_bias: bool = True
    norms: list[str] | None = None
    qkv_bias: bool = True
    k_bias: bool | None = None
    o_bias: bool = True
    mlp_bias: bool = True
    fused_qkv: bool = False
    gated: bool = False
    layer_scale: bool = False
    qk_norm: Literal["head", "projection"] | None = None
    merge: Count | None = None
    projector: list[Extra] | None = None
    extra: list[Extra] | None = None


class Vision(Tower):
    """A vision tower; what siblings share of it may stand in the family."""

    kind: Key | None = None
    layers: Count | None = None
    hidden: Count | None = None
    ffn: Count | None = None
    heads: Count | None = None
    patch: Count | None = None
    image_size: Count | None = None
    parameters: Count | None = None
    image_tokens: ImageTokens | None = None


class Audio(Tower):
    """An audio encoder of the Whisper kind, or the parameter count of another."""

    layers: Count | None = None
    hidden: Count | None = None
    ffn: Count | None = None
    heads: Count | None = None
    mel_bins: Count | None = None
    parameters: Count | None = None


class Network(Part):
    """One network of a pipeline, known by its parameter count."""

    name: str
    parameters: Count
    architecture: str
