"""Facts that a model is built of, from the metadata and tensors of a GGUF file.

Keys: llama.cpp ``src/llama-arch.cpp`` ``LLM_KV_NAMES``; what they mean: ``load_hparams`` of ``src/llama-model.cpp`` and of
``src/models/*.cpp`` (b11434). What a layer is follows from its tensors, whatever the architecture: they are what will
be loaded. Facts are the flat mapping of ``model.build``; where layers of one kind differ, ``per_layer`` says how.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.errors import InputError
from vramfit.importers.gguf_fields import MOST_LAYERS, Fields
from vramfit.importers.gguf_layers import COMPRESSION, attention_facts, has_attention, layer_kinds, run_lengths
from vramfit.importers.gguf_rules import KNOWN, UNMODELLED, WITHOUT_CACHE
from vramfit.importers.gguf_traits import traits
from vramfit.importers.header import extent
from vramfit.importers.source import printable
from vramfit.quantization.gguf_types import FILE_TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.importers.header import FileTensor, Header

    Layer = Mapping[str, FileTensor]


class GgufFacts(Record):
    """Facts of a file, and what they leave open."""

    facts: Mapping[str, Any]
    """The flat mapping of ``model.build``, without an id."""
    gaps: tuple[str, ...]
    """Reasons why the cache is not known; empty where it is."""
    notes: tuple[str, ...]
    """Lines that a report should have besides."""


def gguf_facts(header: Header) -> GgufFacts:
    """The facts of a model's file or set of files (``gguf_set.read_gguf_model``).

    Raises:
        InputError: a figure is missing, or is of a kind it cannot be.
    """
    fields = Fields(header)
    layers = _layer_count(fields)
    notes: list[str] = []
    if fields.architecture not in KNOWN:
        shown = printable(fields.architecture)
        notes.append(f"llama.cpp b11434 does not know the architecture {shown}: its attention is taken to be full")
    gaps = [UNMODELLED[fields.architecture]] if fields.architecture in UNMODELLED else []
    facts = _outside(fields, layers)
    kinds, lengths = layer_kinds(fields, layers, gaps)
    facts |= attention_facts(fields, kinds, layers, notes)
    facts |= _states(fields, kinds, facts, gaps)
    facts |= _networks(fields, layers, notes)
    facts |= lengths
    facts["pattern"] = run_lengths(kinds)
    own = traits(fields.layers, fields.tensors, facts["hidden"], facts.get("heads") or 0, facts.get("head_dim") or 0)
    facts["vocab"] -= own.get("extra_embeddings", 0)
    if "output.weight" not in fields.tensors and fields.architecture in WITHOUT_CACHE and "encoder" in kinds:
        own["head"] = False
    sinks = _sinks(fields, kinds)
    facts["traits"] = own | ({"sinks": sinks} if sinks else {})
    return GgufFacts(facts, tuple(gaps), tuple(notes))


def file_type_label(header: Header) -> str:
    """Name that whoever made the file gives its mix (``general.file_type``), or the type that most bytes have."""
    stated = header.metadata.get("general.file_type")
    if type(stated) is int and stated in FILE_TYPES:
        return FILE_TYPES[stated]
    kinds = header.bytes_by_type()
    return f"mostly {next(iter(kinds))}" if kinds else "empty"


def _layer_count(fields: Fields) -> int:
    """Layers of the language model: those that have tensors, prediction heads left out."""
    stated = fields.needed("block_count") - (fields.number("nextn_predict_layers", 0) or 0)
    here = 1 + max(fields.layers, default=-1)
    layers = here or stated
    if not 0 < layers <= MOST_LAYERS:
        raise InputError(
            f"{fields.header.files[0].name} has {layers:,} layers", "the file is damaged: download it again"
        )
    return layers


def _outside(fields: Fields, layers: int) -> dict[str, Any]:
    """Facts that do not depend on layers."""
    embedding = fields.tensors.get("token_embd.weight")
    hidden, vocab = fields.number("embedding_length"), fields.number("vocab_size")
    if embedding is not None and len(embedding.shape) == 2:
        hidden, vocab = embedding.shape
    vocab = vocab or fields.header.array_lengths.get("tokenizer.ggml.tokens")
    if not hidden or not vocab:
        raise InputError(
            f"{fields.header.files[0].name} states neither embedding nor vocabulary", "convert or download it again"
        )
    name = fields.header.metadata.get("general.name")
    heads = any(tensor.part == "mtp" for tensor in fields.header.tensors)
    facts: dict[str, Any] = {
        "family": printable(fields.architecture),
        "gguf": printable(fields.architecture),
        "layers": layers,
        "hidden": hidden,
        "vocab": vocab,
        "tied": "output.weight" not in fields.tensors,
        "context": fields.number("context_length", 0),
    }
    if heads:
        facts["mtp_layers"] = fields.number("nextn_predict_layers", 0) or 1
    if isinstance(name, str) and name:
        facts["name"] = printable(name)
    return facts


def _states(fields: Fields, kinds: Sequence[str], facts: Mapping[str, Any], gaps: list[str]) -> dict[str, Any]:
    """Latent and compressed attention, and what layers keep instead of a cache."""
    words = {word for kind in kinds for word in kind.split("+")}
    found: dict[str, Any] = {}
    if "mla" in words:
        found["mla"] = _latent(fields, kinds)
    if words & set(COMPRESSION.values()):
        found["compressed"] = {
            "query_rank": fields.needed("attention.q_lora_rank"),
            "output_groups": fields.needed("attention.output_group_count"),
            "output_rank": fields.needed("attention.output_lora_rank"),
            "indexer_dim": fields.needed("attention.indexer.key_length"),
            "indexer_heads": fields.needed("attention.indexer.head_count"),
        }
    if "conv" in words:
        found["conv_kernel"] = fields.needed("shortconv.l_cache")
    if "mamba" in words:
        found["ssm"] = _mamba(fields)
    if "linear" in words:
        found["linear"] = _linear(fields, facts, gaps)
    return found


def _latent(fields: Fields, kinds: Sequence[str]) -> dict[str, Any]:
    """Latent attention, and which of its layers have an indexer."""
    rope = fields.needed("rope.dimension_count")
    mla: dict[str, Any] = {
        "kv_rank": fields.needed("attention.kv_lora_rank"),
        "nope_dim": fields.needed("attention.key_length_mla") - rope,
        "rope_dim": rope,
        "value_dim": fields.needed("attention.value_length_mla"),
    }
    layer = next((fields.layers.get(i, {}) for i, kind in enumerate(kinds) if kind == "mla"), {})
    rank = layer.get("attn_q_a.weight")
    if rank is not None and len(rank.shape) > 1:
        mla["query_rank"] = extent(rank.shape, 1)
    width = fields.number("attention.indexer.key_length")
    if width:
        mla["indexer_dim"] = width
        mla["indexer_heads"] = fields.needed("attention.indexer.head_count")
        own = ["own" if "indexer.attn_k.weight" in fields.layers.get(i, {}) else "shared" for i in range(len(kinds))]
        if "own" in own and "shared" in own:
            mla["indexer_pattern"] = run_lengths(own)
    return mla


def _mamba(fields: Fields) -> dict[str, Any]:
    """Mamba layers of the first or the second kind, told apart by the projection to B, C and the step size."""
    first = any("ssm_x.weight" in layer for layer in fields.layers.values())
    shape: dict[str, Any] = {
        "kind": "mamba1" if first else "mamba2",
        "inner": fields.needed("ssm.inner_size"),
        "state": fields.needed("ssm.state_size"),
        "conv": fields.needed("ssm.conv_kernel"),
    }
    rank = fields.needed("ssm.time_step_rank")
    return shape | ({"dt_rank": rank} if first else {"heads": rank, "groups": fields.number("ssm.group_count", 1) or 1})


def _linear(fields: Fields, facts: Mapping[str, Any], gaps: list[str]) -> dict[str, Any]:
    """Layers of attention with a matrix state: KDA, gated delta net or lightning attention."""
    width = fields.number("kda.head_dim")
    heads = facts.get("heads") or fields.needed("attention.head_count")
    if width:
        convolution = fields.number("ssm.conv_kernel", 4)
        return {
            "kind": "kda",
            "key_heads": heads,
            "value_heads": heads,
            "key_dim": width,
            "value_dim": width,
            "conv": convolution,
        }
    if fields.number("ssm.inner_size"):
        values = fields.needed("ssm.time_step_rank")
        return {
            "kind": "gated_delta_net",
            "key_heads": fields.needed("ssm.group_count"),
            "value_heads": values,
            "key_dim": fields.needed("ssm.state_size"),
            "value_dim": fields.needed("ssm.inner_size") // values,
            "conv": fields.needed("ssm.conv_kernel"),
        }
    if fields.architecture != "minimax-01" and not gaps:
        gaps.append("layers with a state of an unknown kind")
    width = facts.get("head_dim") or fields.needed("attention.key_length")
    return {"kind": "lightning", "key_heads": heads, "value_heads": heads, "key_dim": width, "value_dim": width}


def _networks(fields: Fields, layers: int, notes: list[str]) -> dict[str, Any]:
    """Widths of the dense networks, and the experts."""
    facts: dict[str, Any] = {}
    widths = [_dense_width(fields.layers.get(number, {})) for number in range(layers)]
    stated = {width for width in widths if width}
    if len(stated) > 1:
        facts["widths"] = run_lengths([str(width or max(stated)) for width in widths])
    if stated:
        facts["ffn"] = max(stated)
    mixtures = [number for number in range(layers) if _experts(fields.layers.get(number, {}))]
    if mixtures:
        facts["moe"] = _mixture(fields, mixtures, layers, notes)
    return facts


def _dense_width(layer: Layer) -> int:
    """Inner width of a layer's dense network, 0 without one."""
    down = layer.get("ffn_down.weight")
    return extent(down.shape, 0) if down is not None and down.shape else 0


