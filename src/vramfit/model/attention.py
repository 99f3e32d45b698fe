"""Tensors of one attention layer: MHA, GQA, MQA, cross-attention, MLA and DeepSeek-V4's compressed attention.

Every function returns the rows ``(name, shape, linear)`` of one layer, in the order in which llama.cpp writes them.
Shapes follow ggml: ``shape[0]`` is the number of inputs, ``shape[1]`` that of outputs. ``traits`` documents what adds or
removes rows.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Attention
    from vramfit.model.mixers import CompressedAttention, LatentAttention
    from vramfit.model.traits import Traits

    Row = tuple[str, tuple[int, ...], bool]


def linear(name: str, inputs: int, outputs: int, bias: bool = False) -> list[Row]:
    """Rows of an ``nn.Linear`` with ``inputs`` and ``outputs`` elements: its weight and, with ``bias``, its bias."""
    rows: list[Row] = [(f"{name}.weight", (inputs, outputs), True)]
    if bias:
        rows.append((f"{name}.bias", (outputs,), False))
    return rows


def norm(name: str, width: int, bias: bool = False) -> list[Row]:
    """Rows of an RMSNorm over ``width`` elements, or with ``bias`` of a LayerNorm."""
    rows: list[Row] = [(f"{name}.weight", (width,), False)]
    if bias:
        rows.append((f"{name}.bias", (width,), False))
    return rows


def attention(mixer: Attention, hidden: int, traits: Traits) -> list[Row]:
    """Rows of one layer of softmax attention on a residual stream of ``hidden`` elements."""
    prefix = "cross_attn" if mixer.kind == "cross" else "attn"
    query, key, value = (
        mixer.heads * mixer.head_dim,
        mixer.kv_heads * mixer.head_dim,
        mixer.kv_heads * mixer.value_dim,
    )
    bias = traits.qkv_bias
    owns = not mixer.shares_cache
    if traits.fused_qkv:
        rows = linear("attn_qkv", hidden, query + key + value, bias)
    else:
        rows = linear(f"{prefix}_q", hidden, query * (2 if traits.query_gate else 1), bias)
        if owns:
            rows += linear(f"{prefix}_k", hidden, key, bias and traits.k_bias)
            if not mixer.value_is_key:
                rows += linear(f"{prefix}_v", hidden, value, bias)
    rows += linear(f"{prefix}_output", mixer.heads * mixer.value_dim, hidden, traits.o_bias)
    per = traits.cross_qk_norm if mixer.kind == "cross" else traits.qk_norm
    if per:
        whole = per == "projection"
        rows += norm(f"{prefix}_q_norm", query if whole else mixer.head_dim, traits.qk_norm_bias)
        if owns:
            rows += norm(f"{prefix}_k_norm", key if whole else mixer.head_dim, traits.qk_norm_bias)
    if mixer.indexer_dim:
        # An indexer beside plain keys (transformers 5.24.0, MiniMaxM3VLIndexer): its queries come from the hidden state.
        rows += linear("indexer.attn_q", hidden, mixer.indexer_heads * mixer.indexer_dim)
        rows += linear("indexer.attn_k", hidden, mixer.indexer_dim)
        rows += norm("indexer.q_norm", mixer.indexer_dim) + norm("indexer.k_norm", mixer.indexer_dim)
    if mixer.kind in traits.sinks:
        rows.append(("attn_sinks.weight", (mixer.heads,), False))
    if traits.head_gate:
        rows += linear("attn_gate", hidden, mixer.heads)
    kernel = traits.attention_convolution
    if kernel:
        mixed = query + key
        rows += [("attn_conv1d.weight", (kernel, mixed), False), ("attn_conv1d.bias", (mixed,), False)]
        rows += [
            ("attn_conv_heads.weight", (kernel, mixer.head_dim, mixed), False),
            ("attn_conv_heads.bias", (mixed,), False),
        ]
        rows.append(("attn_temperature", (mixer.kv_heads,), False))
    if traits.attention_sub_norm:
        rows += norm("attn_sub_norm", mixer.heads * mixer.value_dim)
    if mixer.kind == "cross" and traits.cross_gates:
        rows += [("cross_attn_attn_gate.weight", (1,), False), ("cross_attn_mlp_gate.weight", (1,), False)]
    return rows


def latent_attention(mixer: LatentAttention, hidden: int, traits: Traits) -> list[Row]:
    """Rows of one layer of multi-head latent attention on a residual stream of ``hidden`` elements.

    The projection that expands the latent is one matrix, ``attn_kv_b``, like in Hugging Face files; GGUF splits it into
    ``attn_k_b`` and ``attn_v_b``, which together have the same size.
    """
    wide = mixer.heads * (mixer.nope_dim + mixer.rope_dim)
    bias = traits.qkv_bias
    if mixer.query_rank is None:
        rows = linear("attn_q", hidden, wide)
    else:
        rows = linear("attn_q_a", hidden, mixer.query_rank, bias)
        rows += norm("attn_q_a_norm", mixer.query_rank)
        rows += linear("attn_q_b", mixer.query_rank, wide)
    rows += linear("attn_kv_a_mqa", hidden, mixer.kv_rank + mixer.rope_dim, bias)
    rows += norm("attn_kv_a_norm", mixer.kv_rank)
    rows += linear("attn_kv_b", mixer.kv_rank, mixer.heads * (mixer.nope_dim + mixer.value_dim))
    rows += linear("attn_output", mixer.heads * mixer.value_dim, hidden, traits.o_bias)
    if traits.latent_gate:
        rows += linear("attn_gate", hidden, mixer.heads * mixer.value_dim)
    if mixer.indexer_dim and mixer.indexer_heads:
        # The lightning indexer (transformers, DeepseekV32Indexer): its queries come from the compressed query.
        rows += linear("indexer.attn_q_b", mixer.query_rank or hidden, mixer.indexer_heads * mixer.indexer_dim)
        rows += linear("indexer.attn_k", hidden, mixer.indexer_dim)
        rows += norm("indexer.k_norm", mixer.indexer_dim, bias=True)
        rows += linear("indexer.proj", hidden, mixer.indexer_heads)
    return rows


def compressed_attention(mixer: CompressedAttention, hidden: int) -> list[Row]:
    """Rows of one layer of DeepSeek-V4's compressed attention (transformers, modeling_deepseek_v4.py)."""
    query, width = mixer.heads * mixer.head_dim, mixer.head_dim
    rows: list[Row] = [("attn_sinks.weight", (mixer.heads,), False)]
    rows += linear("attn_q_a", hidden, mixer.query_rank) + norm("attn_q_a_norm", mixer.query_rank)
    rows += linear("attn_q_b", mixer.query_rank, query)
    rows += linear("attn_kv", hidden, width) + norm("attn_kv_norm", width)
    rows += linear("attn_output_a", query // mixer.output_groups, mixer.output_groups * mixer.output_rank)
    rows += linear("attn_output_b", mixer.output_groups * mixer.output_rank, hidden)
    if mixer.ratio:
        # With an indexer, each entry is computed from its own tokens and the group before them: twice the width.
        rows += _compressor("compressor", hidden, width, mixer.ratio, 2 if mixer.indexer_dim else 1)
    if mixer.indexer_dim and mixer.indexer_heads:
        rows += _compressor("indexer.compressor", hidden, mixer.indexer_dim, mixer.ratio, 2)
        rows += linear("indexer.attn_q_b", mixer.query_rank, mixer.indexer_heads * mixer.indexer_dim)
        rows += linear("indexer.proj", hidden, mixer.indexer_heads)
    return rows


def _compressor(name: str, hidden: int, width: int, ratio: int, overlap: int) -> list[Row]:
    """Rows of the network that turns ``ratio`` tokens into one entry of ``width`` elements."""
    rows: list[Row] = [(f"{name}.position_bias", (overlap * width, ratio), False)]
    rows += linear(f"{name}.kv", hidden, overlap * width) + linear(f"{name}.gate", hidden, overlap * width)
    return rows + norm(f"{name}.norm", width)
