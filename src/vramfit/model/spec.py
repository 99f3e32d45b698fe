"""Specification of a model, the common form of a catalogue entry, a ``config.json`` and a GGUF file's metadata.

``ModelSpec`` states figures as the maker published them. ``build`` derives from it the ``Model`` that the rest of the
program reads, with the layer pattern expanded. Widths are in elements, lengths in tokens, sizes of images in pixels.
``read_spec`` makes a specification from plain data: a mapping of field names to values, such as ``merge`` returns.
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
    """Details of an architecture's blocks, and its names elsewhere, the usual one first."""

    model_types: tuple[str, ...] = ()
    """``model_type`` of the language model's configuration, in transformers or in the model's own remote code."""
    gguf_names: tuple[str, ...] = ()
    """``general.architecture`` of GGUF files; none if llama.cpp has no such architecture."""


class Moe(Record):
    """Mixture of experts, and the layers that have one."""

    experts: Count
    """Number of routed experts in a layer."""
    active: Count
    """Number of experts that the router picks for each token."""
    width: Count
    """Inner width of one expert."""
    shared_width: Count = 0
    """Sum of the inner widths of the experts that every token passes through; 0 without shared experts."""
    dense_layers: Count = 0
    """Number of layers at the beginning that have no experts."""
    every: Count = 1
    """Distance between layers with experts: 2 means every second layer, starting with the second."""
    latent: Count | None = None
    """Input and output width of the routed experts, if it is not the hidden width (Nemotron 3 Super, Kimi K3)."""
    by_token: Count = 0
    """Number of mixtures at the beginning whose experts a table selects by the token instead of a router (DeepSeek-V4)."""

    def at(self, layer: int) -> bool:
        """Return True if the layer with that number, counted from 0, is a mixture of experts."""
        return layer >= self.dense_layers and layer % self.every == self.every - 1


class Mla(Record):
    """Multi-head latent attention; the number of heads is the model's own."""

    kv_rank: Count
    """Width of the cached latent."""
    nope_dim: Count
    """Width of the part of each head that has no rotary embedding."""
    rope_dim: Count
    """Width of the rotary key that all heads share."""
    value_dim: Count
    """Width of a value head."""
    query_rank: Count | None = None
    """Width of the compressed query; None if the query projection is a single matrix."""
    indexer_dim: Count | None = None
    """Width of the sparse-attention indexer's key (DeepSeek-V3.2, GLM-5); None without an indexer."""
    indexer_heads: Count | None = None
    """Number of heads of the indexer."""
    indexer_pattern: str | None = None
    """Layer pattern in which ``own`` marks a layer with an indexer, and any other word a layer that uses another layer's
    (GLM-5.2)."""


class Compressed(Record):
    """Fields of DeepSeek-V4's compressed attention that the model's other fields do not give."""

    query_rank: Count
    """Width of the compressed query."""
    output_groups: Count
    """Number of groups of heads that the output projection reduces separately."""
    output_rank: Count
    """Width that each group is reduced to."""
    indexer_dim: Count
    """Width of the indexer's key."""
    indexer_heads: Count
    """Number of heads of the indexer."""


class Heads(Record):
    """Heads of one kind of attention layer, as far as they differ from those of the model's other layers."""

    heads: Count | None = None
    """Number of query heads."""
    kv_heads: Count | None = None
    """Number of key and value heads."""
    head_dim: Count | None = None
    """Width of a query or key head."""
    value_dim: Count | None = None
    """Width of a value head."""
    value_is_key: bool = False
    """The values are the keys before their rotation, so that there is no value matrix (Gemma 4's full layers)."""
    indexer_dim: Count | None = None
    """Width of a sparse-attention indexer's key beside the keys (MiniMax-M3)."""
    indexer_heads: Count | None = None
    """Number of query heads of that indexer."""


