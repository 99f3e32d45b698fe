"""From an entry of the catalogue to a ``Model``.

An entry is the flat mapping that ``catalogue.schema_models`` has merged (architecture, family, entry) and checked, so
nothing is checked again here. The keys are those of ``data/models.yaml``; its opening comment explains them.
"""

from __future__ import annotations

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
    VisionTower,
)
from vramfit.model.counted import remember

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.model.architecture import Mixer

FEED_FORWARD_KINDS = ("mlp", "moe")
"""Words of a layer pattern for layers that are nothing but a feed-forward network (Nemotron-H)."""

COMPRESSION = {"local": 0, "csa": 4, "hca": 128}
"""Tokens per cached entry in DeepSeek-V4's kinds of layers: window only, compressed sparse, heavily compressed."""


def model_from_facts(facts: Mapping[str, Any]) -> Model:
    """The model that a merged and validated catalogue entry describes, with its counts where they were compiled in.

    Raises:
        KeyError: the entry lacks a field its architecture needs; ``catalogue.schema_models`` reports such entries.
    """
    vision = facts.get("vision")
    traits = facts.get("traits") or {}
    model = Model(
        id=facts["id"],
        name=facts["name"],
        family=facts["family"],
        modality=facts.get("modality", "text"),
        hidden=facts.get("hidden", 0),
        vocab=facts.get("vocab", 0),
        tied=facts.get("tied", False),
        context=facts.get("context", 0),
        dtype=facts.get("dtype", "bf16"),
        layers=_layers(facts, traits) if facts.get("layers") else (),
        traits=traits,
        vision=_tower(vision) if vision else None,
        audio=facts.get("audio"),
        components=tuple(
            Component(c["name"], c["parameters"], c["architecture"]) for c in facts.get("components") or ()
        ),
        nominal_billions=nominal_billions(facts["name"]),
        released=facts.get("released"),
        licence=facts.get("licence"),
        hf=tuple(facts.get("hf") or ()),
        ollama=tuple(facts.get("ollama") or ()),
    )
    if "counted" in facts:
        remember(model, facts["counted"])
    return model


def nominal_billions(name: str) -> float | None:
    """Billions of parameters as a display name states them: 13 for "LLaVA 1.6 13B", 0.135 for "SmolLM2 135M".

    None when the name states none, or a product of experts such as "8x7B". Of "30B A3B" the first is the total.
    """
    for word in name.replace("-", " ").replace("(", " ").replace(")", " ").split():
        number, unit = word[:-1], word[-1:].upper()
        if unit in ("B", "M", "T") and number.replace(".", "", 1).isdigit():
            # Divided, not multiplied by 0.001: 135 / 1000 is the nearest double to 0.135.
            return float(number) / 1000 if unit == "M" else float(number) * (1000 if unit == "T" else 1)
    return None


def _expand(pattern: str, layers: int) -> list[str]:
    """One word per layer; most models say it in one word, which needs no parsing (see ``pattern``)."""
    if pattern.isalnum():
        return [pattern] * layers
    from vramfit.model.pattern import expand

    return expand(pattern, layers)


def _layers(facts: Mapping[str, Any], traits: Mapping[str, Any]) -> tuple[Layers, ...]:
    """The layers of an entry in groups of equal ones, ordered by their first layer."""
    count = facts["layers"]
    kinds = _expand(facts.get("pattern", "full"), count)
    owners = count - facts.get("shared_cache_layers", 0)
    widths = _expand(facts["widths"], count) if "widths" in facts else None
    bare = any(kind in FEED_FORWARD_KINDS for kind in kinds)
    moe = facts.get("moe")
    indexers = _expand(facts["mla"]["indexer_pattern"], count) if "indexer_pattern" in facts.get("mla", ()) else None
    # Layers are grouped by what distinguishes them before any record is made: most models have one group of 30 to 100.
    groups: dict[tuple[str, bool, bool, str | None, str | None], list[int]] = {}
    for index, kind in enumerate(kinds):
        key = (
            kind,
            index >= owners,
            moe is not None and _has_experts(moe, index),
            widths[index] if widths else None,
            indexers[index] if indexers else None,
        )
        groups.setdefault(key, []).append(index)
    result = []
    for (kind, shares, routed, width, indexer), indices in groups.items():
        mixers: tuple[Mixer, ...] = ()
        network: FeedForward | Experts | None = None
        if kind not in FEED_FORWARD_KINDS:
            mixers = tuple([_mixer(facts, word, shares, indexer) for word in kind.split("+") if word != "none"])
        if kind == "moe" or (routed and not bare):
            network = _experts(facts, traits)
        elif kind == "mlp" or not bare:
            inner = int(width) if width else facts.get("ffn")
            network = FeedForward(inner, traits.get("gated", True)) if inner else None
        result.append(Layers(tuple(indices), mixers, network))
    return tuple(_joined(result))


