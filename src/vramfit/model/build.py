"""Construction of a ``Model`` from its specification: the layer pattern becomes groups of equal layers.

``merge.gaps`` reports what an incomplete specification lacks, so only fields that the layer pattern needs are checked
here.
"""

from __future__ import annotations

from vramfit.model.architecture import Attention, Experts, FeedForward, Layers, Model
from vramfit.model.mixers import CompressedAttention, FixedState, LatentAttention, ShortConvolution
from vramfit.model.spec import Heads, read_spec
from vramfit.model.traits import Architecture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeVar

    from vramfit.model.mixers import Mixer
    from vramfit.model.spec import ModelSpec

    T = TypeVar("T")

USUAL_HEADS = Heads()
"""Heads of a kind of layer for which the specification states no exception."""

FEED_FORWARD_KINDS = ("mlp", "moe")
"""Words of a layer pattern for layers that consist only of a feed-forward network (Nemotron-H)."""

COMPRESSION = {"local": 0, "csa": 4, "hca": 128}
"""Tokens per cached entry in DeepSeek-V4's kinds of layers: window only, compressed sparse, heavily compressed."""


def model_from_facts(facts: Mapping[str, Any]) -> Model:
    """Build the model that a merged mapping describes; ``spec.read_spec`` documents its form.

    Raises ``ValueError`` if a field is missing that the architecture needs.
    """
    return build(read_spec(facts))


def build(spec: ModelSpec) -> Model:
    """Build the model of a specification, with its layer pattern expanded into groups of equal layers.

    Raises ``ValueError`` if a field is missing that the architecture needs.
    """
    return Model(
        id=spec.id,
        name=spec.name,
        family=spec.family,
        modality=spec.modality,
        hidden=spec.hidden or 0,
        vocab=spec.vocab or 0,
        tied=spec.tied,
        context=spec.context or 0,
        dtype=spec.dtype,
        layers=_layers(spec, spec.layers) if spec.layers else (),
        traits=spec.traits,
        architecture=Architecture(spec.architecture, spec.model_type, spec.gguf),
        vision=spec.vision,
        audio=spec.audio,
        components=spec.components,
        nominal_billions=nominal_billions(spec.name),
        released=spec.released,
        licence=spec.licence,
        hf=spec.hf,
        ollama=spec.ollama,
        fine_tunes=spec.fine_tunes,
        files=published_files(spec.files or {}),
        mtp_layers=spec.mtp_layers,
        mtp_embeddings=spec.mtp_embeddings,
    )


def published_files(files: Mapping[str, Mapping[str, int]]) -> tuple[tuple[str, int], ...]:
    """Ids of publishers' schemes with the bytes of their files, of sizes by publisher and type."""
    return tuple(
        [
            (name if name.startswith("UD-") else f"{owner}-{name}", size)
            for owner, sizes in files.items()
            for name, size in sizes.items()
        ]
    )


def nominal_billions(name: str) -> float | None:
    """Billions of parameters stated in a display name: 13 for "LLaVA 1.6 13B", 0.135 for "SmolLM2 135M".

    The first number of "30B A3B" is the total. The result is None if the name states no number, or only a product such
    as "8x7B".
    """
    for word in name.replace("-", " ").replace("(", " ").replace(")", " ").split():
        number, unit = word[:-1], word[-1:].upper()
        if unit in ("B", "M", "T") and number.replace(".", "", 1).isdecimal():
            # Divided, not multiplied by 0.001: 135 / 1000 is the nearest double to 0.135.
            return float(number) / 1000 if unit == "M" else float(number) * (1000 if unit == "T" else 1)
    return None


def _expand(pattern: str, layers: int) -> list[str]:
    """Expand a layer pattern into one word per layer; a pattern of one word, as most are, needs no parser."""
    if pattern.isalnum():
        return [pattern] * layers
    from vramfit.model.pattern import expand

    return expand(pattern, layers)


def _layers(spec: ModelSpec, count: int) -> tuple[Layers, ...]:
    """Groups of equal layers of a specification, ordered by their first layer."""
    kinds = _expand(spec.pattern, count)
    owners = count - spec.shared_cache_layers
    widths = _expand(spec.widths, count) if spec.widths else None
    bare = any(kind in FEED_FORWARD_KINDS for kind in kinds)
    moe = spec.moe
    pattern = spec.mla.indexer_pattern if spec.mla else None
    indexers = _expand(pattern, count) if pattern else None
    # Layers are grouped before any record is made, because most models have a single group of 30 to 100 layers.
    groups: dict[tuple[str, bool, bool, bool, str | None, str | None, Heads | None], list[int]] = {}
    odd = spec.per_layer or {}
    for index, kind in enumerate(kinds):
        key = (
            kind,
            index >= owners,
            moe is not None and moe.at(index),
            moe is not None and index < moe.dense_layers + moe.by_token,
            widths[index] if widths else None,
            indexers[index] if indexers else None,
            odd.get(index),
        )
        groups.setdefault(key, []).append(index)
    result = []
    for (kind, shares, routed, by_token, width, indexer, heads), indices in groups.items():
        mixers: tuple[Mixer, ...] = ()
        network: FeedForward | Experts | None = None
        if kind not in FEED_FORWARD_KINDS:
            mixers = tuple([_mixer(spec, word, shares, indexer, heads) for word in kind.split("+") if word != "none"])
            mixers += tuple([_past(mixer, spec) for mixer in mixers if spec.traits.attention_convolution])
        if kind == "moe" or (routed and not bare):
            network = _experts(spec, by_token)
        elif kind == "mlp" or not bare:
            inner = int(width) if width else spec.ffn
            network = FeedForward(inner, spec.traits.gated) if inner else None
        result.append(Layers(tuple(indices), mixers, network))
    return tuple(_joined(result))


