"""Networks of layers by fields and by the tensors of the class, and what of a mixture a token passes."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.importers.config.model import read_config
from vramfit.importers.imported import count
from vramfit.model import active_parameters, parameters
from vramfit.model.architecture import Experts, FeedForward

NEMOTRON = {
    "architectures": ["NemotronHForCausalLM"], "model_type": "nemotron_h", "hybrid_override_pattern": "ME*-",
    "num_hidden_layers": 4, "hidden_size": 64, "intermediate_size": 96, "vocab_size": 128, "n_routed_experts": 4,
    "num_experts_per_tok": 1, "moe_intermediate_size": 32, "moe_shared_expert_intermediate_size": 48,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "mamba_num_heads": 4, "mamba_head_dim": 16,
    "ssm_state_size": 8, "n_groups": 1,
}  # fmt: skip
"""A small model with a layer of each kind."""


def networks(config: dict[str, Any]) -> dict[int, object]:
    found = read_config(config, "it", "It").model
    return {index: group.feed_forward for group in found.layers for index in group.indices}


def test_layers_of_one_half_have_the_network_their_word_says() -> None:
    """Mamba and attention none, the dense one and the mixture theirs, and neither gated, as their tensors show."""
    assert networks(NEMOTRON) == {
        0: None,
        1: Experts(4, 1, 32, 48, gated=False),
        2: None,
        3: FeedForward(96, gated=False),
    }


def test_fused_matrices_are_gated() -> None:
    config = {
        "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "num_hidden_layers": 2, "hidden_size": 64,
        "intermediate_size": 64, "num_local_experts": 4, "num_experts_per_tok": 2,
    }  # fmt: skip
    assert networks(config) == dict.fromkeys((0, 1), Experts(4, 2, 64))


@pytest.mark.parametrize(("active", "resting"), [(1, 3), (2, 2), (4, 0)])
def test_a_token_passes_the_active_experts(active: int, resting: int) -> None:
    """Of one mixture, with two matrices of 64 x 32 for each expert."""
    found = read_config({**NEMOTRON, "num_experts_per_tok": active}, "it", "It")
    assert found.tensors is not None
    count(found.model, found.tensors)
    assert parameters(found.model) - active_parameters(found.model) == resting * 2 * 64 * 32


def test_a_network_beside_experts_is_seen() -> None:
    """Gemma 4 26B: 2,112 wide, beside 8 of 128 experts of 704."""
    config = {
        "architectures": ["Gemma4ForConditionalGeneration"], "model_type": "gemma4",
        "text_config": {
            "model_type": "gemma4_text", "enable_moe_block": True, "num_hidden_layers": 1, "num_experts": 128,
            "top_k_experts": 8, "moe_intermediate_size": 704, "intermediate_size": 2112, "hidden_size": 2816,
            "layer_types": ["full_attention"], "hidden_size_per_layer_input": 0, "num_kv_shared_layers": 0,
        },
    }  # fmt: skip
    assert networks(config) == {0: Experts(128, 8, 704, dense_width=2112)}
