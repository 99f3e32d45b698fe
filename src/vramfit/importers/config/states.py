"""What departs from the general rule of ``layers``: model types whose layers keep a state, or keep keys otherwise.

Each row is a model type of transformers 5.24.0 with formulas over its fields, read in its modelling file; a type without
a row whose fields speak of a state has no answer.
"""

from __future__ import annotations

from vramfit.importers.config import formulas
from vramfit.model.architecture import Attention, FixedState, LinearAttention, ShortConvolution, StateSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.config.section import Section
    from vramfit.model.architecture import Mixer

BLOCKERS = (
    "mamba_", "ssm_", "linear_", "conv_L_cache", "short_conv", "linear_attn_config", "lru_width", "n_recurrent_loops",
    "num_loops", "kv_source_layers", "sparse_index_dim", "sparse_attention_config", "index_head_dim", "state_size",
    "rescale_every", "conv_kernel",
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
"""Inner width, state, kernel, groups and heads of Mamba 2 layers."""

MAMBA1 = {
    "mamba": ("intermediate_size", "state_size", "conv_kernel"),
    "falcon_mamba": ("intermediate_size", "state_size", "conv_kernel"),
    "jamba": ("mamba_expand * hidden_size", "mamba_d_state", "mamba_d_conv"),
    "zamba": ("mamba_expand * hidden_size", "mamba_d_state", "mamba_d_conv"),
}
"""Inner width, state and kernel of Mamba layers."""

DELTA_NET = (
    "qwen3_next", "qwen3_5_text", "qwen3_5_moe_text", "olmo_hybrid", "minicpmv4_6_text", "minicpmv4_7_text",
)  # fmt: skip
"""Gated delta nets with the fields of Qwen3-Next."""
"""Types with a gated short convolution."""

WORDS = {
    "jamba": "'full_attention' if i % attn_layer_period == attn_layer_offset else 'linear_attention'",
    "mamba": "'linear_attention'",
    "falcon_mamba": "'linear_attention'",
    "mamba2": "'linear_attention'",
    "falcon_h1": "'hybrid'",
    "falcon": "'full_attention'",
}
"""Kinds of layers that the class works out itself."""


def words(section: Section, count: int) -> list[str] | None:
    """The kind of each layer where the type's class works it out; None where fields say it."""
    formula = WORDS.get(section.model_type or "")
    if formula is None:
        return None
    node = formulas.parse(formula)
    return [formulas.evaluate(node, section, layer) for layer in range(count)]


def mixers(section: Section, layer: int, word: str) -> tuple[Mixer, ...] | None:
    """What a layer of a type in the tables mixes tokens with; None where the general rule holds."""
    kind = section.model_type or ""
    if kind in MAMBA2 and word in ("linear_attention", "hybrid"):
        inner, state, conv, groups, heads = _numbers(section, MAMBA2[kind], layer)
        own = StateSpace("mamba2", inner, state, conv, groups, heads)
        if word == "hybrid":
            from vramfit.importers.config.layers import attention

            return (attention(section, layer, "full_attention"), own)
        return (own,)
    if kind in MAMBA1 and word in ("linear_attention", "hybrid"):
        inner, state, conv = _numbers(section, MAMBA1[kind], layer)
        return (StateSpace("mamba1", inner, state, conv),)
    if word == "linear_attention" and section("linear_num_value_heads") is not None:
        return (_delta_net(section, layer),)
    if word == "conv" and section("conv_L_cache") is not None:
        return (ShortConvolution(*_numbers(section, ("conv_L_cache",), layer)),)
    if word in ("full_attention", "sliding_attention") and (kind in MAMBA2 or kind in MAMBA1 or _known(section)):
        from vramfit.importers.config.layers import attention

        return (attention(section, layer, word),)
    return None


def _known(section: Section) -> bool:
    return section("linear_num_value_heads") is not None or section("conv_L_cache") is not None


def blocker(section: Section) -> str | None:
    """The first field that speaks of what the general rule does not cover, or None."""
    for name, value in section.raw.items():
        if value is not None and value is not False and name.startswith(BLOCKERS) and name != "index_head_dim":
            return name
    return None


def _delta_net(section: Section, layer: int) -> Mixer:
    fields = (
        "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim",
        "linear_conv_kernel_dim",
    )  # fmt: skip
    return LinearAttention("gated_delta_net", *_numbers(section, fields, layer))


def _numbers(section: Section, expressions: tuple[str, ...], layer: int) -> list[int]:
    """The values of formulas that must be whole numbers."""
    values = []
    for expression in expressions:
        value = formulas.evaluate(formulas.parse(expression), section, layer)
        if value is None:
            raise formulas.MissingField(expression)
        if not isinstance(value, int):
            raise ValueError(f"{expression} is not a number")
        values.append(value)
    return values


__all__ = ["Attention", "FixedState", "blocker", "mixers", "words"]
