"""Traits of a model's blocks, read off its tensors under GGUF's names: biases, norms, gates and what is fused.

Answers are the fields of the catalogue's ``traits`` that are not as usual. Tensors decide, never the architecture's name,
so that files of architectures nobody here has heard of are described as well.
"""

from __future__ import annotations

from vramfit.importers.header import extent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    class Shaped(Protocol):
        """Anything with extents, row length first."""

        @property
        def shape(self) -> tuple[int, ...]:
            """Extents, row length first."""

    Layer = Mapping[str, Shaped]

NORMS = (
    "attn_norm", "attn_norm_2", "post_attention_norm", "attn_output_norm", "ffn_norm", "post_ffw_norm",
    "layer_output_norm",
)  # fmt: skip
"""Norms of a layer that are as wide as the residual stream, in the order of the block."""


USUAL = {
    "first_attn_norm": True, "output_norm": True, "head": True, "gated": True, "k_bias": True, "ssm_out_norm": True,
}  # fmt: skip
"""Traits that hold unless stated; the others do not."""


def traits(numbered: Mapping[int, Layer], around: Layer, hidden: int, heads: int, head_dim: int) -> dict[str, Any]:
    """The traits of a model ``hidden`` wide, most of whose attention layers have ``heads`` query heads of ``head_dim``.

    ``numbered`` has the tensors of each layer by its number, ``around`` those outside the layers.
    """
    layers = [numbered[number] for number in sorted(numbered)]
    if not layers:
        return {}
    found: dict[str, Any] = {}
    norms = [name for name in NORMS if any(f"{name}.weight" in layer for layer in layers)]
    if norms != ["attn_norm", "ffn_norm"]:
        found["norms"] = norms
    found["norm_bias"] = any(f"{name}.bias" in layers[0] for name in norms)
    found["first_attn_norm"] = "attn_norm.weight" in layers[0] or "attn_norm" not in norms
    found |= _attention(_first(layers, "attn_q.weight") or _fused(layers), heads, head_dim)
    found["latent_gate"] = "attn_gate.weight" in _first(layers, "attn_kv_a_mqa.weight")
    found |= _network(_first(layers, "ffn_up.weight"), _first(layers, "ffn_gate_inp.weight"))
    found["selection_bias"] = any("exp_probs_b.bias" in layer for layer in layers)
    found |= _states(_first(layers, "ssm_out.weight") or _first(layers, "ssm_conv1d_q.weight"))
    found |= _residual(layers[0], hidden)
    found |= _around(around)
    return {key: value for key, value in found.items() if value != USUAL.get(key, False)}


def _first(layers: Sequence[Layer], name: str) -> Layer:
    """The first layer with a tensor of that name."""
    return next((layer for layer in layers if name in layer), {})


def _fused(layers: Sequence[Layer]) -> Layer:
    """The first layer whose query, key and value are one matrix, and that keeps no state."""
    return next((one for one in layers if "attn_qkv.weight" in one and "ssm_conv1d.weight" not in one), {})


def _attention(layer: Layer, heads: int, head_dim: int) -> dict[str, Any]:
    """Traits of the attention of one layer that has its weights."""
    found: dict[str, Any] = {}
    bias = "attn_q.bias" in layer or "attn_qkv.bias" in layer
    found["qkv_bias"] = bias
    found["k_bias"] = not bias or "attn_qkv.bias" in layer or "attn_k.bias" in layer
    found["o_bias"] = "attn_output.bias" in layer
    found["fused_qkv"] = "attn_qkv.weight" in layer
    query, norm, gate = (layer.get(f"attn_{name}.weight") for name in ("q", "q_norm", "gate"))
    rows = query.shape[1] if query is not None and len(query.shape) > 1 else heads * head_dim
    found["query_gate"] = rows == 2 * heads * head_dim > 0
    if norm is not None and norm.shape:
        found["qk_norm"] = "projection" if extent(norm.shape, 0) == rows > head_dim else "head"
        found["qk_norm_bias"] = "attn_q_norm.bias" in layer
    if gate is not None and len(gate.shape) > 1:
        found["head_gate"] = extent(gate.shape, 1) == heads
    found["attention_sub_norm"] = "attn_sub_norm.weight" in layer and "attn_q.weight" in layer
    return found


