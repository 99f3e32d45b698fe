"""Tensors of one layer that keeps a state instead of a cache: Mamba, linear attention, short convolution.

Functions return the rows ``(name, shape, linear)`` of one layer, with the names that llama.cpp gives them. ``traits``
documents what adds or removes rows.
"""

from __future__ import annotations

from vramfit.model.attention import linear, norm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.attention import Row
    from vramfit.model.mixers import LinearAttention, ShortConvolution, StateSpace
    from vramfit.model.traits import Traits


def state_space(mixer: StateSpace, hidden: int, traits: Traits) -> list[Row]:
    """Rows of one Mamba layer on a residual stream of ``hidden`` elements."""
    bias = traits.ssm_bias
    inner, state = mixer.inner, mixer.state
    if mixer.kind == "mamba1":
        rows = linear("ssm_in", hidden, 2 * inner, bias)
        rows += [("ssm_conv1d.weight", (mixer.conv, inner), False), ("ssm_conv1d.bias", (inner,), False)]
        rows += linear("ssm_x", inner, mixer.dt_rank + 2 * state)
        rows += linear("ssm_dt", mixer.dt_rank, inner, bias=True)
        if traits.ssm_norms:
            rows += norm("ssm_dt_norm", mixer.dt_rank) + norm("ssm_b_norm", state) + norm("ssm_c_norm", state)
        rows += [("ssm_a", (state, inner), False), ("ssm_d", (inner,), False)]
    else:
        mixed = inner + 2 * mixer.groups * state
        rows = linear("ssm_in", hidden, inner + mixed + mixer.heads, bias)
        rows += [("ssm_conv1d.weight", (mixer.conv, mixed), False), ("ssm_conv1d.bias", (mixed,), False)]
        rows += [("ssm_dt.bias", (mixer.heads,), False)]
        rows += [("ssm_a", (1, mixer.heads), False), ("ssm_d", (1, mixer.heads), False)]
        if traits.ssm_out_norm:
            rows.append(("ssm_norm.weight", (inner // mixer.groups, mixer.groups), False))
    return rows + linear("ssm_out", inner, hidden, bias)


def linear_attention(mixer: LinearAttention, hidden: int, traits: Traits) -> list[Row]:
    """Rows of one layer of linear attention on a residual stream of ``hidden`` elements."""
    key, value = mixer.key_heads * mixer.key_dim, mixer.value_heads * mixer.value_dim
    if mixer.kind == "gated_delta_net":
        rows = linear("attn_qkv", hidden, 2 * key + value) + linear("attn_gate", hidden, value)
        rows += [
            ("ssm_conv1d.weight", (mixer.conv, 2 * key + value), False),
            ("ssm_dt.bias", (mixer.value_heads,), False),
            ("ssm_a", (mixer.value_heads,), False),
        ]
        if traits.split_gates:
            rows += linear("ssm_beta", hidden, mixer.value_heads) + linear("ssm_alpha", hidden, mixer.value_heads)
        else:
            rows += linear("ssm_ba", hidden, 2 * mixer.value_heads)
        return rows + norm("ssm_norm", mixer.value_dim) + linear("ssm_out", value, hidden)
    if mixer.kind == "kda":
        rows = linear("attn_q", hidden, key) + linear("attn_k", hidden, key) + linear("attn_v", hidden, value)
        for part, width in (("q", key), ("k", key), ("v", value)):
            rows.append((f"ssm_conv1d_{part}.weight", (mixer.conv, width), False))
        rows += linear("ssm_f_a", hidden, mixer.key_dim) + linear("ssm_f_b", mixer.key_dim, key)
        rows += [("ssm_dt.bias", (key,), False), ("ssm_a", (1, mixer.key_heads), False)]
        rows += linear("ssm_beta", hidden, mixer.key_heads)
        if traits.full_rank_gate:
            rows += linear("attn_gate", hidden, value)
        else:
            rows += linear("ssm_g_a", hidden, mixer.value_dim) + linear("ssm_g_b", mixer.value_dim, value)
        return rows + norm("ssm_norm", mixer.value_dim) + linear("attn_output", value, hidden)
    rows = linear("attn_qkv", hidden, 2 * key + value) + linear("attn_gate", hidden, value)
    if traits.qk_norm == "head":  # of Ling 2.6 (mlx-lm 0.32.2 models/bailing_hybrid.py LinearAttention), not of MiniMax
        rows += norm("attn_q_norm", mixer.key_dim) + norm("attn_k_norm", mixer.key_dim)
    return rows + norm("attn_sub_norm", value) + linear("attn_output", value, hidden)


def short_convolution(mixer: ShortConvolution, hidden: int) -> list[Row]:
    """Rows of one gated short convolution on a residual stream of ``hidden`` elements."""
    rows = linear("shortconv.in_proj", hidden, 3 * hidden)
    rows.append(("shortconv.conv.weight", (mixer.kernel, hidden), False))
    return rows + linear("shortconv.out_proj", hidden, hidden)
