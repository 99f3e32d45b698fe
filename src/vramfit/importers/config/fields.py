"""Table of the names under which configurations state one fact, the usual name first."""

from __future__ import annotations

from vramfit.importers.config.formulas import MissingField

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.importers.config.section import Section

NAMES: dict[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers", "num_decoder_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model", "dim", "model_dim", "n_embed", "embed_dim"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads"),
    "kv_heads": (
        "num_key_value_heads", "num_kv_heads", "n_kv_heads", "n_head_kv", "multi_query_group_num",
        "num_attention_groups", "attn_config.kv_n_heads", "decoder_num_key_value_heads",
    ),
    "head_dim": ("head_dim", "d_kv", "kv_channels", "dim_head", "attention_head_dim", "hidden_size_per_head"),
    "value_dim": ("v_head_dim", "swa_v_head_dim"),
    "ffn": ("intermediate_size", "ffn_dim", "n_inner", "d_ff", "ffn_hidden_size", "decoder_ffn_dim", "hidden_dim"),
    "experts": ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts"),
    "active": (
        "num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_topk", "moe_top_k", "moe_k",
        "num_selected_experts",
    ),
    "expert_width": ("moe_intermediate_size", "expert_ffn_hidden_size", "moe_ffn_hidden_size"),
    "shared_width": (
        "shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "shared_intermediate_size",
    ),
    "expert_latent": ("moe_latent_size",),
    "vocabulary": ("vocab_size", "padded_vocab_size", "decoder_vocab_size"),
    "kv_rank": ("kv_lora_rank",),
    "rope_dim": ("qk_rope_head_dim",),
    "nope_dim": ("qk_nope_head_dim",),
    "convolution": ("conv_L_cache", "conv_l_cache", "conv_kernel"),
}  # fmt: skip
CONTEXT = (
    "max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length", "max_target_positions",
    "max_sequence_len", "n_ctx",
)  # fmt: skip
"""Fields that state the longest sequence. The smallest stated value counts (vLLM 0.33.0 ``config.py``,
``_get_and_verify_max_len``)."""


def first(section: Section, names: tuple[str, ...], layer: int | None = None) -> Any:
    """Return the value of the first stated field among several, or None if none is stated."""
    for name in names:
        value = section(name, layer)
        if value is not None:
            return value
    return None


def whole(section: Section, fact: str, layer: int | None = None) -> int | None:
    """Return a fact that is a whole number, or None if it is not stated.

    A list states the fact layer by layer; its first entry is returned if no layer is asked for. Raises ``ValueError``
    for a value that is not a number of anything.
    """
    value = first(section, NAMES[fact], layer)
    if isinstance(value, list) and value:
        value = value[layer if layer is not None and layer < len(value) else 0]
    if value is None or isinstance(value, bool):
        return None
    if not isinstance(value, int) or not 0 <= value < 1 << 40:
        raise ValueError(f"{NAMES[fact][0]} is not a number")
    return value


def number(section: Section, fact: str, layer: int | None = None) -> int:
    """Return a fact that must be stated; raises ``MissingField`` with its usual name otherwise."""
    value = whole(section, fact, layer)
    if value is None:
        raise MissingField(NAMES[fact][0])
    return value
