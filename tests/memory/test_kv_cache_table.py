"""What a token or a sequence costs under every kind of attention in the catalogue, written out from the configuration.

Each figure is a closed form over the numbers of the model's ``config.json`` in the repository named, in the layout of
transformers 5.23 ``cache_utils.py`` and llama.cpp ``src/llama-hparams.cpp`` (``n_embd_k_gqa``, ``n_embd_r``,
``n_embd_s``). Two bytes an element, but for recurrent states, which are counted in elements.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.each import each
from vramfit.memory.kv_cache import Cache, caches, row_bytes
from vramfit.model.architecture import Attention
from vramfit.model.mixers import LinearAttention, StateSpace
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.model import Model


@cache
def model(name: str) -> Model:
    return open_catalogue().model(name)


def kinds(name: str) -> dict[str, list[Cache]]:
    """The caches of a model by their kind."""
    found: dict[str, list[Cache]] = {}
    for one in caches(model(name)):
        found.setdefault(one.kind, []).append(one)
    return found


TOKENS = [
    # Multi-head: K and V of every head.
    ("llama-2-13b", "full", 40, 2 * 40 * 128 * 2),  # meta-llama/Llama-2-13b-hf: 40 heads of 128
    ("llama-2-7b", "full", 32, 2 * 32 * 128 * 2),  # meta-llama/Llama-2-7b-hf
    # Grouped queries: K and V of the KV heads; the head's own width, which is not hidden / heads in Qwen3.
    ("llama-3.1-8b", "full", 32, 2 * 8 * 128 * 2),  # meta-llama/Llama-3.1-8B
    ("qwen3-30b-a3b", "full", 48, 2 * 4 * 128 * 2),  # Qwen/Qwen3-30B-A3B: head_dim 128, hidden / heads 64
    ("falcon-40b", "full", 60, 2 * 8 * 64 * 2),  # tiiuae/falcon-40b: num_kv_heads 8
    # Multi-query: one KV head for all.
    ("falcon-7b", "full", 32, 2 * 1 * 64 * 2),  # tiiuae/falcon-7b: multi_query, 71 heads of 64
    # Latent: 512 and the rotary key of 64, once for all heads, and no V (DeepSeek-V2, arXiv 2405.04434, section 2.1).
    ("deepseek-v3", "latent", 61, (512 + 64) * 2),  # deepseek-ai/DeepSeek-V3: kv_lora_rank, qk_rope_head_dim
    ("kimi-k2", "latent", 61, (512 + 64) * 2),  # moonshotai/Kimi-K2-Instruct
    # The sparse-attention indexer keeps a key of 128 beside the latent (deepseek-ai/DeepSeek-V3.2: index_head_dim).
    ("deepseek-v3.2", "latent", 61, (512 + 64 + 128) * 2),
    ("glm-5", "latent", 78, (512 + 64 + 128) * 2),  # zai-org/GLM-5
    # Sliding windows: the same row, kept for the window only.
    ("gemma-3-27b", "sliding", 52, 2 * 16 * 128 * 2),  # google/gemma-3-27b-it: sliding_window_pattern 6
    ("gemma-3-27b", "full", 10, 2 * 16 * 128 * 2),
    ("gpt-oss-20b", "sliding", 12, 2 * 8 * 64 * 2),  # openai/gpt-oss-20b: layer_types alternate
    ("gpt-oss-20b", "full", 12, 2 * 8 * 64 * 2),
    ("mistral-7b-v0.1", "sliding", 32, 2 * 8 * 128 * 2),  # mistralai/Mistral-7B-v0.1: sliding_window 4096
    # Chunks: Llama 4 attends within the current 8192 tokens in three layers of four (no_rope_layers).
    ("llama-4-scout", "chunked", 36, 2 * 8 * 128 * 2),  # meta-llama/Llama-4-Scout-17B-16E
    ("llama-4-scout", "full", 12, 2 * 8 * 128 * 2),
    # Cross-attention: K and V of the encoder's states, per state and not per token of the text.
    ("llama-3.2-11b-vision", "cross", 8, 2 * 8 * 128 * 2),  # meta-llama/Llama-3.2-11B-Vision: cross_attention_layers
    ("whisper-large-v3", "cross", 32, 2 * 20 * 64 * 2),  # openai/whisper-large-v3: 20 heads of 64
    # Shared: of Gemma 3n E4B's 35 layers the last 15 read the cache of earlier ones (num_kv_shared_layers).
    ("gemma-3n-e4b", "sliding", 16, 2 * 2 * 256 * 2),  # google/gemma-3n-E4B-it: one full layer in five
    ("gemma-3n-e4b", "full", 4, 2 * 2 * 256 * 2),
    # Gemma 4's full layers have wider heads (google/gemma-4-E4B-it: global_head_dim 512); 18 of 42 layers share.
    ("gemma-4-e4b", "sliding", 20, 2 * 2 * 256 * 2),
    ("gemma-4-e4b", "full", 4, 2 * 2 * 512 * 2),
    # Hybrids: the attention layers among recurrent ones.
    ("qwen3-next-80b-a3b", "full", 12, 2 * 2 * 256 * 2),  # Qwen/Qwen3-Next-80B-A3B-Instruct: one layer in four
    ("kimi-linear-48b-a3b", "latent", 7, (512 + 64) * 2),  # moonshotai/Kimi-Linear-48B-A3B-Instruct: 20 of 27 are KDA
    ("minimax-text-01", "full", 10, 2 * 8 * 128 * 2),  # MiniMaxAI/MiniMax-Text-01: attn_type_list, one in eight
    ("lfm2-1.2b", "full", 6, 2 * 8 * 64 * 2),  # LiquidAI/LFM2-1.2B: full_attn_idxs
    ("jamba-v0.1", "full", 4, 2 * 8 * 128 * 2),  # ai21labs/Jamba-v0.1: attn_layer_period 8
    ("falcon-h1-7b", "full", 44, 2 * 2 * 128 * 2),  # tiiuae/Falcon-H1-7B-Base: attention beside Mamba in every layer
]


@pytest.mark.parametrize(("name", "kind", "layers", "per_layer"), TOKENS)
def test_bytes_of_a_token_in_one_layer(name: str, kind: str, layers: int, per_layer: int) -> None:
    """And how many layers of the kind own a cache."""
    found = kinds(name)[kind]
    widths = {sum(row_bytes(w, "f16") for w in (one.key_width, one.value_width, one.index_width)) for one in found}

    assert (layers, {per_layer}) == (sum(len(one.layers) for one in found), widths)


STATES = [
    # Mamba: the last d_conv - 1 inputs, and d_state for each of d_inner channels.
    ("mamba-2.8b", 64, 3 * 5120, 16 * 5120),  # state-spaces/mamba-2.8b-hf
    ("jamba-v0.1", 28, 3 * 8192, 16 * 8192),  # ai21labs/Jamba-v0.1: expand 2, 28 of 32 layers
    # Mamba 2: B and C of each group pass the convolution too.
    ("mamba2-2.7b", 64, 3 * (5120 + 2 * 1 * 128), 128 * 5120),  # state-spaces/mamba2-2.7b
    ("falcon-h1-7b", 44, 3 * (3072 + 2 * 1 * 256), 256 * 3072),  # tiiuae/Falcon-H1-7B-Base: mamba_d_ssm, mamba_d_state
    ("granite-4.0-h-small", 36, 3 * (8192 + 2 * 1 * 128), 128 * 8192),  # ibm-granite/granite-4.0-h-small
    # Gated delta net: queries and keys of 16 heads, values of 32, of 128; one 128 x 128 matrix for each value head.
    ("qwen3-next-80b-a3b", 36, 3 * (2 * 16 * 128 + 32 * 128), 32 * 128 * 128),  # Qwen/Qwen3-Next-80B-A3B-Instruct
    # Kimi delta attention: three convolutions over 32 heads of 128.
    ("kimi-linear-48b-a3b", 20, 3 * 3 * 32 * 128, 32 * 128 * 128),  # moonshotai/Kimi-Linear-48B-A3B-Instruct
    # Lightning attention: 64 heads of 128 and no convolution.
    ("minimax-text-01", 70, 0, 64 * 128 * 128),  # MiniMaxAI/MiniMax-Text-01
    # Convolutions over queries and keys beside attention: two columns of 10 heads of 128, and half a token's values.
    ("zaya1-base", 40, 0, 2 * 10 * 128 + 128),  # Zyphra/ZAYA1-base: cca_time0, cca_time1
    # Short convolution: conv_L_cache 3, so two inputs of the hidden width; nothing else.
    ("lfm2-1.2b", 10, 2 * 2048, 0),  # LiquidAI/LFM2-1.2B
]


@pytest.mark.parametrize(("name", "layers", "convolution", "recurrent"), STATES)
def test_elements_of_a_sequence_in_one_recurrent_layer(
    name: str, layers: int, convolution: int, recurrent: int
) -> None:
    """Whatever the length of the sequence, and no bytes per token."""
    found = kinds(name)["state"]

    assert layers == sum(len(one.layers) for one in found)
    assert {(convolution, recurrent)} == {(one.convolution_elements, one.recurrent_elements) for one in found}
    assert {0} == {one.key_width + one.value_width + one.index_width for one in found}


@pytest.mark.parametrize(
    ("name", "kind", "window"),
    [
        ("gemma-3-27b", "sliding", 1024),
        ("gpt-oss-20b", "sliding", 128),
        ("gemma-2-9b", "sliding", 4096),
        ("mistral-7b-v0.1", "sliding", 4096),
        ("gemma-3n-e4b", "sliding", 512),
        ("llama-4-scout", "chunked", 8192),
        ("llama-3.1-8b", "full", None),
        ("deepseek-v3", "latent", None),
    ],
)
def test_tokens_kept(name: str, kind: str, window: int | None) -> None:
    """All of them, or those of the window (sliding_window, attention_chunk_size)."""
    for one in each(kinds(name)[kind]):
        assert 100 == one.tokens_kept(100)
        assert (10**6 if window is None else window) == one.tokens_kept(10**6)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("deepseek-v4-flash", {0: 2, 4: 21, 128: 20}),
        ("deepseek-v4-pro", {4: 30, 128: 31}),
    ],
)
def test_compressed_attention(name: str, layers: dict[int, int]) -> None:
    """DeepSeek-V4: one entry of 512 for key and value, 128 plain tokens, and behind them one for each 4 or 128.

    The entries of four are picked by an indexer, whose key of 128 each of them has beside it (deepseek-ai/DeepSeek-V4-Flash
    and -Pro: head_dim, sliding_window, compress_ratios, index_head_dim).
    """
    found = kinds(name)["compressed"]

    assert layers == {one.ratio: sum(len(o.layers) for o in found if o.ratio == one.ratio) for one in found}
    for one in found:
        assert (512, 0, 128 if one.ratio == 4 else 0) == (one.key_width, one.value_width, one.index_width)
        assert 100 + (100 // one.ratio if one.ratio else 0) == one.tokens_kept(100)
        assert 128 + (65536 // one.ratio if one.ratio else 0) == one.tokens_kept(65536)


def test_every_kind_of_the_catalogue_has_a_row() -> None:
    """A model with attention of a new kind brings its own closed form here."""
    told = {kind for _, kind, _, _ in TOKENS} | {"compressed", "state"}
    recurrent = {_word(mixer) for name, *_ in STATES for group in model(name).layers for mixer in group.mixers}
    for row in each(open_catalogue().model_rows()):
        assert {one.kind for one in caches(model(row.id))} <= told, row.id
        for group in model(row.id).layers:
            for mixer in group.mixers:
                assert isinstance(mixer, Attention) or _word(mixer) in recurrent | {
                    "LatentAttention",
                    "CompressedAttention",
                }, row.id


def _word(mixer: object) -> str:
    """What a mixer is, to the kind of its recurrence."""
    return mixer.kind if isinstance(mixer, StateSpace | LinearAttention) else type(mixer).__name__


def test_encoders_keep_nothing() -> None:
    """BAAI/bge-m3 reads its input once, in both directions."""
    assert caches(model("bge-m3")) == ()