def _experts(layer: Layer) -> int:
    """Routed experts of a layer, 0 without any."""
    down = layer.get("ffn_down_exps.weight")
    if down is not None and len(down.shape) > 2:
        return extent(down.shape, 2)
    # Files from before experts were fused have one tensor each.
    return sum(
        [1 for name in layer if name.startswith("ffn_down.") and name.endswith(".weight") and name != "ffn_down.weight"]
    )


def _mixture(fields: Fields, mixtures: Sequence[int], layers: int, notes: list[str]) -> dict[str, Any]:
    """The experts, and which layers have them: all behind some dense ones, each second, …"""
    first = fields.layers[mixtures[0]]
    down = first.get("ffn_down_exps.weight") or first.get("ffn_down.0.weight")
    shared = first.get("ffn_down_shexp.weight")
    moe: dict[str, Any] = {
        "experts": max(_experts(fields.layers[number]) for number in mixtures),
        "active": fields.needed("expert_used_count"),
        "width": extent(down.shape, 0) if down is not None else fields.needed("expert_feed_forward_length"),
    }
    if shared is not None and shared.shape:
        moe["shared_width"] = extent(shared.shape, 0)
    latent = fields.number("moe_latent_size") or fields.number("expert_latent_length")
    if latent:
        moe["latent"] = latent
    every = next(
        (n for n in range(1, 9) if [i for i in range(layers) if i >= mixtures[0] and i % n == n - 1] == list(mixtures)),
        0,
    )
    if every > 1:
        moe["every"] = every
    if mixtures[0] >= max(every, 1):
        moe["dense_layers"] = mixtures[0]
    by_token = sum(["ffn_gate_tid2eid.weight" in fields.layers[number] for number in mixtures])
    if by_token:
        moe["by_token"] = by_token
    bare = any(not has_attention(fields.layers.get(number, {})) for number in mixtures)
    if not every and not bare:
        notes.append(
            "experts stand in layers of no regular order: those between the first and the last are taken to have them"
        )
    return moe


def _sinks(fields: Fields, kinds: Sequence[str]) -> list[str]:
    """Kinds of attention layers with one learned logit per head."""
    found = {kind for i, kind in enumerate(kinds) if "attn_sinks.weight" in fields.layers.get(i, {})}
    return sorted(found & {"full", "sliding"})
