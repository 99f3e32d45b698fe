"""MLX checkpoints, as mlx-lm converts them.

Unlike the other schemes this one takes embeddings and head along: everything with a ``to_quantized`` method whose rows
the group divides (ml-explore/mlx-lm ``mlx_lm/utils.py`` ``quantize_model``). Modes: ``affine`` stores a 16-bit scale
and a 16-bit bias per group, ``mxfp4``, ``mxfp8`` and ``nvfp4`` one 8-bit scale (ml-explore/mlx ``mlx/ops.cpp``
``quantization_params_from_mode``, at 846d1762). A router is quantized to 8 bits in groups of 64 (``quant_predicate`` of
``models/qwen3_moe.py`` and most mixtures), unless the model has a selection bias: its router is then a bare array
(``MoEGate`` of ``models/deepseek_v3.py``). Vision and audio towers stay 16-bit (mlx-vlm ``utils.py``
``skip_multimodal_module``); conversions of 2024 quantized them too (``least_bytes``).
"""

from __future__ import annotations

from vramfit.quantization.checkpoint import Stored
from vramfit.quantization.linears import groups, packed_bytes, rows, store_linears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Checkpoint, Scheme

EMBEDDINGS = ("token_embd.weight", "per_layer_token_embd.weight")
ROUTER = "ffn_gate_inp.weight"
ROUTER_BITS, ROUTER_GROUP = 8, 64
AFFINE_BYTES = 2 * 2
"""Bytes of scale and bias of a group."""
WIDE_NETWORKS = ("gemma4_unified_text",)
WIDE_BITS = 8
"""Types of models whose published conversions keep feed-forward networks at 8 bits or more, and those bits: the 4-bit
files of Gemma 4 12B weigh 10 GB, those in 6 bits 11.9 and in 8 bits 12.7 (mlx-community's; CryptoJones
MacminiM2Pro_LocalModelConfig README)."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers, embedding and head at ``settings["bits"]`` in groups of ``settings["group"]`` inputs."""
    mode, group = scheme.settings["mode"], scheme.settings["group"]
    wide = mode == "affine" and model.architecture.model_type in WIDE_NETWORKS
    bare_router = bool(model.traits.selection_bias)

    def size(tensor: Tensor) -> int:
        if tensor.name == ROUTER:
            return _affine(tensor, ROUTER_BITS)
        rest = scheme.settings.get("rest")
        if rest is not None and "_exps." not in tensor.name:
            return _affine(tensor, rest)
        return _quantized(tensor, scheme, WIDE_BITS if wide and tensor.name.startswith("ffn_") else 0)

    def wanted(tensor: Tensor) -> bool:
        if tensor.part != "text" or tensor.shape[0] % group:
            return False
        return tensor.linear or tensor.name in EMBEDDINGS or (tensor.name == ROUTER and not bare_router)

    name = f"{mode}{scheme.settings['bits']}" if mode == "affine" else mode
    found = store_linears(model, name, size, wanted)
    return found if "average" not in scheme.settings else averaged(found, name, scheme.settings["average"])


def averaged(rows_stored: tuple[Stored, ...], name: str, bits: float) -> tuple[Stored, ...]:
    """Rows with those that are quantized scaled, so that their weights take ``bits`` on average.

    Which of them a mix gives more bits is measured for each model (oQ: jundot/omlx docs/oQ_Quantization.md); what it aims at
    is their average.
    """
    chosen = [row for row in rows_stored if row.type == name]
    own = sum([row.total_bytes for row in chosen])
    ratio = bits * sum([row.elements for row in chosen]) / 8 / own if own else 1.0
    return tuple(
        [
            Stored(row.tensor, row.type, round(row.bytes_each * ratio), row.layers) if row.type == name else row
            for row in rows_stored
        ]
    )


def most_bytes(checkpoint: Checkpoint) -> int:
    """Bytes of the largest conversion that goes by a checkpoint's scheme: of a mix, at the most bits that it may take."""
    settings = checkpoint.scheme.settings
    total = sum([row.total_bytes for row in checkpoint.stored])
    if "average" not in settings:
        return total
    quantized = sum([row.total_bytes for row in checkpoint.stored if row.type == f"affine{settings['bits']}"])
    more: int = round(quantized * (settings["most"] / settings["average"] - 1))
    return total + more


def least_bytes(checkpoint: Checkpoint) -> int:
    """Bytes of the smallest conversion that goes by a checkpoint's scheme.

    It quantizes the linear layers of the towers as well, and no network to more bits than others: Qwen2-VL 2B in 4 bits
    has 1,200 MiB of weights, Llama 3.2 11B Vision in 8 bits 10,824, Pixtral 12B in 8 bits 12,866 (jrp2014/check_models
    d9538f8, ``results.jsonl``).
    """
    scheme, group = checkpoint.scheme, checkpoint.scheme.settings["group"]
    total = 0
    for row in checkpoint.stored:
        tensor = row.tensor
        tower = tensor.part != "text" and tensor.linear and not tensor.shape[0] % group
        network = row.type != "F16" and tensor.name.startswith("ffn_") and tensor.name != ROUTER
        total += row.count * _quantized(tensor, scheme) if tower or network else row.total_bytes
    return total


def _affine(tensor: Tensor, bits: int) -> int:
    """Bytes of a tensor at ``bits`` a weight in groups of 64."""
    return packed_bytes(tensor.elements, bits) + rows(tensor) * groups(tensor, ROUTER_GROUP) * AFFINE_BYTES


def _quantized(tensor: Tensor, scheme: Scheme, least_bits: int = 0) -> int:
    """Bytes of a tensor in a scheme, at ``least_bits`` a weight or more."""
    bits, group, mode = scheme.settings["bits"], scheme.settings["group"], scheme.settings["mode"]
    per_group = AFFINE_BYTES if mode == "affine" else 1
    return packed_bytes(tensor.elements, max(bits, least_bits)) + rows(tensor) * groups(tensor, group) * per_group
