"""GGUF's names of tensors from those in Hugging Face checkpoints: the tables and the rule.

GGUF's names are what the rest of the program writes tensors in (gguf-py ``constants.py`` ``TENSOR_NAMES``, ``tensor_mapping.py``
``TensorNameMap``), so a name found here makes a tensor one of a known role; any other keeps its own, which is no role.
Words are what modules of transformers, of the original Llama, GPT-2, BERT and T5 code and of published checkpoints have.
"""

from __future__ import annotations

from vramfit.importers.parts import LAYER_WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ATTENTION = {
    "q_proj": "q", "wq": "q", "query": "q", "q_lin": "q", "q": "q", "Wq": "q", "to_q": "q", "query_proj": "q",
    "k_proj": "k", "wk": "k", "key": "k", "k_lin": "k", "k": "k", "Wk": "k", "to_k": "k", "key_proj": "k",
    "v_proj": "v", "wv": "v", "value": "v", "v_lin": "v", "v": "v", "Wv": "v", "to_v": "v", "value_proj": "v",
    "o_proj": "output", "wo": "output", "out_proj": "output", "out_lin": "output", "dense": "output", "o": "output",
    "c_proj": "output", "Wo": "output", "proj": "output", "to_out": "output", "linear_attn": "output",
    "qkv_proj": "qkv", "query_key_value": "qkv", "c_attn": "qkv", "Wqkv": "qkv", "W_pack": "qkv", "qkv": "qkv",
    "wqkv": "qkv", "in_proj_qkv": "qkv", "in_proj_qkvz": "qkv",
    "q_norm": "q_norm", "q_layernorm": "q_norm", "query_layernorm": "q_norm",
    "k_norm": "k_norm", "k_layernorm": "k_norm", "key_layernorm": "k_norm",
    "q_a_proj": "q_a", "q_a_layernorm": "q_a_norm", "q_b_proj": "q_b", "wq_a": "q_a", "wq_b": "q_b",
    "kv_a_proj_with_mqa": "kv_a_mqa", "kv_a_layernorm": "kv_a_norm", "kv_b_proj": "kv_b",
    "g_proj": "gate", "gate_proj": "gate", "in_proj_z": "gate", "sinks": "sinks",
    "q_a_norm": "q_a_norm", "kv_proj": "kv", "kv_norm": "kv_norm", "o_a_proj": "output_a", "o_b_proj": "output_b",
}  # fmt: skip
"""Last word below an attention module, and what follows ``attn_`` in GGUF."""

INDEXER = {
    "wq_b": "attn_q_b", "q_b_proj": "attn_q_b", "q_proj": "attn_q", "wk": "attn_k", "k_proj": "attn_k",
    "k_norm": "k_norm", "q_norm": "q_norm", "weights_proj": "proj", "kv_proj": "compressor.kv",
    "gate_proj": "compressor.gate", "kv_norm": "compressor.norm", "position_bias": "compressor.position_bias",
}  # fmt: skip
"""Last word below an indexer, and what follows ``indexer.``; below a compressor it is what follows ``compressor.``."""

NETWORK = {
    "gate_proj": "gate", "w1": "gate", "wi_0": "gate", "gate": "gate",
    "up_proj": "up", "w3": "up", "wi_1": "up", "fc1": "up", "c_fc": "up", "dense_h_to_4h": "up", "fc_in": "up",
    "wi": "up", "lin1": "up", "linear_1": "up", "up": "up", "gate_up_proj": "up", "w13": "up", "Wi": "up",
    "down_proj": "down", "w2": "down", "fc2": "down", "c_proj": "down", "dense_4h_to_h": "down", "fc_out": "down",
    "fc11": "up", "fc12": "gate", "input_linear": "up", "output_linear": "down",
    "wo": "down", "lin2": "down", "linear_2": "down", "down": "down", "Wo": "down",
    "w13_weight": "up", "w2_weight": "down",
}  # fmt: skip
"""Last word below a feed-forward module or an expert, and what follows ``ffn_`` in GGUF; gate and up in one are ``up``."""

