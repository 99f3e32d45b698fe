"""Kind of each layer of a GGUF model by its tensors, and the heads of those with attention.

Sources: ``load_hparams`` of llama.cpp's ``src/llama-model.cpp`` and ``src/models/*.cpp`` (b11434); ``gguf_rules`` has what
they keep in code. Facts are those of ``model.build``; where layers of one kind differ, ``per_layer`` says how.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.importers.gguf_rules import (
    ALWAYS_WINDOWED,
    FULL_ATTENTION_INTERVAL,
    GEMMA3N_OWNERS,
    WINDOWED_EXAONE4_LAYERS,
    WINDOWS,
    WITHOUT_CACHE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.importers.gguf_fields import Fields
    from vramfit.importers.header import FileTensor

    Layer = Mapping[str, FileTensor]
    Heads = tuple[int, int, int, int]
    """Query heads, key-value heads, width of a key head, width of a value head."""

COMPRESSION = {0: "local", 4: "csa", 128: "hca"}
"""Words of DeepSeek-V4's kinds of layers by the tokens that become one cached entry."""

MOST_NOTES = 8
"""A file that contradicts itself in every layer need not say so for each."""


def run_lengths(words: Sequence[str]) -> str:
    """A layer pattern in the catalogue's notation: ``5*sliding full 2*sliding``; one word where all are equal."""
    if len(set(words)) == 1:
        return words[0]
    for length in range(2, len(words) // 2 + 1):
        if all(word == words[i % length] for i, word in enumerate(words)):
            words = words[:length]
            break
    runs: list[tuple[str, int]] = []
    for word in words:
        if runs and runs[-1][0] == word:
            runs[-1] = (word, runs[-1][1] + 1)
        else:
            runs.append((word, 1))
    return " ".join([word if count == 1 else f"{count}*{word}" for word, count in runs])


def layer_kinds(fields: Fields, layers: int, gaps: list[str]) -> tuple[list[str], dict[str, Any]]:
    """A word of the layer pattern for each layer, and the window and shared caches that go with them."""
    windowed, window, word = _windows(fields, layers)
    recurrent = _recurrent(fields, layers)
    ratios = fields.array("attention.compress_ratios", layers)
    kinds = []
    for number in range(layers):
        layer = fields.layers.get(number, {})
        if ratios is not None:
            kinds.append(COMPRESSION.get(ratios[number], "local"))
            continue
        mixers = []
        if fields.architecture in WITHOUT_CACHE and has_attention(layer):
            mixers.append("encoder")
        elif recurrent[number] and "attn_k.weight" not in layer:
            mixers.append("linear")
        elif "attn_kv_a_mqa.weight" in layer and fields.number("attention.key_length_mla"):
            mixers.append("mla")
        elif "ssm_conv1d_q.weight" in layer:
            mixers.append("linear")
        elif has_attention(layer):
            mixers.append(word if windowed[number] else "full")
        if "ssm_out.weight" in layer and "linear" not in mixers:
            mixers.append("mamba")
        if "shortconv.in_proj.weight" in layer:
            mixers.append("conv")
        if any(name.startswith("time_mix") for name in layer) and not gaps:
            gaps.append("RWKV states")
        kinds.append("+".join(mixers) or _bare(fields, layer))
    if ratios is not None:
        window = fields.needed("attention.sliding_window")
    extra: dict[str, Any] = {"window": window} if ratios is not None or any(word in kind for kind in kinds) else {}
    shared = fields.number("attention.shared_kv_layers", 0) or 0
    if fields.architecture == "gemma3n":
        shared = max(layers - GEMMA3N_OWNERS, 0)
    if shared:
        extra["shared_cache_layers"] = min(shared, layers)
    return kinds, extra


def _bare(fields: Fields, layer: Layer) -> str:
    """The word for a layer without a mixer: ``mlp`` or ``moe`` where no layer has both halves (Nemotron-H)."""
    if any(has_attention(other) and "ffn_norm.weight" in other for other in fields.layers.values()):
        return "none"
    if "ffn_gate_inp.weight" in layer:
        return "moe"
    return "mlp" if "ffn_down.weight" in layer else "none"


def has_attention(layer: Layer) -> bool:
    """True if a layer has the matrices of softmax attention."""
    names = ("attn_q.weight", "attn_qkv.weight", "attn_q_a.weight", "attn_k.weight")
    return (any(name in layer for name in names) and "ssm_conv1d.weight" not in layer) or (
        "attn_k.weight" in layer and "attn_q.weight" in layer
    )


def _windows(fields: Fields, layers: int) -> tuple[list[bool], int | None, str]:
    """Layers that have a window, its tokens, and the word for such layers."""
    name = fields.architecture
    rule = WINDOWS.get(name)
    stated = fields.number("attention.sliding_window")
    none = [False] * layers, None, "sliding"
    if rule is None or (name == "exaone4" and layers != WINDOWED_EXAONE4_LAYERS):
        return none
    window = rule.window_tokens if rule.fixed or stated is None else stated
    if not window or stated == 0 or (stated is None and name not in (*ALWAYS_WINDOWED, "exaone4")):
        return none
    if fields.is_array("attention.sliding_window_pattern"):
        flags = [bool(flag) for flag in fields.array("attention.sliding_window_pattern", layers) or ()]
    else:
        every = fields.number("attention.sliding_window_pattern")
        rule = rule if every is None else replace(rule, every=every)
        flags = [rule.at(layer) for layer in range(layers)]
    return flags, window, "chunked" if rule.chunked else "sliding"


def _recurrent(fields: Fields, layers: int) -> list[bool]:
    """Layers that have a matrix state instead of attention, where metadata says so."""
    stated = fields.array("attention.recurrent_layers", layers)
    if stated is not None:
        return [bool(flag) for flag in stated]
    default = FULL_ATTENTION_INTERVAL.get(fields.architecture)
    if default is None:
        return [False] * layers
    interval = fields.number("full_attention_interval", default) or default
    return [(layer + 1) % interval != 0 for layer in range(layers)]


def attention_facts(fields: Fields, kinds: Sequence[str], layers: int, notes: list[str]) -> dict[str, Any]:
    """Heads and their widths, once for all layers, by kind, or by layer as they differ."""
    heads = fields.array("attention.head_count", layers)
    if heads is None or not any(heads):
        return {}
    kv_heads = fields.array("attention.head_count_kv", layers) or heads
    hidden = fields.number("embedding_length", 0) or 0
    key = fields.number("attention.key_length") or hidden // (heads[0] or max(heads))
    value = fields.number("attention.value_length") or hidden // (heads[0] or max(heads))
    narrow_key = fields.number("attention.key_length_swa") or key
    narrow_value = fields.number("attention.value_length_swa") or value
    rows: dict[int, Heads] = {}
    for number, kind in enumerate(kinds):
        for word in kind.split("+"):
            if word in ("full", "sliding", "chunked", "encoder", "mla", "local", "csa", "hca") and heads[number]:
                slides = word in ("sliding", "chunked")
                widths = (narrow_key, narrow_value) if slides else (key, value)
                own = _kv_heads(fields.layers.get(number, {}), kv_heads[number], widths[0])
                if own != kv_heads[number] and word != "mla":
                    notes.append(
                        f"layer {number} has {own} key-value heads by its tensors, {kv_heads[number]} by its metadata"
                    )
                rows[number] = (heads[number], own, *widths)
    del notes[MOST_NOTES:]
    if not rows or all(kinds[number] == "mla" for number in rows):
        # Latent attention has widths of its own; those of the cache stand under the plain keys.
        return {"heads": max(heads)}
    return _by_kind(fields, kinds, rows)


def _kv_heads(layer: Layer, stated: int, width: int) -> int:
    """Key-value heads of a layer: the rows of its key projection by the width of a head."""
    tensor = layer.get("attn_k.weight")
    if tensor is None or len(tensor.shape) != 2 or not width or tensor.shape[1] % width:
        return stated
    return tensor.shape[1] // width


def _by_kind(fields: Fields, kinds: Sequence[str], rows: Mapping[int, Heads]) -> dict[str, Any]:
    """The rows of heads, key-value heads and widths as facts: shared by all, by a kind, or by a layer."""
    names = ("heads", "kv_heads", "head_dim", "value_dim")
    forms: dict[str, dict[Heads, int]] = {}
    for number, row in rows.items():
        word = next(w for w in kinds[number].split("+") if w not in ("mamba", "conv"))
        counts = forms.setdefault(word, {})
        counts[row] = counts.get(row, 0) + 1
    usual = {word: max(counts, key=lambda row: counts[row]) for word, counts in forms.items()}
    main = usual.get("full") or next(iter(usual.values()))
    facts: dict[str, Any] = dict(zip(names, main, strict=True))
    for word, row in usual.items():
        if row != main and word in ("full", "sliding", "cross"):
            facts[f"{word}_attention"] = {n: v for n, v, m in zip(names, row, main, strict=True) if v != m}
    for word in forms:
        layer = fields.layers.get(next(i for i in rows if word in kinds[i].split("+")), {})
        same = "attn_k.weight" in layer and "attn_v.weight" not in layer and "attn_qkv.weight" not in layer
        if same and word in ("full", "sliding"):
            facts[f"{word}_attention"] = facts.get(f"{word}_attention", {}) | {"value_is_key": True}
    odd = {number: row for number, row in rows.items() if row != usual[_word(kinds[number])]}
    if odd:
        facts["per_layer"] = {number: dict(zip(names, row, strict=True)) for number, row in odd.items()}
    return facts


def _word(kind: str) -> str:
    """The attention among the mixers of a layer."""
    return next(word for word in kind.split("+") if word not in ("mamba", "conv"))
