"""A model as its maker describes it: what a catalogue entry, a ``config.json`` and a GGUF's metadata all become.

``ModelSpec`` states figures as published, before anything is derived from them: ``build`` expands its layer pattern and
makes the ``Model`` that the rest of the program reads. Widths are elements, lengths tokens, images pixels. ``read_spec``
makes one of plain data: of a mapping that gives some of its fields, such as ``merge`` returns.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.model.architecture import Component
from vramfit.model.encoder import AudioTower, Step, VisionTower
from vramfit.model.image_rules import rule_class
from vramfit.model.mixers import LinearAttention, StateSpace
from vramfit.model.traits import Traits, read_traits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.model.kinds import Count, ElementType, Key, Month, Repository


class ArchitectureSpec(Traits):
    """How a kind of model writes its blocks, and the names it goes by elsewhere, the usual one first."""

    model_types: tuple[str, ...] = ()
    """``model_type`` of the language model's configuration in transformers, or in the model's own remote code."""
    gguf_names: tuple[str, ...] = ()
    """``general.architecture`` of GGUF files; none where llama.cpp has no such architecture."""


class Moe(Record):
    """A mixture of experts, and which layers have one."""

    experts: Count
    """Routed experts of a layer."""
    active: Count
    """Experts the router picks for each token."""
    width: Count
    """Inner width of one expert."""
    shared_width: Count = 0
    """Summed inner width of the experts every token passes; 0 without."""
    dense_layers: Count = 0
    """Leading layers without experts."""
    every: Count = 1
    """One layer in this many is a mixture, the last of them: 2 puts experts into each second layer."""
    latent: Count | None = None
    """Width the routed experts work at, where it is not the hidden width (Nemotron 3 Super, Kimi K3)."""
    by_token: Count = 0
    """Leading mixtures whose experts a table picks by the token's number, and no router (DeepSeek-V4)."""

    def at(self, layer: int) -> bool:
        """Whether the layer of that number, from 0, is a mixture."""
        return layer >= self.dense_layers and layer % self.every == self.every - 1


class Mla(Record):
    """Multi-head latent attention; the number of heads is the model's own."""

    kv_rank: Count
    """Width of the cached latent."""
    nope_dim: Count
    """Width of a head without rotary embedding."""
    rope_dim: Count
    """Width of the rotary key shared by all heads."""
    value_dim: Count
    """Width of a value head."""
    query_rank: Count | None = None
    """Width of the compressed query, None where the query projection is direct."""
    indexer_dim: Count | None = None
    """Width of the sparse-attention indexer's key (DeepSeek-V3.2, GLM-5); None without one."""
    indexer_heads: Count | None = None
    """Heads of the indexer."""
    indexer_pattern: str | None = None
    """Pattern of layers: ``own`` where a layer has an indexer, any other word where it uses another's (GLM-5.2)."""


class Compressed(Record):
    """DeepSeek-V4's compressed attention, beyond what the model's own fields give."""

    query_rank: Count
    """Width of the compressed query."""
    output_groups: Count
    """Groups of heads that the output projection reduces one by one."""
    output_rank: Count
    """Width each group is reduced to."""
    indexer_dim: Count
    """Width of the indexer's key."""
    indexer_heads: Count
    """Heads of the indexer."""


class Heads(Record):
    """What one kind of attention layer has otherwise than the rest of the model."""

    heads: Count | None = None
    """Query heads."""
    kv_heads: Count | None = None
    """Key and value heads."""
    head_dim: Count | None = None
    """Width of a query or key head."""
    value_dim: Count | None = None
    """Width of a value head."""
    value_is_key: bool = False
    """The values are the keys before their rotation, so there is no value matrix (Gemma 4's full layers)."""
    indexer_dim: Count | None = None
    """Width of a sparse-attention indexer's key beside the keys (MiniMax-M3)."""
    indexer_heads: Count | None = None
    """Query heads of that indexer."""


