"""GGUF's names for the tensors of transformers' classes: rules of mixes and offload patterns are written in them.

Only what the program tells apart by name is translated (gguf-py ``tensor_mapping.py``, b11434); a tensor that is not
among it keeps the name of its module, which every rule treats as "other".
"""

from __future__ import annotations

STANDING = {
    "embed_tokens": "token_embd", "wte": "token_embd", "word_embeddings": "token_embd", "embed_in": "token_embd",
    "tok_embeddings": "token_embd", "embeddings": "token_embd", "embedding": "token_embd", "shared": "token_embd",
    "lm_head": "output", "embed_out": "output", "output": "output",
    "norm": "output_norm", "ln_f": "output_norm", "final_layernorm": "output_norm", "final_layer_norm": "output_norm",
    "norm_f": "output_norm", "wpe": "position_embd", "embed_positions": "position_embd",
    "position_embeddings": "position_embd", "token_type_embeddings": "token_types",
    "embed_tokens_per_layer": "per_layer_token_embd", "per_layer_model_projection": "per_layer_model_proj",
}  # fmt: skip
"""Last module of a tensor outside of layers."""

IN_LAYER = {
    "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "out_proj": "attn_output",
    "qkv_proj": "attn_qkv", "query_key_value": "attn_qkv", "c_attn": "attn_qkv", "Wqkv": "attn_qkv", "W_pack": "attn_qkv",
    "query": "attn_q", "key": "attn_k", "value": "attn_v",
    "q_norm": "attn_q_norm", "k_norm": "attn_k_norm", "sinks": "attn_sinks",
    "q_a_proj": "attn_q_a", "q_a_layernorm": "attn_q_a_norm", "q_b_proj": "attn_q_b", "kv_b_proj": "attn_kv_b",
    "kv_a_proj_with_mqa": "attn_kv_a_mqa", "kv_a_layernorm": "attn_kv_a_norm",
    "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down", "gate_up_proj": "ffn_up",
    "fc1": "ffn_up", "fc2": "ffn_down", "dense_h_to_4h": "ffn_up", "dense_4h_to_h": "ffn_down", "c_fc": "ffn_up",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm", "ln_1": "attn_norm", "ln_2": "ffn_norm",
}  # fmt: skip
"""Last module of a tensor inside a layer."""

EXPERTS = ("experts", "block_sparse_moe.experts")
SHARED = ("shared_expert", "shared_experts", "shared_mlp")
ROUTERS = ("mlp.gate", "block_sparse_moe.gate", "feed_forward.router", "mlp.router", "router", "moe.gate")
"""Modules that pick experts."""


def gguf_name(name: str) -> str:
    """The name of a tensor of the language model as GGUF would have it, without ``blk.N.``."""
    words = name.split(".")
    numbered = "*" in words
    suffix = words[-1] if words[-1] in ("weight", "bias") else ""
    modules = words[:-1] if suffix else words
    if not numbered:
        found = STANDING.get(modules[-1])
        return f"{found}.{suffix or 'weight'}" if found else name
    inner = modules[modules.index("*") + 1 :] or modules[-1:]
    last = inner[-1]
    shown = IN_LAYER.get(last)
    if any(word in ("experts",) for word in inner) and shown:
        return f"{shown}_exps.{suffix or 'weight'}"
    if any(word in SHARED for word in inner) and shown:
        return f"{shown}_shexp.{suffix or 'weight'}"
    if ".".join(inner).endswith(ROUTERS):
        return f"ffn_gate_inp.{suffix or 'weight'}"
    plain = ".".join(word for word in inner if word != "*")
    return f"{shown}.{suffix or 'weight'}" if shown else plain + (f".{suffix}" if suffix else "")