def _joined(groups: list[Layers]) -> list[Layers]:
    """Groups whose keys differed but whose records came out equal (a shared layer of a kind that caches nothing)."""
    merged: dict[tuple[tuple[Mixer, ...], FeedForward | Experts | None], Layers] = {}
    for group in groups:
        key = (group.mixers, group.feed_forward)
        known = merged.get(key)
        merged[key] = Layers(tuple(sorted(known.indices + group.indices)), *key) if known else group
    return list(merged.values())


def _has_experts(moe: Mapping[str, Any], index: int) -> bool:
    """Whether the layer is a mixture: behind the leading dense layers, and the last of each ``every``."""
    every: int = moe.get("every", 1)
    return bool(index >= moe.get("dense_layers", 0) and index % every == every - 1)


def _experts(facts: Mapping[str, Any], traits: Mapping[str, Any]) -> Experts:
    """The mixture of an entry; every mixture layer of a model is alike."""
    moe = facts["moe"]
    return Experts(
        count=moe["experts"],
        active=moe["active"],
        width=moe["width"],
        shared_width=moe.get("shared_width", 0),
        gated=traits.get("gated", True),
        dense_width=facts["ffn"] if traits.get("dense_beside_experts") else 0,
        latent=moe.get("latent"),
    )


def _mixer(facts: Mapping[str, Any], word: str, shares: bool, indexer: str | None) -> Mixer:
    """The mixer a word of the pattern names, with the dimensions the entry gives for its kind."""
    if word == "mla":
        mla = facts["mla"]
        indexed = mla.get("indexer_dim") if indexer in (None, "own") else None
        return LatentAttention(
            heads=facts["heads"],
            query_rank=mla.get("query_rank"),
            kv_rank=mla["kv_rank"],
            nope_dim=mla["nope_dim"],
            rope_dim=mla["rope_dim"],
            value_dim=mla["value_dim"],
            indexer_dim=indexed,
            indexer_heads=mla.get("indexer_heads") if indexed else None,
        )
    if word in COMPRESSION:
        compressed = facts["compressed"]
        picks = word == "csa"
        return CompressedAttention(
            heads=facts["heads"],
            head_dim=facts["head_dim"],
            query_rank=compressed["query_rank"],
            window=facts["window"],
            ratio=COMPRESSION[word],
            output_groups=compressed["output_groups"],
            output_rank=compressed["output_rank"],
            indexer_dim=compressed["indexer_dim"] if picks else None,
            indexer_heads=compressed["indexer_heads"] if picks else None,
        )
    if word == "mamba":
        return StateSpace(**facts["ssm"])
    if word == "linear":
        return LinearAttention(**facts["linear"])
    if word == "conv":
        return ShortConvolution(facts["conv_kernel"])
    own = facts.get(f"{word}_attention") or {}
    heads = own.get("heads", facts["heads"])
    head_dim = own.get("head_dim") or facts.get("head_dim") or facts["hidden"] // heads
    return Attention(
        kind=word,
        heads=heads,
        kv_heads=own.get("kv_heads", facts.get("kv_heads", heads)),
        head_dim=head_dim,
        value_dim=own.get("value_dim") or facts.get("value_dim") or head_dim,
        window=facts.get("window") if word in ("sliding", "chunked") else None,
        shares_cache=shares,
        value_is_key=own.get("value_is_key", False),
    )


def _tower(vision: Mapping[str, Any]) -> VisionTower:
    """The vision tower of an entry; what the record has no field for goes to ``settings``."""
    named = ("kind", "layers", "hidden", "ffn", "heads", "patch", "image_size", "image_tokens")
    return VisionTower(
        kind=vision["kind"],
        layers=vision.get("layers", 0),
        hidden=vision.get("hidden", 0),
        ffn=vision.get("ffn", 0),
        heads=vision.get("heads", 0),
        patch=vision.get("patch", 0),
        image_size=vision.get("image_size"),
        image_tokens=vision.get("image_tokens") or {"rule": "unknown"},
        settings={key: value for key, value in vision.items() if key not in named},
    )