class ModelSpec(Record):
    """One model, described by its architecture and never by its footprint."""

    id: Key
    """Lower case; never reused for another model."""
    name: str
    """As its maker writes it."""
    family: Key
    """What siblings share: ``llama-3.1``, ``qwen3``."""
    architecture: Key | None = None
    """How it writes its blocks: a name under ``architectures:``."""
    model_type: str | None = None
    """Name of the language model's configuration in transformers, where it is not the architecture's usual one."""
    gguf: str | None = None
    """``general.architecture`` of its GGUF files, where it is not the architecture's usual one."""
    modality: str = "text"
    """``text``, ``code``, ``vision-language``, ``embedding``, ``image-generation``, …"""
    released: Month | None = None
    """When its weights were published."""
    licence: str | None = None
    """Licence of the weights."""
    dtype: ElementType = "bf16"
    """Type the checkpoint is published in."""
    layers: Count | None = None
    """Layers of the language model; none for a pipeline."""
    hidden: Count | None = None
    """Width of the residual stream."""
    ffn: Count | None = None
    """Width of the dense feed-forward network."""
    widths: str | None = None
    """Widths of the dense feed-forward networks, written out by layer like ``pattern``, where they vary."""
    heads: Count | None = None
    """Query heads."""
    kv_heads: Count | None = None
    """Key and value heads; as many as ``heads`` unless stated."""
    head_dim: Count | None = None
    """Width of a query or key head; hidden / heads unless stated."""
    value_dim: Count | None = None
    """Width of a value head; as ``head_dim`` unless stated."""
    vocab: Count | None = None
    """Rows of the embedding as the checkpoint stores them, padding included."""
    tied: bool = False
    """The output head is the embedding. Families differ inside: look at the file, not at a sibling."""
    context: Count | None = None
    """Longest context by the model card, tokens; not max_position_embeddings times a rope factor."""
    pattern: str = "full"
    """Which kind of layer stands where, cycled until the layers are used up: ``5*sliding full``."""
    window: Count | None = None
    """Tokens that sliding or chunked layers look back over."""
    shared_cache_layers: Count = 0
    """Last layers that read an earlier layer's keys and values (Gemma 3n, Gemma 4 E)."""
    full_attention: Heads | None = None
    """What full layers have otherwise."""
    sliding_attention: Heads | None = None
    """What sliding layers have otherwise."""
    cross_attention: Heads | None = None
    """What cross-attention layers have otherwise."""
    indexed_attention: Heads | None = None
    """What full layers have otherwise that attend to what an indexer picks."""
    per_layer: Mapping[int, Heads] | None = None
    """What single layers have otherwise than the rest of their kind, by their numbers from 0 (OpenELM, Nemotron NAS)."""
    conv_kernel: Count | None = None
    """Kernel of short-convolution layers (LFM2)."""
    mla: Mla | None = None
    """Latent attention."""
    compressed: Compressed | None = None
    """Compressed attention (DeepSeek-V4)."""
    ssm: StateSpace | None = None
    """Mamba layers."""
    linear: LinearAttention | None = None
    """Layers of attention with a matrix state."""
    moe: Moe | None = None
    """Experts."""
    vision: VisionTower | None = None
    """Vision tower and projector."""
    audio: AudioTower | None = None
    """Audio encoder and projector."""
    traits: Traits = Traits()
    """How it writes its blocks, where that is not as its architecture says."""
    components: tuple[Component, ...] = ()
    """Networks of a pipeline, known by their parameter counts."""
    note: str | None = None
    """What a reader should know of these figures."""
    hf: tuple[Repository, ...] = ()
    """Hugging Face repositories, the original first."""
    quantized: Mapping[Repository, str] | None = None
    """The vendor's quantized repositories, and the scheme of each."""
    ollama: tuple[str, ...] = ()
    """Names in Ollama's library."""
    sources: tuple[str, ...] = ()
    """Keys of where the figures come from."""


_PARTS: dict[str, type] = {
    "full_attention": Heads, "sliding_attention": Heads, "cross_attention": Heads,
    "indexed_attention": Heads, "mla": Mla,
    "compressed": Compressed, "ssm": StateSpace, "linear": LinearAttention, "moe": Moe, "components": Component,
}  # fmt: skip
"""Records that fields of a specification hold, beside its traits and its encoders."""


def read_spec(facts: Mapping[str, Any]) -> ModelSpec:
    """The specification of a mapping from field names to plain data, with mappings for records; null is not stated.

    Raises ``TypeError`` for an unknown or a missing field, ``KeyError`` for an unknown rule of image tokens.
    """
    values: dict[str, Any] = {}
    for field, value in facts.items():
        if value is None:
            continue
        if field == "per_layer":
            values[field] = {int(number): Heads(**heads) for number, heads in value.items()}
        elif field in _PARTS:
            part = _PARTS[field]
            values[field] = part(**value) if isinstance(value, dict) else tuple([part(**item) for item in value])
        elif field == "traits":
            values[field] = read_traits(value)
        elif field in ("vision", "audio"):
            values[field] = (read_vision if field == "vision" else read_audio)(value)
        else:
            values[field] = tuple(value) if isinstance(value, list) else value
    return ModelSpec(**values)


def read_vision(facts: Mapping[str, Any]) -> VisionTower:
    """The vision tower of a mapping from its field names to plain data; null is not stated.

    Raises ``TypeError`` for an unknown field, ``KeyError`` for an unknown rule of image tokens.
    """
    values = _encoder(facts)
    if "image_tokens" in values:
        rule = dict(values["image_tokens"])
        values["image_tokens"] = rule_class(rule.pop("rule"))(**{key: _frozen(value) for key, value in rule.items()})
    return VisionTower(**values)


def read_audio(facts: Mapping[str, Any]) -> AudioTower:
    """The audio encoder of a mapping from its field names to plain data; null is not stated.

    Raises ``TypeError`` for an unknown field.
    """
    return AudioTower(**_encoder(facts))


def _encoder(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are stated, with records for steps."""
    values = {field: _frozen(value) for field, value in facts.items() if value is not None}
    for field in ("projector", "extra"):
        if field in values:
            values[field] = tuple([Step(**{key: _frozen(item) for key, item in step.items()}) for step in facts[field]])
    return values


def _frozen(value: Any) -> Any:
    """Plain data with tuples for lists."""
    return tuple([_frozen(item) for item in value]) if isinstance(value, list | tuple) else value
