"""The graph of a whole model: the frame of each layer around its mixer and its feed-forward network, and the head.

After ggml-org/llama.cpp v0.5.0 ``src/models/*.cpp``, in the order its Vulkan backend leaves the nodes in: products that do
not wait for each other come together, first every projection, then what is done with each (``ggml-vulkan.cpp``,
``ggml_vk_graph_optimize``). CUDA keeps the order in which the nodes are written, and needs up to a tenth more or less.
"""

from __future__ import annotations

from vramfit.engines.llamacpp.attention import attention
from vramfit.engines.llamacpp.graph import HOST, Builder, Home
from vramfit.model.architecture import Attention, CompressedAttention, FeedForward, LatentAttention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.llamacpp.graph import Graph, Node, Run
    from vramfit.model import Model
    from vramfit.model.architecture import Experts, Layers, Mixer

NORMS = ("attn_norm", "ffn_norm")


def build_graph(model: Model, run: Run, layers: Sequence[tuple[Layers, Home]], output: Home) -> Graph:
    """The graph of one pass over ``layers``, each with its place, and the head at ``output``."""
    build = Builder(model, run)
    graph, hidden = build.graph, model.hidden
    tokens = graph.given((4 * run.tokens, 0, 0))
    graph.given((4 * hidden * run.tokens, 0, 0))
    table = graph.stored((0, 0, 0), HOST, weight=True)
    stream = _looked_up(graph, hidden, table, tokens)
    extra = _per_layer_inputs(build, layers, stream, tokens) if model.traits.get("per_layer_embedding") else None
    streams = model.traits.get("altup", 0)
    if streams:
        stream = graph.put((4 * streams * hidden * run.tokens, 0, 0), stream)
    for number, (group, home) in enumerate(layers):
        build.at(home)
        build.rows = run.tokens
        last = number == len(layers) - 1
        if streams:
            predicted = graph.same(graph.put(stream.size, stream))
            result = _layer(build, group, graph.view(predicted), False)
            result = _with_extra(build, result, extra)
            stream = graph.put(predicted.size, predicted, result)
            graph.expand(stream)
        else:
            stream = _with_extra(build, _layer(build, group, stream, last), extra)
    if streams:
        build.rows = run.outputs
        ids = graph.given((4 * run.outputs, 0, 0))
        stream = graph.wide(hidden, graph.wide(hidden, graph.view(stream)), ids, rows=run.outputs)
    build.at(output)
    graph.expand(build.linear("output", build.norm(stream, hidden), hidden, model.vocab))
    return graph


def _looked_up(graph: Graph, width: int, table: Node, tokens: Node) -> Node:
    """Rows of an embedding, looked up where it is: on the host."""
    node = graph.wide(width, table, tokens)
    node.device = HOST
    graph.expand(node)
    return node


def _per_layer_inputs(build: Builder, layers: Sequence[tuple[Layers, Home]], stream: Node, tokens: Node) -> Node:
    """The inputs of all layers at once where each has its own (Gemma 3n, Gemma 4 E)."""
    graph, model = build.graph, build.model
    width = model.traits["per_layer_embedding"] * model.layer_count
    looked_up = _looked_up(graph, width, graph.stored((0, 0, 0), HOST, weight=True), tokens)
    build.at(layers[0][1])
    projected = graph.same(graph.same(build.linear("per_layer_model_proj", stream, model.hidden, width)), looked_up)
    # Gathered by layer, which takes a copy.
    result = graph.wide(width, graph.view(projected))
    graph.expand(result)
    return result


def _with_extra(build: Builder, result: Node, extra: Node | None) -> Node:
    """A layer's result with the input of its own added."""
    if extra is None:
        return result
    graph, hidden, width = build.graph, build.model.hidden, build.model.traits["per_layer_embedding"]
    gate = graph.same(graph.same(build.linear("inp_gate", result, hidden, width)), graph.view(extra))
    return graph.same(build.norm(build.linear("proj", gate, width, hidden), hidden), result)


