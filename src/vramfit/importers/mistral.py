"""Mistral's own format: ``params.json`` in the words of ``config.json``.

Source: mistralai/mistral-inference ``src/mistral_inference/args.py`` (``TransformerArgs``, ``MoeArgs``).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FIELDS = {
    "dim": "hidden_size", "n_layers": "num_hidden_layers", "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads", "head_dim": "head_dim", "hidden_dim": "intermediate_size",
    "vocab_size": "vocab_size", "max_seq_len": "max_position_embeddings",
    "max_position_embeddings": "max_position_embeddings", "tied_embeddings": "tie_word_embeddings",
}  # fmt: skip
MIXTURE = {"num_experts": "num_local_experts", "num_experts_per_tok": "num_experts_per_tok"}


def as_config(params: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the settings into a configuration of transformers."""
    moe = params.get("moe")
    kind = "mixtral" if isinstance(moe, dict) else "mistral"
    config: dict[str, Any] = {
        "model_type": kind,
        "architectures": [f"{kind.capitalize()}ForCausalLM"],
        "sliding_window": params.get("sliding_window"),
        **{name: params[field] for field, name in FIELDS.items() if field in params},
    }
    if isinstance(moe, dict):
        config |= {name: moe[field] for field, name in MIXTURE.items() if field in moe}
    if isinstance(params.get("quantization"), dict):
        config["quantization_config"] = {"quant_method": "fp8"}
    return config
