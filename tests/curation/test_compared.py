"""The comparison of an entry with a copy of its configuration finds what differs, and nothing else."""

from __future__ import annotations

from tests.curation.compared import differences

ZEPHYR = {
    "architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336,
    "max_position_embeddings": 32768, "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
    "sliding_window": 4096, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "vocab_size": 32000,
}  # fmt: skip
"""``config.json`` of HuggingFaceH4/zephyr-7b-beta, as kept in tikun-technologies/MF2-BACKEND (7b267a4)."""
BGE = {
    "architectures": ["BertModel"], "model_type": "bert", "dtype": "float32", "hidden_size": 1024,
    "intermediate_size": 4096, "max_position_embeddings": 512, "num_attention_heads": 16, "num_hidden_layers": 24,
    "type_vocab_size": 2, "vocab_size": 21128,
}  # fmt: skip
"""``config.json`` of BAAI/bge-large-zh-v1.5, as kept in fengzhengxiong/nano_rag (eeb89d3)."""
STABLELM = {
    "architectures": ["StableLmForCausalLM"], "model_type": "stablelm", "hidden_size": 5120, "intermediate_size": 13824,
    "max_position_embeddings": 4096, "num_attention_heads": 32, "num_hidden_layers": 40, "num_key_value_heads": 8,
    "qk_layernorm": True, "use_parallel_residual": True, "use_qkv_bias": False, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16", "vocab_size": 100352,
}  # fmt: skip
"""``config.json`` of stabilityai/stablelm-2-12b (74dd3f5)."""


def test_an_entry_agrees_with_its_copy() -> None:
    assert differences("zephyr-7b", ZEPHYR) == {}
    assert differences("bge-large-zh-v1.5", BGE) == {}
    assert differences("stablelm-2-12b", STABLELM) == {}


def test_what_differs_is_named_with_both_values() -> None:
    assert differences("zephyr-7b", {**ZEPHYR, "vocab_size": 32002, "max_position_embeddings": 8192}) == {
        "vocab": (32000, 32002),
        "context": (32768, 8192),
        "parameters": (7_241_732_096, 7_241_748_480),
    }
    assert set(differences("zephyr-7b", {**ZEPHYR, "num_key_value_heads": 32})) == {"layers", "parameters"}


def test_per_head_norms_are_those_of_their_own_heads() -> None:
    """The published total of StableLM 2 12B: 8 of its 32 heads have keys, each with a norm of its own."""
    untied = differences("stablelm-2-12b", {**STABLELM, "qk_layernorm": False})

    assert untied == {"parameters": (12_143_185_920, 12_143_185_920 - 40 * (32 + 8) * 160)}
