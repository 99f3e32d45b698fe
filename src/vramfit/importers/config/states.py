"""Departures from the general rule of ``layers``: model types whose layers keep a state, or keep keys in another form.

Each row is a model type of transformers 5.24.0 with formulas over its fields, which were read in its modelling file. A
type without a row has no answer if its fields speak of a state.
"""

from __future__ import annotations

from vramfit.importers.config import formulas
from vramfit.importers.config.heads import INDEXED_BESIDE_KEYS, attention, sliding
from vramfit.model.architecture import Attention
from vramfit.model.mixers import CompressedAttention, FixedState, LinearAttention, ShortConvolution, StateSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.config.section import Section
    from vramfit.model.mixers import Mixer

BLOCKERS = (
    "mamba_", "ssm_", "linear_", "conv_L_cache", "short_conv", "linear_attn_config", "lru_width", "n_recurrent_loops",
    "num_loops", "kv_source_layer", "sparse_index_dim", "sparse_attention_config", "index_head_dim", "state_size",
    "rescale_every", "conv_kernel", "loop_num_passes", "recurrent_", "prompt_length",
)  # fmt: skip
"""Beginnings of fields that speak of a state, of loops over layers, of borrowed caches or of an indexer."""

MAMBA2 = {
    "bamba": ("mamba_n_heads * mamba_d_head", "mamba_d_state", "mamba_d_conv", "mamba_n_groups", "mamba_n_heads"),
    "granitemoehybrid": ("mamba_expand * hidden_size", "mamba_d_state", "mamba_d_conv", "mamba_n_groups", "mamba_n_heads"),
    "falcon_h1": (
        "int(mamba_expand * hidden_size) if mamba_d_ssm is None else mamba_d_ssm",
        "mamba_d_state", "mamba_d_conv", "mamba_n_groups", "mamba_n_heads",
    ),
    "nemotron_h": ("mamba_num_heads * mamba_head_dim", "ssm_state_size", "conv_kernel", "n_groups", "mamba_num_heads"),
    "zamba2": ("int(mamba_expand * hidden_size)", "mamba_d_state", "mamba_d_conv", "mamba_ngroups", "n_mamba_heads"),
    "mamba2": ("num_heads * head_dim", "state_size", "conv_kernel", "n_groups", "num_heads"),
}  # fmt: skip
"""Formulas for the inner width, state, kernel, groups and heads of Mamba 2 layers."""

MAMBA1 = {
    "mamba": ("intermediate_size", "state_size", "conv_kernel"),
    "falcon_mamba": ("intermediate_size", "state_size", "conv_kernel"),
    "jamba": ("mamba_expand * hidden_size", "mamba_d_state", "mamba_d_conv"),
    "zamba": ("mamba_expand * hidden_size", "mamba_d_state", "mamba_d_conv"),
}
"""Formulas for the inner width, state and kernel of Mamba layers."""

DELTA_NET = (
    "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim",
    "linear_conv_kernel_dim",
)  # fmt: skip
"""Fields of gated delta nets (Qwen3-Next and those that follow it)."""

KIMI_DELTA = ("kimi_linear", "bailing_hybrid", "glm5_next_text")
"""Types with Kimi Delta Attention: one convolution over queries, keys and values side by side, and a state by head."""

FIXED = {
    "rwkv": {"channels": "hidden_size", "conv": "2", "elements": "3 * attention_hidden_size", "element_bytes": "4"},
    "xlstm": {
        "elements": "num_heads * ((qk_head_dim + 0) * v_head_dim + qk_head_dim + 1)",
    },
}  # fmt: skip
"""States of layers that have no other token mixer, by model type."""

CONVOLUTIONS = ("inkling_text", "inkling2_text", "inkling2_loop_text")
"""Types with four convolutions beside attention, in FP32: over keys, over values, and two over the residual stream."""

LOOPED = {
    "inkling2_loop_text": "loop_num_passes if loop_layer_index_start <= i and i < loop_layer_index_end else 1",
    "dory": (
        "n_recurrent_loops if recurrent_kv_cache_mode == 'per_loop' and n_input_layers <= i "
        "and i < n_input_layers + n_recurrent_layers else 1"
    ),
}
"""Formulas for the number of caches of a layer that runs several times, or attends twice."""

