"""MLX checkpoints, as mlx-lm converts them.

Unlike the other schemes this one takes embeddings and head along: everything with a ``to_quantized`` method whose rows
the group divides (ml-explore/mlx-lm ``mlx_lm/utils.py`` ``quantize_model``). Modes: ``affine`` stores a 16-bit scale
and a 16-bit bias per group, ``mxfp4``, ``mxfp8`` and ``nvfp4`` one 8-bit scale (ml-explore/mlx ``mlx/ops.cpp``
``quantization_params_from_mode``, at 846d1762). A router is quantized to 8 bits in groups of 64 (``quant_predicate`` of
``models/qwen3_moe.py`` and most mixtures), unless the model has a selection bias: its router is then a bare array
(``MoEGate`` of ``models/deepseek_v3.py``). Vision and audio towers stay 16-bit (mlx-vlm ``utils.py``
``skip_multimodal_module``).
"""

from __future__ import annotations

from vramfit.quantization.linears import groups, packed_bytes, rows, store_linears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme, Stored

EMBEDDINGS = ("token_embd.weight", "per_layer_token_embd.weight")
ROUTER = "ffn_gate_inp.weight"
ROUTER_BITS, ROUTER_GROUP = 8, 64
AFFINE_BYTES = 2 * 2
"""Bytes of scale and bias of a group."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers, embedding and head at ``settings["bits"]`` in groups of ``settings["group"]`` inputs."""
    bits, group, mode = scheme.settings["bits"], scheme.settings["group"], scheme.settings["mode"]
    per_group = AFFINE_BYTES if mode == "affine" else 1
    bare_router = bool(model.traits.selection_bias)

    def size(tensor: Tensor) -> int:
        if tensor.name == ROUTER:
            scales = rows(tensor) * groups(tensor, ROUTER_GROUP) * AFFINE_BYTES
            return packed_bytes(tensor.elements, ROUTER_BITS) + scales
        return packed_bytes(tensor.elements, bits) + rows(tensor) * groups(tensor, group) * per_group

    def wanted(tensor: Tensor) -> bool:
        if tensor.part != "text" or tensor.shape[0] % group:
            return False
        return tensor.linear or tensor.name in EMBEDDINGS or (tensor.name == ROUTER and not bare_router)

    return store_linears(model, f"{mode}{bits}" if mode == "affine" else mode, size, wanted)