def _states(layer: Layer) -> dict[str, Any]:
    """Traits of one layer that keeps a state."""
    if "ssm_in.weight" in layer and "ssm_ba.weight" not in layer:
        mamba1 = "ssm_x.weight" in layer
        return {
            "ssm_norms": "ssm_dt_norm.weight" in layer,
            "ssm_out_norm": mamba1 or "ssm_norm.weight" in layer,
            "ssm_bias": "ssm_out.bias" in layer,
        }
    return {
        "split_gates": "ssm_alpha.weight" in layer,
        "full_rank_gate": "ssm_conv1d_q.weight" in layer and "attn_gate.weight" in layer,
    }


def _residual(layer: Layer, hidden: int) -> dict[str, Any]:
    """Traits of the residual stream: what scales it, mixes it, or feeds further embeddings into it."""
    found: dict[str, Any] = {"layer_scale": "layer_output_scale.weight" in layer}
    streams = layer.get("hc_attn_fn.weight")
    if streams is not None and streams.shape:
        found["hyper_connections"] = extent(streams.shape, 0) // hidden
    for key, name in (("laurel", "laurel_l.weight"), ("per_layer_embedding", "inp_gate.weight")):
        tensor = layer.get(name)
        if tensor is not None and len(tensor.shape) > 1:
            found[key] = extent(tensor.shape, 1)
    scalars = layer.get("ffn_act.weight")
    if scalars is not None and scalars.shape:
        found["activation_parameters"] = extent(scalars.shape, 0)
    return found


def _network(dense: Layer, mixture: Layer) -> dict[str, Any]:
    """Traits of a dense network and of a mixture of experts, where there are such layers."""
    found: dict[str, Any] = {}
    up, down = dense.get("ffn_up.weight"), dense.get("ffn_down.weight")
    if up is not None and down is not None and len(up.shape) > 1:
        fused = "ffn_gate.weight" not in dense and extent(up.shape, 1) == 2 * extent(down.shape, 0)
        found["fused_gate_up"] = fused
        found["gated"] = fused or "ffn_gate.weight" in dense
        found["mlp_bias"] = "ffn_up.bias" in dense
        found["mlp_sub_norm"] = "ffn_sub_norm.weight" in dense
    if mixture:
        gated = (
            "ffn_gate_exps.weight" in mixture or "ffn_gate_up_exps.weight" in mixture or "ffn_gate.0.weight" in mixture
        )
        found["gated"] = gated
        found["expert_bias"] = "ffn_down_exps.bias" in mixture
        found["router_bias"] = "ffn_gate_inp.bias" in mixture
        found["shared_gate"] = "ffn_gate_inp_shexp.weight" in mixture
        found["dense_beside_experts"] = "ffn_down.weight" in mixture
    return found


def _around(tensors: Layer) -> dict[str, Any]:
    """Traits of what stands before and behind the layers."""
    found: dict[str, Any] = {"embedding_norm": "token_embd_norm.weight" in tensors}
    tables = (
        ("positions", "position_embd.weight"), ("token_types", "token_types.weight"),
        ("per_layer_vocab", "per_layer_token_embd.weight"),
    )  # fmt: skip
    for key, name in tables:
        tensor = tensors.get(name)
        if tensor is not None and len(tensor.shape) > 1:
            found[key] = extent(tensor.shape, 1)
    streams = tensors.get("altup_proj.weight")
    if streams is not None and len(streams.shape) > 2:
        found["altup"] = extent(streams.shape, 2) + 1
    embedding, head = tensors.get("token_embd.weight"), tensors.get("output.weight")
    if embedding is not None and head is not None and len(embedding.shape) == len(head.shape) == 2:
        found["extra_embeddings"] = max(extent(embedding.shape, 1) - extent(head.shape, 1), 0)
    found["output_norm"] = "output_norm.weight" in tensors
    found["output_bias"] = "output.bias" in tensors
    found["classifier"] = "cls.output.weight" in tensors
    found["pooler"] = "cls.weight" in tensors and not found["classifier"]
    return found