class ModelSpec(Record):
    """Specification of a model, which states its architecture and never its memory footprint."""

    id: Key
    """Identifier in lower case, which is never reused for another model."""
    name: str
    """Name in the maker's spelling."""
    family: Key
    """Name of the series that the model belongs to: ``llama-3.1``, ``qwen3``."""
    architecture: Key | None = None
    """Name of the architecture under ``architectures:``."""
    model_type: str | None = None
    """Name of the language model's configuration in transformers, if it is not the architecture's usual one."""
    gguf: str | None = None
    """``general.architecture`` of the model's GGUF files, if it is not the architecture's usual one."""
    modality: str = "text"
    """``text``, ``code``, ``vision-language``, ``embedding``, ``image-generation``, …"""
    released: Month | None = None
    """Month in which the weights were published."""
    licence: str | None = None
    """Licence of the weights."""
    dtype: ElementType = "bf16"
    """Element type that the checkpoint is published in."""
    layers: Count | None = None
    """Number of layers of the language model; none for a pipeline."""
    hidden: Count | None = None
    """Width of the residual stream."""
    ffn: Count | None = None
    """Inner width of the dense feed-forward network."""
    widths: str | None = None
    """Inner widths of the dense feed-forward networks, if they vary: one per layer in the notation of ``pattern``."""
    heads: Count | None = None
    """Number of query heads."""
    kv_heads: Count | None = None
    """Number of key and value heads; equals ``heads`` if not stated."""
    head_dim: Count | None = None
    """Width of a query or key head; hidden / heads if not stated."""
    value_dim: Count | None = None
    """Width of a value head; equals ``head_dim`` if not stated."""
    vocab: Count | None = None
    """Number of rows of the embedding as the checkpoint stores it, padding included."""
    tied: bool = False
    """The output head and the embedding are the same matrix. Models of one family differ in this: look at the file, not
    at a sibling."""
    context: Count | None = None
    """Longest context that the model card states, in tokens; not max_position_embeddings times a rope factor."""
    pattern: str = "full"
    """Kinds of the layers in order, repeated until every layer has one: ``5*sliding full``."""
    window: Count | None = None
    """Number of past tokens that sliding or chunked layers attend to."""
    shared_cache_layers: Count = 0
    """Number of layers at the end that read an earlier layer's keys and values (Gemma 3n, Gemma 4 E)."""
    full_attention: Heads | None = None
    """Heads of full layers, if they differ from the model's."""
    sliding_attention: Heads | None = None
    """Heads of sliding layers, if they differ from the model's."""
    cross_attention: Heads | None = None
    """Heads of cross-attention layers, if they differ from the model's."""
    indexed_attention: Heads | None = None
    """Heads of full layers that attend to tokens picked by an indexer, if they differ from the model's."""
    per_layer: Mapping[int, Heads] | None = None
    """Heads of single layers that differ from others of their kind, by layer number from 0 (OpenELM, Nemotron NAS)."""
    conv_kernel: Count | None = None
    """Kernel size of short-convolution layers (LFM2)."""
    mla: Mla | None = None
    """Multi-head latent attention."""
    compressed: Compressed | None = None
    """Compressed attention (DeepSeek-V4)."""
    ssm: StateSpace | None = None
    """Mamba layers."""
    linear: LinearAttention | None = None
    """Linear-attention layers."""
    moe: Moe | None = None
    """Mixture of experts."""
    mtp_layers: Count = 0
    """Number of layers that predict tokens ahead (MTP, nextn), which checkpoints hold after those of the model."""
    mtp_embeddings: bool = False
    """True if these layers have copies of the embedding and of the output head of their own (DeepSeek-V3, GLM-4.5)."""
    vision: VisionTower | None = None
    """Vision tower and projector."""
    audio: AudioTower | None = None
    """Audio encoder and projector."""
    traits: Traits = Traits()
    """Details of the model's blocks that differ from its architecture's."""
    components: tuple[Component, ...] = ()
    """Networks of a pipeline, known by their numbers of parameters."""
    note: str | None = None
    """Remark on the figures for readers of the catalogue."""
    hf: tuple[Repository, ...] = ()
    """Hugging Face repositories, the original first."""
    config: Mapping[str, Any] | None = None
    """Fields of the model's ``config.json`` that differ from the defaults of its class, ``model_type`` among them. Stated
    in place of an architecture and its figures: the class of transformers gives tensors and caches."""
    processor: Mapping[str, Any] | None = None
    """Fields of its ``preprocessor_config.json`` that say into how many tokens an image becomes, beside ``config``."""
    quantized: Mapping[Repository, str] | None = None
    """Quantized repositories of the model's vendor, and the scheme of each."""
    files: Mapping[str, Mapping[str, int]] | None = None
    """Bytes of published GGUF files: by publisher as on the Hub in lower case, then by type, ``+mtp`` behind it for a file
    with a prediction head. ``UD`` types are Unsloth's."""
    ollama: tuple[str, ...] = ()
    """Names in Ollama's library."""
    fine_tunes: tuple[str, ...] = ()
    """Repositories and tags of Ollama's library of fine-tunes with this very architecture, which are answered as this
    model."""
    contexts: Mapping[str, Count] | None = None
    """Longest contexts of those repositories and tags, of the model's own and of fine-tunes, that state another than
    ``context``."""
    sources: tuple[str, ...] = ()
    """Keys of the sources that the figures come from."""


_PARTS: dict[str, type] = {
    "full_attention": Heads, "sliding_attention": Heads, "cross_attention": Heads,
    "indexed_attention": Heads, "mla": Mla,
    "compressed": Compressed, "ssm": StateSpace, "linear": LinearAttention, "moe": Moe, "components": Component,
}  # fmt: skip
"""Record class of each field of a specification whose value is one, except for traits and encoders."""


def read_spec(facts: Mapping[str, Any]) -> ModelSpec:
    """Make a specification from a mapping of field names to plain data, in which mappings stand for records.

    A value of None means that the field is not stated. Raises ``TypeError`` for an unknown or a missing field, and
    ``KeyError`` for an unknown rule of image tokens.
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
    """Make a vision tower from a mapping of field names to plain data, in which None means that a field is not stated.

    Raises ``TypeError`` for an unknown field, and ``KeyError`` for an unknown rule of image tokens.
    """
    values = _encoder(facts)
    if "image_tokens" in values:
        rule = dict(values["image_tokens"])
        values["image_tokens"] = rule_class(rule.pop("rule"))(**{key: _frozen(value) for key, value in rule.items()})
    return VisionTower(**values)


def read_audio(facts: Mapping[str, Any]) -> AudioTower:
    """Make an audio encoder from a mapping of field names to plain data, in which None means a field is not stated.

    Raises ``TypeError`` for an unknown field.
    """
    return AudioTower(**_encoder(facts))


def _encoder(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stated fields of an encoder, with steps as records."""
    values = {field: _frozen(value) for field, value in facts.items() if value is not None}
    for field in ("projector", "extra"):
        if field in values:
            values[field] = tuple([Step(**{key: _frozen(item) for key, item in step.items()}) for step in facts[field]])
    return values


def _frozen(value: Any) -> Any:
    """Replace lists in plain data by tuples."""
    return tuple([_frozen(item) for item in value]) if isinstance(value, list | tuple) else value
