"""The header that a model's GGUF file has: metadata as llama.cpp's converter writes it, tensors of the inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vramfit.importers.header import FileTensor, Header, HeaderFile
from vramfit.model.architecture import Attention, Experts
from vramfit.model.mixers import CompressedAttention, LatentAttention, LinearAttention, ShortConvolution, StateSpace
from vramfit.quantization import SCHEMES, derive

if TYPE_CHECKING:
    from vramfit.model import Model


def header_of(model: Model, architecture: str) -> Header:
    """Every tensor of the language model in 16 bits, and the metadata of one that llama.cpp calls ``architecture``."""
    tensors = []
    for row in derive(model, SCHEMES["F16"]).stored:
        if row.tensor.part == "text":
            for layer in row.layers or (None,):
                name = row.tensor.name if layer is None else f"blk.{layer}.{row.tensor.name}"
                tensors += [FileTensor(name, row.type, row.tensor.shape, row.bytes_each)] * row.tensor.copies
    return Header("gguf", (HeaderFile("x.gguf", None),), tuple(tensors), metadata(model, architecture))


def metadata(model: Model, architecture: str) -> dict[str, object]:
    """Key-value pairs of a model's file."""
    keys: dict[str, Any] = {
        "block_count": model.layer_count, "embedding_length": model.hidden, "context_length": model.context
    }  # fmt: skip
    heads, kv_heads, windowed, states = ([0] * model.layer_count for _ in range(4))
    for group in model.layers:
        for mixer in group.mixers:
            keys |= _mixer(mixer, keys)
            for layer in group.indices:
                if isinstance(mixer, Attention | LatentAttention | CompressedAttention):
                    heads[layer] = mixer.heads
                    kv_heads[layer] = mixer.kv_heads if isinstance(mixer, Attention) else 1
                    windowed[layer] = isinstance(mixer, Attention) and mixer.kind in ("sliding", "chunked")
                if isinstance(mixer, LinearAttention):
                    states[layer] = 1
                    heads[layer] = mixer.key_heads
                if isinstance(mixer, CompressedAttention):
                    ratios = keys.setdefault("attention.compress_ratios", [0] * model.layer_count)
                    ratios[layer] = mixer.ratio
        if isinstance(group.feed_forward, Experts):
            keys["expert_used_count"] = group.feed_forward.active
            if group.feed_forward.latent:
                keys["moe_latent_size"] = group.feed_forward.latent
    if any(heads):
        keys["attention.head_count"], keys["attention.head_count_kv"] = heads, kv_heads
    if any(windowed):
        keys["attention.sliding_window_pattern"] = [bool(flag) for flag in windowed]
    if any(states):
        keys["attention.recurrent_layers"] = [bool(flag) for flag in states]
    shared = [g for g in model.layers if any(isinstance(m, Attention) and m.shares_cache for m in g.mixers)]
    if shared:
        keys["attention.shared_kv_layers"] = sum([len(group.indices) for group in shared])
    return {"general.architecture": architecture} | {f"{architecture}.{key}": value for key, value in keys.items()}


def _mixer(mixer: object, known: dict[str, Any]) -> dict[str, Any]:
    """Keys that one mixer adds; full layers have the plain ones."""
    if isinstance(mixer, Attention) and mixer.kind in ("sliding", "chunked"):
        plain = {"attention.key_length": mixer.head_dim, "attention.value_length": mixer.value_dim}
        own = {"attention.key_length_swa": mixer.head_dim, "attention.value_length_swa": mixer.value_dim}
        return (
            {key: known.get(key, value) for key, value in plain.items()}
            | own
            | {"attention.sliding_window": mixer.window}
        )
    if isinstance(mixer, Attention):
        return {"attention.key_length": mixer.head_dim, "attention.value_length": mixer.value_dim}
    if isinstance(mixer, LatentAttention):
        return {
            "attention.key_length": mixer.kv_rank + mixer.rope_dim, "attention.value_length": mixer.kv_rank,
            "attention.key_length_mla": mixer.nope_dim + mixer.rope_dim, "attention.value_length_mla": mixer.value_dim,
            "attention.kv_lora_rank": mixer.kv_rank, "rope.dimension_count": mixer.rope_dim,
        } | _indexer(mixer)  # fmt: skip
    if isinstance(mixer, CompressedAttention):
        return {
            "attention.key_length": mixer.head_dim, "attention.value_length": mixer.head_dim,
            "attention.q_lora_rank": mixer.query_rank, "attention.sliding_window": mixer.window,
            "attention.output_group_count": mixer.output_groups, "attention.output_lora_rank": mixer.output_rank,
        } | _indexer(mixer)  # fmt: skip
    return _state(mixer)


def _indexer(mixer: LatentAttention | CompressedAttention) -> dict[str, Any]:
    if not mixer.indexer_dim:
        return {}
    return {"attention.indexer.key_length": mixer.indexer_dim, "attention.indexer.head_count": mixer.indexer_heads}


def _state(mixer: object) -> dict[str, Any]:
    if isinstance(mixer, StateSpace):
        return {
            "ssm.conv_kernel": mixer.conv, "ssm.inner_size": mixer.inner, "ssm.state_size": mixer.state,
            "ssm.time_step_rank": mixer.heads or mixer.dt_rank, "ssm.group_count": mixer.groups,
        }  # fmt: skip
    if isinstance(mixer, LinearAttention) and mixer.kind == "gated_delta_net":
        return {
            "ssm.conv_kernel": mixer.conv, "ssm.inner_size": mixer.value_heads * mixer.value_dim,
            "ssm.state_size": mixer.key_dim, "ssm.time_step_rank": mixer.value_heads, "ssm.group_count": mixer.key_heads,
        }  # fmt: skip
    if isinstance(mixer, LinearAttention) and mixer.kind == "kda":
        return {"kda.head_dim": mixer.key_dim, "ssm.conv_kernel": mixer.conv}
    return {"shortconv.l_cache": mixer.kernel} if isinstance(mixer, ShortConvolution) else {}
