"""Widths of a model's layers as training needs them: what a layer saves for the backward pass, and where adapters go."""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.model import tensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.model.architecture import Layers

ATTENTION = ("attn_q", "attn_k", "attn_v", "attn_qkv", "attn_output", "attn_q_a", "attn_q_b", "attn_kv_a_mqa",
             "attn_kv_b", "attn_k_b", "attn_v_b")  # fmt: skip
"""Names of the attention's matrices (GGUF's, without ``.weight``)."""
QUERY_VALUE = ("attn_q", "attn_v", "attn_qkv", "attn_q_b", "attn_v_b")
"""Matrices that PEFT adapts unless others are named: queries and values, or the one matrix that has both (PEFT 0.21.2
``utils/constants.py`` ``TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING``)."""
FEED_FORWARD = ("ffn_gate", "ffn_up", "ffn_down", "ffn_gate_up", "ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp")


class Block(Record):
    """A group of equal layers: widths in elements, for one token."""

    count: int
    hidden: int
    query: int
    key: int
    value: int
    heads: int
    """Number of heads that compute a score for each pair of tokens; 0 where none does."""
    window: int | None
    feed_forward: int
    """Inner width that a token passes through, its experts' together."""
    gated: bool
    routed: int
    """Number of routed experts that a token passes through; 0 in a dense layer."""
    mixing: int
    """Elements that a mixer without scores (a recurrent state) works with; 0 for attention."""


class Adapted(Record):
    """Matrices with adapters: their number of parameters at rank 1, and the inputs that adapters keep."""

    parameters_per_rank: int
    inputs: int
    """Sum of the input widths of the adapted matrices of the layer that has most, in elements."""


@per_model
def blocks(model: Model) -> tuple[Block, ...]:
    """Groups of equal layers of the language model."""
    return tuple([_block(group, model.hidden) for group in model.layers])


def _block(group: Layers, hidden: int) -> Block:
    query = key = value = heads = mixing = 0
    window: int | None = None
    for mixer in group.mixers:
        own = mixer.widths
        if own.scored_heads or own.query:
            query, key, value = max(query, own.query), max(key, own.key), max(value, own.value or own.key)
            heads, window = max(heads, own.scored_heads), own.window
        else:
            mixing += own.working
    network, experts = group.feed_forward, group.experts
    gated = bool(network is not None and network.gated)
    routed = 0 if experts is None else experts.active
    return Block(
        len(group.indices), hidden, query, key, value, heads, window, group.passed_width, gated, routed, mixing
    )  # fmt: skip


def is_target(tensor: Tensor, targets: str) -> bool:
    """True if a tensor is a matrix that gets an adapter under the value ``targets`` of the key ``lora_targets``.

    Experts have none: they are fused into tensors that no adapter of a linear layer fits.
    """
    if not tensor.linear or tensor.part != "text" or not tensor.layers or len(tensor.shape) != 2:
        return False
    name = tensor.name.removesuffix(".weight")
    named = {"qv": QUERY_VALUE, "attention": ATTENTION, "mlp": FEED_FORWARD}.get(targets)
    return named is None or name in named


@per_model
def adapted(model: Model, targets: str) -> Adapted:
    """Matrices of the model that get adapters under a value of the key ``lora_targets``."""
    chosen = [tensor for tensor in tensors(model) if is_target(tensor, targets)]
    each: dict[int, int] = {}
    for tensor in chosen:
        for layer in tensor.layers:
            each[layer] = each.get(layer, 0) + tensor.shape[0] * tensor.copies
    return Adapted(
        sum([(tensor.shape[0] + tensor.shape[1]) * tensor.count for tensor in chosen]),
        max(each.values(), default=0),
    )


def adapter_parameters(model: Model, rank: int, targets: str = "all") -> int:
    """Number of trainable LoRA parameters: ``rank x (in + out)`` for each adapted matrix of the language model.

    Llama-3.1-8B at rank 16 on all linear layers has 41,943,040.
    """
    return rank * adapted(model, targets).parameters_per_rank


def embedding_elements(model: Model) -> int:
    """Elements of the input embedding and the output head; of the one matrix that is both where they are tied."""
    return model.vocab * model.hidden * (1 if model.tied else 2)
