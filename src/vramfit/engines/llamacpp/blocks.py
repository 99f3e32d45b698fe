"""Parts of a layer's graph that several kinds of layers share: dense networks, and the weighting of values by scores."""

from __future__ import annotations

from vramfit.engines.llamacpp.graph import per_cell
from vramfit.engines.llamacpp.placement import HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.llamacpp.graph import Builder, Node


def dense(build: Builder, source: Node, width: int, gated: bool, suffix: str) -> tuple[Node, Node]:
    """Add a dense network to the graph; returns the input of its down projection and its result.

    The product of up and gate is a tensor of its own, in addition to both.
    """
    graph, traits, hidden = build.graph, build.model.traits, build.model.hidden
    bias = traits.mlp_bias and not suffix
    if gated and traits.fused_gate_up and not suffix:
        both = build.linear("ffn_up", source, hidden, 2 * width, bias)
        inner = graph.wide(width, both, rows=build.rows)
    elif gated:
        gate = build.linear(f"ffn_gate{suffix}", source, hidden, width, bias)
        up = build.linear(f"ffn_up{suffix}", source, hidden, width, bias)
        inner = graph.wide(width, gate, up, rows=build.rows)
    else:
        inner = graph.same(build.linear(f"ffn_up{suffix}", source, hidden, width, bias))
    return inner, build.linear(f"ffn_down{suffix}", inner, width, hidden, bias)


def weighted(
    build: Builder, query: Node, keys: Node, values: Node, heads: int, value_dim: int, sliding: bool, scratch: int,
    beside: Node | None = None, latent: bool = False, mask: Node | None = None,
) -> Node:  # fmt: skip
    """Weight the values by the scores of keys and queries, in one operation or through a tensor of scores.

    ``scratch`` is the number of cached elements per cell that a device may have to unpack to F16 first. ``beside`` is a
    tensor of a parallel network that is computed in between. With ``latent``, the result stays in the space of the
    latent, and its heads are not gathered yet. ``mask`` is used instead of the input.
    """
    graph, run = build.graph, build.run
    if build.meanwhile is not None and build.together:
        graph.expand(build.meanwhile)
    query, keys = graph.view(query), graph.view(keys)
    width, mask = heads * value_dim, mask or build.mask(sliding)
    if run.flash_attention:
        result = graph.wide(width, query, keys, values, mask)
        result.scratch = per_cell(2 * scratch * run.streams, sliding)
    else:
        scores = graph.put(per_cell(4 * heads * run.tokens, sliding), keys, query)
        if beside is not None:
            graph.expand(scores, beside)
        result = graph.wide(width, values, graph.same(scores, mask))
        if not latent:
            result = graph.wide(width, graph.view(result))
        if not run.kv_offload:
            # Pinned to the CPU there, but not with flash attention (``src/llama-graph.cpp``, ``build_attn_mha``).
            result.device = HOST
    graph.expand(result)
    if beside is not None:
        graph.expand(beside)
    return result
