"""Tables of n-grams among a model's tensors: rows that the last tokens choose (Qwen3.8-Flash-Next, DeepSeek-V4.1)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Model, Tensor

NAME = "per_layer_token_embd.weight"
"""Name of the tensor, which is that of a table of embeddings by layer too (Gemma 3n, Gemma 4 E)."""


def is_ngram_table(model: Model, tensor: Tensor) -> bool:
    """Return True for the model's table of n-grams, and False for a table of embeddings by layer."""
    return tensor.name == NAME and not model.traits.per_layer_embedding
