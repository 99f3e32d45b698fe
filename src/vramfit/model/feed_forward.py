"""Tensors of one feed-forward network: dense, or a mixture of experts.

Functions return the rows ``(name, shape, linear)`` of one layer. Experts are fused into one three-dimensional tensor for
each projection, like in GGUF and transformers 5. ``traits`` documents what adds or removes rows.
"""

from __future__ import annotations

from vramfit.model.attention import linear, norm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Experts, FeedForward
    from vramfit.model.attention import Row
    from vramfit.model.traits import Traits


def dense(network: FeedForward, hidden: int, traits: Traits) -> list[Row]:
    """Rows of one dense network on a residual stream of ``hidden`` elements."""
    width, bias = network.width, traits.mlp_bias
    rows: list[Row] = []
    if network.gated and traits.fused_gate_up:
        rows += linear("ffn_up", hidden, 2 * width, bias)
    else:
        if network.gated:
            rows += linear("ffn_gate", hidden, width, bias)
        rows += linear("ffn_up", hidden, width, bias)
    rows += linear("ffn_down", width, hidden, bias)
    if traits.mlp_sub_norm:
        rows += norm("ffn_sub_norm", width)
    if traits.activation_parameters:
        rows.append(("ffn_act.weight", (traits.activation_parameters,), False))
    return rows


def experts(network: Experts, hidden: int, traits: Traits) -> list[Row]:
    """Rows of one mixture of experts: router, routed experts, shared experts and a dense network beside them."""
    count, width = network.count, network.width
    inner = network.latent or hidden
    # The router is no linear layer: transformers has it as a parameter, and every scheme keeps it in full precision.
    rank = traits.router_rank
    rows: list[Row] = [("ffn_gate_inp.weight", (rank or hidden, count + (1 if rank else 0)), False)]
    if rank:
        rows += linear("ffn_gate_inp_down", hidden, rank, True) + norm("ffn_gate_inp_norm", rank)
        rows += linear("ffn_gate_inp_1", rank, rank, True) + linear("ffn_gate_inp_2", rank, rank, True)
    if traits.router_bias:
        rows.append(("ffn_gate_inp.bias", (count,), False))
    if network.token_rows:
        rows.append(("ffn_gate_tid2eid.weight", (network.active, network.token_rows), False))
    elif traits.selection_bias:
        rows.append(("exp_probs_b.bias", (count,), False))
    names = ("gate", "up", "down") if network.gated else ("up", "down")
    for name in names:
        shape = (width, inner, count) if name == "down" else (inner, width, count)
        rows.append((f"ffn_{name}_exps.weight", shape, True))
        if traits.expert_bias:
            rows.append((f"ffn_{name}_exps.bias", (shape[1], count), False))
    if network.latent:
        rows += linear("ffn_latent_down", hidden, network.latent) + linear("ffn_latent_up", network.latent, hidden)
    for name in names if network.shared_width else ():
        shared = (network.shared_width, hidden) if name == "down" else (hidden, network.shared_width)
        rows.append((f"ffn_{name}_shexp.weight", shared, True))
    if traits.shared_gate:
        # This is a linear layer with one output, but GGUF stores it as a vector and no scheme quantizes it.
        rows.append(("ffn_gate_inp_shexp.weight", (hidden,), False))
    if network.dense_width:
        rows += linear("ffn_gate", hidden, network.dense_width) + linear("ffn_up", hidden, network.dense_width)
        rows += linear("ffn_down", network.dense_width, hidden)
        rows += [("ffn_gate_inp.scale", (hidden,), False), ("ffn_down_exps.scale", (count,), False)]
        for name in ("post_ffw_norm_1", "post_ffw_norm_2", "pre_ffw_norm_2"):
            rows += norm(name, hidden)
    return rows