KNOWN = (
    *MAMBA2, *MAMBA1, *FIXED, *CONVOLUTIONS, *INDEXED_BESIDE_KEYS, *LOOPED, *KIMI_DELTA, "deepseek_v4", "deepseek_v41_text",
    "mistral_large4_text", "minicpm_sala", "zaya", "dots3_note_text", "cpmant", "mimo_v2_flash", "lfm2", "lfm2_moe", "lfm3",
    "lfm3_text", "deepseek_v32", "glm_moe_dsa", "longcat_flash", "recurrent_gemma", "speech_to_text", "mllama_text_model",
)  # fmt: skip
"""Types whose fields speak of a state, and which have a rule here or follow the general one."""

OPEN = {"dory": "recurrent_kv_cache_mode != 'per_loop'", "xlnet": "True"}
"""Types whose caches are unknown for some values of their fields: those for which the formula holds."""


def mixers(section: Section, layer: int, word: str) -> tuple[Mixer, ...] | None:
    """Return the token mixers of a layer of a type in the tables; None if the general rule holds."""
    kind = section.model_type or ""
    if kind in OPEN and formulas.holds(formulas.parse(OPEN[kind]), section):
        return None
    own = _own(section, layer, word)
    times = LOOPED.get(section.model_type or "")
    if times is None:
        return own
    if own is None:
        own = (attention(section, layer, word),)
    return own * _numbers(section, (times,), layer)[0]


def _own(section: Section, layer: int, word: str) -> tuple[Mixer, ...] | None:
    """Return the token mixers of one pass through a layer; None if the general rule holds."""
    kind = section.model_type or ""
    if kind in MAMBA2 and word in ("linear_attention", "hybrid"):
        inner, state, conv, groups, heads = _numbers(section, MAMBA2[kind], layer)
        mamba = StateSpace("mamba2", inner, state, conv, groups, heads)
        return (attention(section, layer, "full_attention"), mamba) if word == "hybrid" else (mamba,)
    if kind in MAMBA1 and word in ("linear_attention", "hybrid"):
        inner, state, conv = _numbers(section, MAMBA1[kind], layer)
        first = StateSpace("mamba1", inner, state, conv)
        return (attention(section, layer, "full_attention"), first) if word == "hybrid" else (first,)
    if kind in KIMI_DELTA and word == "linear_attention":
        heads, dim, conv = _numbers(section, ("linear_num_heads", "linear_head_dim", "linear_conv_kernel_dim"), layer)
        return (LinearAttention("kda", heads, heads, dim, dim, conv),)
    if word == "linear_attention" and section("linear_num_value_heads") is not None:
        return (LinearAttention("gated_delta_net", *_numbers(section, DELTA_NET, layer)),)
    if word == "conv" and section("conv_L_cache") is not None:
        return (ShortConvolution(*_numbers(section, ("conv_L_cache",), layer)),)
    if kind in FIXED:
        return (FixedState(kind, **{f: _numbers(section, (x,), layer)[0] for f, x in FIXED[kind].items()}),)
    return _beside(section, kind, layer, word)