def _layer(build: Builder, group: Layers, stream: Node, last: bool) -> Node:
    """One layer behind the residual ``stream``; behind the last one's mixer only the output rows go on."""
    graph, hidden, feed_forward = build.graph, build.model.hidden, group.feed_forward
    norms = build.model.traits.get("norms", NORMS)
    sandwich = "post_ffw_norm" in norms
    parallel = len(norms) == 1 and feed_forward is not None
    entry = build.norm(stream, hidden) if "attn_norm" in norms or not sandwich else stream
    if not group.mixers:
        return stream if feed_forward is None else graph.same(_network(build, feed_forward, entry)[1], stream)
    if parallel and feed_forward is not None and build.together and not last:
        inner, beside = _network(build, feed_forward, entry)
        mixed = _mixer(build, group.mixers[0], entry, inner)
        return graph.same(graph.same(beside, stream), mixed)
    ids = None
    if last:
        ids = graph.given((4 * build.run.outputs, 0, 0))
        stream = build.meanwhile = graph.wide(hidden, stream, ids, rows=build.run.outputs)
    mixed = _mixer(build, group.mixers[0], entry)
    for mixer in group.mixers[1:]:
        mixed = graph.same(mixed, _mixer(build, mixer, entry))
    if ids is not None:
        build.rows = build.run.outputs
        mixed = graph.wide(hidden, mixed, ids, rows=build.rows)
        entry = graph.wide(hidden, entry, ids, rows=build.rows) if parallel else entry
    if feed_forward is None:
        return graph.same(mixed, stream)
    if parallel:
        return graph.same(graph.same(_network(build, feed_forward, entry)[1], stream), mixed)
    stream = graph.same(build.norm(mixed, hidden) if sandwich else mixed, stream)
    inner = build.norm(stream, hidden) if "ffn_norm" in norms or not sandwich else stream
    result = _network(build, feed_forward, inner)[1]
    return graph.same(build.norm(result, hidden) if sandwich else result, stream)


def _mixer(build: Builder, mixer: Mixer, source: Node, beside: Node | None = None) -> Node:
    """The token mixer of a layer, behind its norm; ``beside`` is what a parallel network computes meanwhile."""
    if isinstance(mixer, Attention):
        return attention(build, mixer, source, beside)
    if isinstance(mixer, LatentAttention | CompressedAttention):
        from vramfit.engines.llamacpp import latent

        return latent.mixer(build, mixer, source)
    from vramfit.engines.llamacpp import recurrent

    return recurrent.mixer(build, mixer, source)


def _network(build: Builder, layer: FeedForward | Experts, source: Node) -> tuple[Node, Node]:
    """What goes into the down projection, and the result."""
    if isinstance(layer, FeedForward):
        return dense(build, source, layer.width, layer.gated, "")
    from vramfit.engines.llamacpp.experts import experts

    result = experts(build, layer, source)
    return result, result


def dense(build: Builder, source: Node, width: int, gated: bool, suffix: str) -> tuple[Node, Node]:
    """Up, gate and down: the product of up and gate is a third tensor beside them."""
    graph, traits, hidden = build.graph, build.model.traits, build.model.hidden
    bias = traits.get("mlp_bias", False) and not suffix
    if gated and traits.get("fused_gate_up") and not suffix:
        both = build.linear("ffn_up", source, hidden, 2 * width, bias)
        inner = graph.wide(width, both, rows=build.rows)
    elif gated:
        gate = build.linear(f"ffn_gate{suffix}", source, hidden, width, bias)
        up = build.linear(f"ffn_up{suffix}", source, hidden, width, bias)
        inner = graph.wide(width, gate, up, rows=build.rows)
    else:
        inner = graph.same(build.linear(f"ffn_up{suffix}", source, hidden, width, bias))
    return inner, build.linear(f"ffn_down{suffix}", inner, width, hidden, bias)