def _joined(groups: list[Layers]) -> list[Layers]:
    """Join groups whose keys differ but whose records are equal (a shared layer of a kind that caches nothing)."""
    merged: dict[tuple[tuple[Mixer, ...], FeedForward | Experts | None], Layers] = {}
    for group in groups:
        key = (group.mixers, group.feed_forward)
        known = merged.get(key)
        merged[key] = Layers(tuple(sorted(known.indices + group.indices)), *key) if known else group
    return list(merged.values())


def _experts(spec: ModelSpec, by_token: bool) -> Experts:
    """Mixture of experts of a specification, equal in all layers that have one except for ``by_token``."""
    moe = _needed(spec, "moe", spec.moe)
    return Experts(
        count=moe.experts,
        active=moe.active,
        width=moe.width,
        shared_width=moe.shared_width,
        gated=spec.traits.gated,
        dense_width=_needed(spec, "ffn", spec.ffn) if spec.traits.dense_beside_experts else 0,
        latent=moe.latent,
        token_rows=_needed(spec, "vocab", spec.vocab) if by_token and moe.by_token else 0,
    )


def _mixer(spec: ModelSpec, word: str, shares: bool, indexer: str | None, odd: Heads | None) -> Mixer:
    """Token mixer for a word of the pattern, with the dimensions of its kind, or of its single layer if ``odd``."""
    if word == "mla":
        return _latent(spec, indexer)
    if word in COMPRESSION:
        return _compressed(spec, word)
    if word == "mamba":
        return _needed(spec, "ssm", spec.ssm)
    if word == "linear":
        return _needed(spec, "linear", spec.linear)
    if word == "conv":
        return ShortConvolution(_needed(spec, "conv_kernel", spec.conv_kernel))
    own = {
        "full": spec.full_attention, "sliding": spec.sliding_attention, "cross": spec.cross_attention,
        "indexed": spec.indexed_attention,
    }.get(word)  # fmt: skip
    own = odd or own or USUAL_HEADS
    heads = own.heads or _needed(spec, "heads", spec.heads)
    head_dim = own.head_dim or spec.head_dim or _needed(spec, "hidden", spec.hidden) // heads
    return Attention(
        kind="full" if word == "indexed" else word,
        heads=heads,
        kv_heads=own.kv_heads or spec.kv_heads or heads,
        head_dim=head_dim,
        value_dim=own.value_dim or spec.value_dim or head_dim,
        window=spec.window if word in ("sliding", "chunked") else None,
        shares_cache=shares,
        value_is_key=own.value_is_key,
        indexer_dim=own.indexer_dim or 0,
        indexer_heads=own.indexer_heads or 0,
    )


def _past(mixer: Mixer, spec: ModelSpec) -> FixedState:
    """State of the convolutions over queries and keys, kept beside the cache (transformers 5.24.0 ``modeling_zaya.py``).

    Both have the kernel of the trait and go over queries and keys side by side; half a token's values are kept too.
    """
    if not isinstance(mixer, Attention):
        raise ValueError(f"{spec.id}: convolutions over queries and keys are of plain attention")
    columns = 2 * ((spec.traits.attention_convolution or 1) - 1)
    past = (mixer.heads + mixer.kv_heads) * mixer.head_dim * columns
    return FixedState("convolutions", elements=past + mixer.kv_heads * mixer.value_dim // 2)


def _latent(spec: ModelSpec, indexer: str | None) -> LatentAttention:
    mla = _needed(spec, "mla", spec.mla)
    indexed = mla.indexer_dim if indexer in (None, "own") else None
    return LatentAttention(
        heads=_needed(spec, "heads", spec.heads),
        query_rank=mla.query_rank,
        kv_rank=mla.kv_rank,
        nope_dim=mla.nope_dim,
        rope_dim=mla.rope_dim,
        value_dim=mla.value_dim,
        indexer_dim=indexed,
        indexer_heads=mla.indexer_heads if indexed else None,
    )


def _compressed(spec: ModelSpec, word: str) -> CompressedAttention:
    compressed = _needed(spec, "compressed", spec.compressed)
    picks = word == "csa"
    return CompressedAttention(
        heads=_needed(spec, "heads", spec.heads),
        head_dim=_needed(spec, "head_dim", spec.head_dim),
        query_rank=compressed.query_rank,
        window=_needed(spec, "window", spec.window),
        ratio=COMPRESSION[word],
        output_groups=compressed.output_groups,
        output_rank=compressed.output_rank,
        indexer_dim=compressed.indexer_dim if picks else None,
        indexer_heads=compressed.indexer_heads if picks else None,
    )


def _needed(spec: ModelSpec, field: str, value: T | None) -> T:
    """Return a field that the layer pattern needs, or raise ``ValueError``; ``merge.gaps`` reports it earlier."""
    if value is None:
        raise ValueError(f"{spec.id}: {field} is missing, its layers need it")
    return value