def _beside(section: Section, kind: str, layer: int, word: str) -> tuple[Mixer, ...] | None:
    """Return attention with a state beside it, or attention that departs from the general rule; None for other types."""
    if kind in CONVOLUTIONS:
        mixer = sliding(section, layer) if word == "hybrid_sliding" else attention(section, layer, word)
        if not isinstance(mixer, Attention):
            raise ValueError("latent attention beside convolutions")
        channels = 2 * (mixer.kv_heads * mixer.head_dim) + 2 * _numbers(section, ("hidden_size",), layer)[0]
        kernel = _numbers(section, ("conv_kernel_size",), layer)[0]
        return (mixer, FixedState("convolutions", channels, kernel, conv_bytes=4))
    if kind == "zaya":
        own = attention(section, layer, "full_attention")
        past = "(num_attention_heads + num_key_value_heads) * head_dim * (cca_time0 + cca_time1 - 2)"
        elements = _numbers(section, (f"{past} + num_key_value_heads * head_dim // 2",), layer)[0]
        return (own, FixedState("convolutions", elements=elements))
    if kind == "cpmant":
        own = attention(section, layer, "full_attention")
        prompt = "2 * prompt_length * num_attention_heads * dim_head"
        return (own, FixedState("prompt", elements=_numbers(section, (prompt,), layer)[0]))
    if kind == "mimo_v2_flash" and word == "sliding_attention":
        return (sliding(section, layer, "2 * num_key_value_heads"),)
    if kind == "minicpm_sala" and word == "linear_attention":
        # Lightning attention keeps its matrices in FP32 (SGLang's start-up log of MiniCPM-SALA: 0.98 GB for 21 slots).
        matrix = "lightning_nkv * lightning_head_dim ** 2"
        return (FixedState("lightning", elements=_numbers(section, (matrix,), layer)[0], element_bytes=4),)
    if kind == "deepseek_v4":
        return (_compressed(section, layer, word),)
    if kind == "deepseek_v41_text":
        return (_compressed_once(section, layer),)
    return None


def _compressed(section: Section, layer: int, word: str) -> CompressedAttention:
    """Return the attention of DeepSeek-V4."""
    heads, width, rank, window, groups, low = _numbers(
        section,
        ("num_attention_heads", "head_dim", "q_lora_rank", "sliding_window", "o_groups", "o_lora_rank"),
        layer,
    )
    if word == "sliding_attention":
        return CompressedAttention(heads, width, rank, window, 0, groups, low)
    if word not in ("compressed_sparse_attention", "heavily_compressed_attention"):
        raise ValueError(f"{word} is no kind of layer of this type")
    ratio = _numbers(section, (f"compress_rates.{word}",), layer)[0]
    if word == "heavily_compressed_attention":
        return CompressedAttention(heads, width, rank, window, ratio, groups, low)
    index = _numbers(section, ("index_head_dim", "index_n_heads"), layer)
    return CompressedAttention(heads, width, rank, window, ratio, groups, low, *index)


def _compressed_once(section: Section, layer: int) -> CompressedAttention:
    """Return the attention of DeepSeek-V4.1, of which a few layers compress tokens and the others read their entries.

    Each layer keeps a window of its own. Its entries, and the keys that select among them, are those of the last layer
    that ``kv_source_layer_ids`` names (vLLM 0.33.0 ``models/deepseek_v41/attention.py``, ``get_kv_cache_spec``).
    """
    fields = ("num_attention_heads", "head_dim", "q_lora_rank", "sliding_window", "o_groups", "o_lora_rank")
    heads, width, rank, window, groups, low = _numbers(section, fields, layer)
    if not formulas.holds(formulas.parse("i in kv_source_layer_ids"), section, layer):
        return CompressedAttention(heads, width, rank, window, 0, groups, low)
    ratio, *index = _numbers(section, ("compress_ratios[i]", "index_head_dim", "index_n_heads"), layer)
    return CompressedAttention(heads, width, rank, window, ratio, groups, low, *index)


def blocker(section: Section) -> str | None:
    """Return the first field that speaks of something the general rule does not cover, or None."""
    kind = section.model_type or ""
    if kind in OPEN and formulas.holds(formulas.parse(OPEN[kind]), section):
        return OPEN[kind]
    if kind in KNOWN or section("linear_num_value_heads") is not None:
        return None
    for name, value in section.raw.items():
        if value not in (None, False, [], 0) and name.startswith(BLOCKERS):
            latent = name == "index_head_dim" and section("kv_lora_rank") is not None
            if not latent:
                return name
    return None


def _numbers(section: Section, expressions: tuple[str, ...], layer: int) -> list[int]:
    """Evaluate formulas whose values must be whole numbers."""
    values = []
    for expression in expressions:
        value = formulas.evaluate(formulas.parse(expression), section, layer)
        if value is None:
            raise formulas.MissingField(expression)
        if not isinstance(value, int):
            raise ValueError(f"{expression} is not a number")
        values.append(value)
    return values
