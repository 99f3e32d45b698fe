"""Graph of a mixture of experts (ggml-org/llama.cpp v0.5.0 ``src/llama-graph.cpp``, ``build_moe_ffn``)."""

from __future__ import annotations

from vramfit.engines.llamacpp.blocks import dense
from vramfit.engines.llamacpp.placement import HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.llamacpp.graph import Builder, Node
    from vramfit.model.architecture import Experts

LOOKAHEAD = 20
"""Number of nodes within which Vulkan brings independent operations forward (``NUM_TO_CHECK`` in ``ggml-vulkan.cpp``)."""

NODES_BEFORE_SHARED = 4
"""Number of nodes between the first matrix of a mixture and that of its shared expert, in addition to a view and a sum for
each selected expert."""


def experts(build: Builder, layer: Experts, source: Node) -> Node:
    """Add a mixture of experts to the graph: router, selected experts, their weighted sum, and the shared expert."""
    graph, traits, hidden, rows = build.graph, build.model.traits, build.model.hidden, build.rows
    active = layer.active
    outer = layer.latent or hidden
    shared_inner = shared = None
    if layer.shared_width:
        shared_inner, shared = dense(build, source, layer.shared_width, layer.gated, "_shexp")
    # If a single expert is selected, its weight is applied to a copy of its input (Llama 4).
    copied = graph.wide(outer, graph.view(source), rows=rows) if active == 1 else None
    ahead = [copied] if copied is not None and build.together else []
    shared_ahead = ahead and build.home.expert_device != HOST
    if shared_ahead and shared_inner is not None:
        ahead += shared_inner.sources
    picked, share = _routed(build, layer, source, ahead)
    if shared_ahead and shared is not None:
        graph.expand(shared)
    entry = build.linear("ffn_latent_down", source, hidden, layer.latent) if layer.latent else source
    if copied is not None:
        entry = graph.same(copied, share)
    down = _selected(build, layer, entry, picked, shared_inner)
    if active > 1:
        down = graph.same(down, graph.view(share))
    if shared_inner is not None and build.home.device != HOST:
        graph.expand(down, *shared_inner.sources, *((shared_inner,) if build.together else ()))
    result = graph.wide(outer, graph.view(down), rows=rows)
    for _ in range(active - 2):
        result = graph.same(result, graph.view(down))
    graph.expand(result)
    if layer.latent:
        result = build.linear("ffn_latent_up", result, layer.latent, hidden)
    if shared is not None and traits.shared_gate:
        matrix = build.weight("ffn_gate_inp_shexp", hidden, 1)
        shared = graph.same(shared, graph.same(graph.wide(1, matrix, source, rows=rows)))
    beside = dense(build, source, layer.dense_width, layer.gated, "")[1] if layer.dense_width else None
    for other in (shared, beside):
        result = result if other is None else graph.same(result, other)
    return result


def _selected(build: Builder, layer: Experts, entry: Node, picked: Node, shared_inner: Node | None) -> Node:
    """Add the networks of the selected experts to the graph; returns the results of their down projections."""
    graph, rows, outer, width = build.graph, build.rows, layer.latent or build.model.hidden, layer.width

    def expert(name: str, node: Node, inputs: int, outputs: int) -> Node:
        product = graph.wide(
            layer.active * outputs, build.weight(name, inputs, outputs * layer.count), node, picked, rows=rows
        )
        if not build.model.traits.expert_bias:
            return product
        size = (4 * outputs * layer.count, 0, 0)
        return graph.same(product, graph.stored(size, build.home.expert_device, weight=True), picked)

    up = expert("ffn_up_exps", graph.view(entry), outer, width)
    if layer.gated:
        gate = expert("ffn_gate_exps", graph.view(entry), outer, width)
        if build.together:
            graph.expand(gate, up)
        inner = graph.wide(layer.active * width, gate, up, rows=rows)
    else:
        inner = graph.same(up)
    if shared_inner is not None and build.together:
        _bring_forward(build, layer.active, inner, shared_inner)
    return expert("ffn_down_exps", inner, width, outer)


def _bring_forward(build: Builder, active: int, inner: Node, shared_inner: Node) -> None:
    """Order the first products of the shared expert like the Vulkan backend, which looks ahead for independent work."""
    between = NODES_BEFORE_SHARED + 2 * active
    if between + 1 < LOOKAHEAD:
        build.graph.expand(*shared_inner.sources, inner, shared_inner)
    elif between + 1 < LOOKAHEAD + 2:
        build.graph.expand(inner, *shared_inner.sources)


def _routed(build: Builder, layer: Experts, source: Node, ahead: Sequence[Node]) -> tuple[Node, Node]:
    """Add the router to the graph; returns the selected experts and their weights.

    The tensors in ``ahead`` are computed directly after the router's logits.
    """
    graph, traits, rows, count = build.graph, build.model.traits, build.rows, layer.count
    logits = build.linear("ffn_gate_inp", source, build.model.hidden, count, traits.router_bias)
    if ahead:
        graph.expand(logits, *ahead)
    chances = graph.same(logits)
    ranked = graph.same(chances, build.vector(count)) if traits.selection_bias else chances
    picked = graph.view(graph.wide(count, ranked, rows=rows))
    share = graph.wide(layer.active, graph.view(chances), picked, rows=rows)
    graph.expand(share)
    if build.home.expert_device == HOST:
        # Each matrix of experts waits until it is copied, so independent products are no longer computed together.
        build.together = False
    return picked, share
