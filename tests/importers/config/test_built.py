"""Tensors of classes in the program's form, and traits read off them."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.importers.config.model import read_config
from vramfit.importers.config.section import Section
from vramfit.importers.config.tensors import tensors_of
from vramfit.importers.quant_config import expert_type_of, scheme_of

NATURAL = {
    "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "num_hidden_layers": 2, "hidden_size": 64,
    "moe_intermediate_size": 32, "num_experts": 4, "num_experts_per_tok": 2, "head_dim": 16, "vocab_size": 128,
    "num_attention_heads": 4, "num_key_value_heads": 2,
}  # fmt: skip
TURNED = {
    "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "num_hidden_layers": 2, "hidden_size": 64,
    "intermediate_size": 32, "num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 16, "vocab_size": 128,
    "num_attention_heads": 4, "num_key_value_heads": 2,
}  # fmt: skip
"""Classes that hold experts as ``nn.Linear`` does, and with inputs before outputs."""


def shapes(config: dict[str, Any], part: str) -> dict[str, tuple[int, ...]]:
    found = read_config(config, "it", "It").tensors
    assert found is not None
    return {tensor.name: tensor.shape for tensor in found if part in tensor.name}


def test_gate_and_up_of_experts_are_two() -> None:
    assert shapes(NATURAL, "_exps") == {
        "ffn_gate_exps.weight": (64, 32, 4),
        "ffn_up_exps.weight": (64, 32, 4),
        "ffn_down_exps.weight": (32, 64, 4),
    }


def test_experts_with_inputs_first_are_turned() -> None:
    assert shapes(TURNED, "_exps") == {
        "ffn_gate_exps.weight": (64, 32, 4),
        "ffn_up_exps.weight": (64, 32, 4),
        "ffn_down_exps.weight": (32, 64, 4),
        "ffn_gate_exps.bias": (32, 4),
        "ffn_up_exps.bias": (32, 4),
        "ffn_down_exps.bias": (64, 4),
    }


def test_routers_are_no_linear_layers_and_shapes_have_no_extents_of_one() -> None:
    config = {**NATURAL, "architectures": ["Qwen2MoeForCausalLM"], "model_type": "qwen2_moe"}
    found = read_config(config, "it", "It").tensors
    assert found is not None
    rows = {(tensor.name, tensor.shape, tensor.linear) for tensor in found if "_inp" in tensor.name}
    assert rows == {("ffn_gate_inp.weight", (64, 4), False), ("ffn_gate_inp_shexp.weight", (64,), False)}


def test_traits_are_read_off_the_tensors() -> None:
    traits = read_config(NATURAL, "it", "It").model.traits
    assert (traits.qk_norm, traits.qkv_bias, traits.expert_bias) == ("head", False, False)
    traits = read_config(TURNED, "it", "It").model.traits
    assert (traits.qk_norm, traits.qkv_bias, traits.expert_bias, traits.router_bias) == (None, True, True, True)


def test_a_window_that_is_not_used_is_none() -> None:
    """``__post_init__`` of Qwen2 and those made from it takes the field away, and with it the sliding layers."""
    stated = {"model_type": "qwen2", "num_hidden_layers": 3, "max_window_layers": 1, "sliding_window": 64}
    unused, used = Section(stated), Section({**stated, "use_sliding_window": True})
    assert (unused("sliding_window"), used("sliding_window")) == (None, 64)
    assert unused("layer_types") == ["full_attention"] * 3
    assert used("layer_types") == ["full_attention", "sliding_attention", "sliding_attention"]


@pytest.mark.parametrize(
    ("config", "settings", "found"),
    [
        ({"expert_dtype": "fp4"}, {"quant_method": "fp8", "weight_block_size": [128, 128]}, "mxfp4"),
        ({}, {"quant_method": "fp8", "expert_dtype": "fp4"}, "mxfp4"),
        ({"expert_dtype": "fp8"}, {"quant_method": "fp8"}, None),
        ({}, {"quant_method": "fp8"}, None),
        ({"expert_dtype": "fp4"}, {}, None),
        ({"expert_dtype": "fp4"}, {"quant_method": "fp8", "moe_quant_algo": "NVFP4"}, None),
    ],
)
def test_experts_of_a_checkpoint_of_8_bit_floats(
    config: dict[str, Any], settings: dict[str, Any], found: str | None
) -> None:
    assert expert_type_of(config, settings) == found


def test_a_mix_of_experts_and_the_rest_is_no_known_scheme() -> None:
    assert scheme_of({"quant_method": "fp8", "weight_block_size": [128, 128], "moe_quant_algo": "NVFP4"}) is None


BIASED = {
    "cohere": "CohereForCausalLM", "falcon_h1": "FalconH1ForCausalLM", "glm4_moe": "Glm4MoeForCausalLM",
    "granite": "GraniteForCausalLM", "olmo2": "Olmo2ForCausalLM", "phimoe": "PhimoeForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM", "sarvam_moe": "Glm4MoeForCausalLM", "smollm3": "SmolLM3ForCausalLM",
}  # fmt: skip
"""Classes whose projections have biases if ``attention_bias`` says so, and heads as wide as ``head_dim`` says."""


@pytest.mark.parametrize("head_dim", [None, 48])
@pytest.mark.parametrize("kind", BIASED)
def test_a_bias_is_as_long_as_its_projection_is_wide(kind: str, head_dim: int | None) -> None:
    """Heads need not be as wide as ``hidden_size / num_attention_heads`` (GLM-4.5: 96 heads of 128 for 5,120)."""
    config = {
        "model_type": kind, "hidden_size": 256, "num_attention_heads": 8, "num_key_value_heads": 2,
        "attention_bias": True, "head_dim": head_dim, "num_hidden_layers": 2, "num_experts": 4,
    }  # fmt: skip
    rows = tensors_of(Section(config), BIASED[kind])
    widths = {row.name.partition(".self_attn.")[2]: row.shape[0] for row in rows}
    expected = {"q_proj": 8 * (head_dim or 32), "k_proj": 2 * (head_dim or 32), "v_proj": 2 * (head_dim or 32)}
    for end in ("weight", "bias"):
        assert {name: widths[f"{name}.{end}"] for name in expected} == expected


FALCON_H1 = {
    "architectures": ["FalconH1ForCausalLM"], "model_type": "falcon_h1", "hidden_size": 512, "intermediate_size": 768,
    "head_dim": 64, "num_attention_heads": 8, "num_hidden_layers": 24, "num_key_value_heads": 2, "mamba_d_conv": 4,
    "mamba_d_head": 32, "mamba_d_ssm": 768, "mamba_d_state": 64, "mamba_n_groups": 1, "mamba_n_heads": 24,
    "max_position_embeddings": 262144, "tie_word_embeddings": True, "vocab_size": 32768,
}  # fmt: skip
"""``config.json`` of Falcon-H1 Tiny R 90M, which lists no kinds of layers: its class makes all of one kind."""


def test_layers_of_one_kind_need_no_list() -> None:
    layers = read_config(FALCON_H1, "it", "It").model.layers
    assert [(len(group.indices), [type(mixer).__name__ for mixer in group.mixers]) for group in layers] == [
        (24, ["Attention", "StateSpace"])
    ]


FALCON_2 = {
    "architectures": ["FalconForCausalLM"], "model_type": "falcon", "ffn_hidden_size": 16384, "hidden_size": 4096,
    "new_decoder_architecture": True, "num_attention_heads": 32, "num_hidden_layers": 60, "num_kv_heads": 8,
    "parallel_attn": True, "tie_word_embeddings": False, "vocab_size": 65024,
}  # fmt: skip


@pytest.mark.parametrize(("norms", "total"), [(1, 11_102_822_400), (None, 11_103_313_920)])
def test_falcon_has_one_norm_or_two_before_parallel_blocks(norms: int | None, total: int) -> None:
    """Falcon2 11B has one, and its published total is the first."""
    found = read_config({**FALCON_2, "num_ln_in_parallel_attn": norms}, "it", "It").tensors
    assert found is not None
    assert sum(tensor.parameters for tensor in found) == total