STATE = {
    "in_proj": "ssm_in", "conv1d": "ssm_conv1d", "x_proj": "ssm_x", "dt_proj": "ssm_dt", "A_log": "ssm_a", "D": "ssm_d",
    "out_proj": "ssm_out", "norm": "ssm_norm", "dt_bias": "ssm_dt.bias", "in_proj_ba": "ssm_ba", "in_proj_a": "ssm_alpha",
    "in_proj_b": "ssm_beta", "dt_layernorm": "ssm_dt_norm", "b_layernorm": "ssm_b_norm", "c_layernorm": "ssm_c_norm",
    "in_proj_qkv": "attn_qkv", "in_proj_qkvz": "attn_qkv", "in_proj_z": "attn_gate",
}  # fmt: skip
"""Last word below a Mamba mixer or a gated delta net."""

LAYER_NORMS = {
    "input_layernorm": "attn_norm", "ln_1": "attn_norm", "ln1": "attn_norm", "attention_norm": "attn_norm",
    "self_attn_layer_norm": "attn_norm", "attn_norm": "attn_norm", "norm1": "attn_norm", "operator_norm": "attn_norm",
    "ln_2": "ffn_norm", "ln2": "ffn_norm", "ffn_norm": "ffn_norm", "norm2": "ffn_norm", "final_layer_norm": "ffn_norm",
    "pre_feedforward_layernorm": "ffn_norm", "mlp_norm": "ffn_norm", "pre_mlp_layernorm": "ffn_norm",
    "pre_ff_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm", "post_mlp_layernorm": "post_ffw_norm",
    "post_self_attn_layernorm": "post_attention_norm", "encoder_attn_layer_norm": "cross_attn_norm", "norm": "attn_norm",
    "post_feedforward_layernorm_1": "post_ffw_norm_1", "post_feedforward_layernorm_2": "post_ffw_norm_2",
    "pre_feedforward_layernorm_2": "pre_ffw_norm_2",
}  # fmt: skip
"""Norms of a layer; ``post_attention_layernorm`` depends on what other norms the model has."""

TOP = {
    "embed_tokens": "token_embd", "wte": "token_embd", "word_embeddings": "token_embd", "embed_in": "token_embd",
    "tok_embeddings": "token_embd", "shared": "token_embd", "embed": "token_embd", "tok_embed": "token_embd",
    "token_embd": "token_embd", "embeddings": "token_embd", "embedding": "token_embd",
    "token_embedding": "token_embd", "word_embedding": "token_embd", "position_embedding": "position_embd",
    "lm_head": "output", "embed_out": "output", "unembed": "output", "output_layer": "output", "output": "output",
    "head": "output",
    "norm": "output_norm", "ln_f": "output_norm", "final_layer_norm": "output_norm", "final_layernorm": "output_norm",
    "norm_f": "output_norm", "final_norm": "output_norm", "ln_out": "output_norm", "embedding_norm": "output_norm",
    "embed_positions": "position_embd", "wpe": "position_embd", "position_embeddings": "position_embd",
    "token_type_embeddings": "token_types",
    "word_embeddings_layernorm": "token_embd_norm", "emb_ln": "token_embd_norm", "layernorm_embedding": "token_embd_norm",
    "embed_norm": "token_embd_norm", "tok_embd_norm": "token_embd_norm",
    "embed_tokens_per_layer": "per_layer_token_embd", "ngram_embedding": "per_layer_token_embd",
    "per_layer_model_projection": "per_layer_model_proj",
    "per_layer_projection_norm": "per_layer_proj_norm",
    "hc_fn": "output_hc_fn", "hc_base": "output_hc_base", "hc_scale": "output_hc_scale",
}  # fmt: skip
"""Last word of what stands outside the layers. GGUF has the table of n-grams under the name of that of embeddings by layer
(Qwen3.8-Flash-Next; ggml-org/llama.cpp pull request 27742)."""

POSITIONS = (
    "position_embedding", "position_embeddings", "pos_embed", "pos_emb", "position_embedding_table",
    "positional_embedding", "positional_embedding_vlm",
)  # fmt: skip
"""Last words of a tower's learned table of positions."""

ROLES = {
    "tid2eid": "ffn_gate_tid2eid", "fc1_latent_proj": "ffn_latent_down", "fc2_latent_proj": "ffn_latent_up",
    "per_expert_scale": "ffn_down_exps.scale",
}  # fmt: skip
"""Last words in a layer that say everything."""
BARE = (
    "ssm_a", "ssm_d", "ffn_gate_inp.scale", "ffn_down_exps.scale", "compressor.position_bias",
    "indexer.compressor.position_bias",
)  # fmt: skip
"""Names that have no ending."""
ROUTERS = ("gate", "router", "wg", "classifier", "gate_inp", "router_proj")
SHARED = ("shared_expert", "shared_experts", "share_expert", "shared_mlp", "shared_layer")
NETWORKS = (
    "mlp",
    "feed_forward",
    "ffn",
    "block_sparse_moe",
    "moe",
    "DenseReluDense",
    "mlp_block",
    "ff",
    "intermediate",
)
CROSS = ("cross_attn", "encoder_attn", "EncDecAttention", "crossattention", "cross_attention")
WRAPPERS = ("linear", "base_layer", "layer", "conv1d")
"""Last words of a module inside the module that is meant: ``q_proj.base_layer``, ``router.layer``."""
STATES = ("mixer", "mamba", "ssm", "linear_attn")
CORRECTIONS = ("e_score_correction_bias", "expert_bias", "balancing_biases", "router_bias")


def place(name: str) -> tuple[str, int | None, int | None, list[str]]:
    """Place of a tensor: the words before its layer's number joined, that number, its expert's, and what follows.

    ``model.layers.3.mlp.experts.7.up_proj.weight`` is ``("model.layers", 3, 7, ["mlp", "experts", "up_proj",
    "weight"])``; outside the layers the first is empty and the last the whole name.
    """
    words = name.split(".")
    for i in range(1, len(words)):
        if words[i].isdecimal() and words[i - 1] in LAYER_WORDS and len(words[i]) < 6:
            rest = words[i + 1 :]
            for j in range(1, len(rest)):
                if rest[j].isdecimal() and rest[j - 1] == "experts":
                    return ".".join(words[:i]), int(words[i]), int(rest[j]), rest[:j] + rest[j + 1 :]
            return ".".join(words[:i]), int(words[i]), None, rest
    return "", None, None, words


def gguf_name(rest: Sequence[str], in_layer: bool, sandwich: bool = False) -> str | None:
    """GGUF's name of a tensor of the language model, None where its role is not known.

    ``rest`` is what ``place`` leaves of a name; ``sandwich`` says that the model has norms behind attention and network
    besides those before them, as Gemma 2 and later have.
    """
    ending = rest[-1] if rest[-1] in ("weight", "bias") else ""
    words = list(rest[:-1]) if ending else list(rest)
    if "experts" in words and rest[-1].endswith("_bias"):  # a fused expert's: ``experts.down_proj_bias`` (gpt-oss)
        ending, words[-1] = "bias", rest[-1].removesuffix("_bias")
    if not words:
        return None
    if len(words) > 2 and words[-1] in WRAPPERS and words[-2] not in STATES:
        words.pop()
    found = _in_layer(words, ending, sandwich) if in_layer else TOP.get(_last(words))
    if found is None or found in BARE:
        return found
    return found if found.endswith((".bias", ".weight")) else f"{found}.{ending or 'weight'}"


def is_position_table(words: Sequence[str]) -> bool:
    """True if a tensor of a tower is its learned table of positions; ``words`` are those of its name."""
    return (words[-2] if words[-1] == "weight" and len(words) > 1 else words[-1]) in POSITIONS


def _last(words: Sequence[str]) -> str:
    """The last word, a norm's by its class: ``embeddings.LayerNorm`` is the embedding's."""
    if (
        words[-1] in ("LayerNorm", "norm", "layer_norm")
        and len(words) > 1
        and words[-2] in ("embeddings", "embed_tokens")
    ):
        return "embed_norm"
    return words[-1]


def _in_layer(words: list[str], ending: str, sandwich: bool) -> str | None:
    """The name without its ending of what stands in a layer."""
    last = words[-1]
    if last in CORRECTIONS:
        return "exp_probs_b.bias"
    if last == "layer_scalar":
        return "layer_output_scale"
    if last in ROLES:
        return ROLES[last]
    if words[-2:-1] in (["attn_hc"], ["ffn_hc"]):
        return f"hc_{words[-2].removesuffix('_hc')}_{last}"
    if words[-2:-1] == ["router"] and last in ("proj", "scale"):
        return "ffn_gate_inp" if last == "proj" else "ffn_gate_inp.scale"
    if "indexer" in words[:-1] or "compressor" in words[:-1]:
        part = INDEXER.get(last)
        return f"indexer.{part}" if part and "indexer" in words[:-1] else part
    if "experts" in words[:-1]:
        part = NETWORK.get(last)
        return f"ffn_{part}_exps" if part else None
    shared = any(word in SHARED for word in words)
    if last == "shared_expert_gate":
        return "ffn_gate_inp_shexp"
    if shared:
        part = NETWORK.get(last)
        return f"ffn_{part}_shexp" if part else None
    inside = words[:-1]
    if any(word in STATES for word in inside) or last in ("A_log", "dt_bias"):
        # Nemotron-H calls whatever a layer mixes with its ``mixer``, attention and experts too.
        own = STATE.get(last) or (f"attn_{ATTENTION[last]}" if last in ATTENTION else None)
        return own or ("ffn_gate_inp" if last in ROUTERS else f"ffn_{NETWORK[last]}" if last in NETWORK else None)
    if any(word in ("conv", "short_conv") for word in inside):
        return f"shortconv.{last}" if last in ("in_proj", "out_proj", "conv") else None
    if any(word in CROSS for word in inside):
        part = ATTENTION.get(last)
        return f"cross_attn_{part}" if part else None
    if any(_is_attention(word) for word in inside):
        if last in ("LayerNorm", "layer_norm"):
            return "attn_output_norm"
        part = ATTENTION.get(last)
        return f"attn_{part}" if part else None
    return _network_or_norm(words, last, inside, sandwich)


def _network_or_norm(words: list[str], last: str, inside: list[str], sandwich: bool) -> str | None:
    """GGUF's name of a tensor of a layer that is neither attention nor a state."""
    if last in ROUTERS and (not inside or inside[-1] in (*NETWORKS, *ROUTERS)) and (inside or last != "gate"):
        return "ffn_gate_inp"
    if inside[-1:] in (["output"], ["intermediate"]) and last == "dense":
        return "ffn_down" if inside[-1] == "output" else "ffn_up"
    if inside[-1:] == ["output"] and last in ("LayerNorm", "layer_norm"):
        return "layer_output_norm"
    if any(word in NETWORKS for word in inside) or (
        not inside and last in ("fc1", "fc2", "gate_proj", "up_proj", "down_proj")
    ):
        part = NETWORK.get(last)
        return f"ffn_{part}" if part else None
    if last == "post_attention_layernorm":
        return "post_attention_norm" if sandwich else "ffn_norm"
    return LAYER_NORMS.get(last) if len(words) == 1 else None


def _is_attention(word: str) -> bool:
    """True if a word names an attention module."""
    return word in (
        "attn",
        "attention",
        "self_attn",
        "self_attention",
        "SelfAttention",
        "self",
        "qkv_proj",
    ) or word.endswith(("_attn", "_attention"))
