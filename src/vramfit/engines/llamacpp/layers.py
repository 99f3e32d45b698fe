"""Graph of a whole model: layers with their norms, token mixers and feed-forward networks, and the head.

The module contains the attention of most models too: projections, positions, cache, scores (``src/llama-graph.cpp``).
Mixers and networks that few models have are in modules of their own.

The graph follows ggml-org/llama.cpp v0.5.0 ``src/models/*.cpp``, with the nodes in the order of the Vulkan backend, which
computes independent products together: first all projections, then the operations on each (``ggml-vulkan.cpp``,
``ggml_vk_graph_optimize``). CUDA keeps the order of the source, and needs up to a tenth more or less.
"""

from __future__ import annotations

from vramfit.engines.llamacpp.blocks import dense, weighted
from vramfit.engines.llamacpp.graph import Builder, Home, per_cell
from vramfit.engines.llamacpp.placement import HOST, QUANTIZED
from vramfit.errors import CannotTell
from vramfit.memory.kv_cache import row_bytes
from vramfit.model.architecture import Attention, FeedForward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.llamacpp.graph import Graph, Node, Run
    from vramfit.model import Model
    from vramfit.model.architecture import Experts, Layers
    from vramfit.model.mixers import Mixer


def build_graph(model: Model, run: Run, layers: Sequence[tuple[Layers, Home]], output: Home) -> Graph:
    """Build the graph of one pass over ``layers``, each with its devices, and the head on those of ``output``.

    Raises ``CannotTell`` for recurrent layers of a kind whose graph is not known.
    """
    build = Builder(model, run)
    graph, hidden = build.graph, model.hidden
    tokens = graph.given((4 * run.tokens, 0, 0))
    graph.given((4 * hidden * run.tokens, 0, 0))
    table = graph.stored((0, 0, 0), run.table_device, weight=True)
    stream = _looked_up(graph, hidden, table, tokens)
    extra = _per_layer_inputs(build, layers, stream, tokens) if model.traits.per_layer_embedding else None
    streams = model.traits.altup
    if streams:
        stream = graph.put((4 * streams * hidden * run.tokens, 0, 0), stream)
    for number, (group, home) in enumerate(layers):
        build.at(home)
        build.rows = run.tokens
        last = number == len(layers) - 1 and not run.whole
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
    normed = build.norm(stream, hidden)
    if build.rows != run.outputs:
        ids = graph.given((4 * run.outputs, 0, 0))
        build.rows = run.outputs
        normed = graph.wide(hidden, normed, ids, rows=build.rows)
    graph.expand(build.linear("output", normed, hidden, model.vocab))
    return graph


def _looked_up(graph: Graph, width: int, table: Node, tokens: Node) -> Node:
    """Add the look-up of rows in an embedding, which runs where the embedding is: on the host, unless it is moved."""
    node = graph.wide(width, table, tokens)
    node.device = table.device
    graph.expand(node)
    return node


def _per_layer_inputs(build: Builder, layers: Sequence[tuple[Layers, Home]], stream: Node, tokens: Node) -> Node:
    """Add the per-layer inputs of all layers, of models that have them (Gemma 3n, Gemma 4 E)."""
    graph, model = build.graph, build.model
    width = (model.traits.per_layer_embedding or 0) * model.layer_count
    looked_up = _looked_up(graph, width, graph.stored((0, 0, 0), HOST, weight=True), tokens)
    build.at(layers[0][1])
    projected = graph.same(graph.same(build.linear("per_layer_model_proj", stream, model.hidden, width)), looked_up)
    # Gathering them by layer makes a copy: immediately in Gemma 3n, and when first needed in Gemma 4.
    result = graph.wide(width, graph.view(projected))
    if model.traits.altup:
        graph.expand(result)
    return result


def _with_extra(build: Builder, result: Node, extra: Node | None) -> Node:
    """Add the per-layer input to a layer's result, if the model has such inputs."""
    if extra is None:
        return result
    graph, hidden = build.graph, build.model.hidden
    width = build.model.traits.per_layer_embedding or 0
    own = graph.view(extra, (4 * width * build.run.tokens, 0, 0))
    gate = graph.same(graph.same(build.linear("inp_gate", result, hidden, width)), own)
    return graph.same(build.norm(build.linear("proj", gate, width, hidden), hidden), result)


def _layer(build: Builder, group: Layers, stream: Node, last: bool) -> Node:
    """Add one layer after the residual ``stream``; after the mixer of the ``last`` layer only output rows remain."""
    graph, hidden, feed_forward = build.graph, build.model.hidden, group.feed_forward
    traits = build.model.traits
    norms, sandwich = traits.norms, traits.sandwich
    parallel = traits.parallel and feed_forward is not None
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
    stream = _added(build, build.norm(mixed, hidden) if sandwich else mixed, stream)
    inner = build.norm(stream, hidden) if "ffn_norm" in norms or not sandwich else stream
    result = _network(build, feed_forward, inner)[1]
    return _added(build, build.norm(result, hidden) if sandwich else result, stream)


def _added(build: Builder, result: Node, stream: Node) -> Node:
    """Add the residual sum, which may overwrite its first operand.

    That is the stream in LFM2 (``src/models/lfm2.cpp``), and the result in all other models.
    """
    return build.graph.same(stream, result) if build.stream_first else build.graph.same(result, stream)


def _mixer(build: Builder, mixer: Mixer, source: Node, beside: Node | None = None) -> Node:
    """Add the token mixer of a layer; ``beside`` is a tensor of a parallel network that is computed in between."""
    if isinstance(mixer, Attention):
        return attention(build, mixer, source, beside)
    from vramfit.model.mixers import CompressedAttention, FixedState, LatentAttention

    if isinstance(mixer, LatentAttention | CompressedAttention):
        from vramfit.engines.llamacpp import latent

        return latent.mixer(build, mixer, source)
    if isinstance(mixer, FixedState):
        raise CannotTell(
            "the graph that llama.cpp makes of this model's recurrent layers is not known", "try another engine"
        )
    from vramfit.engines.llamacpp import recurrent

    return recurrent.mixer(build, mixer, source)


def _network(build: Builder, layer: FeedForward | Experts, source: Node) -> tuple[Node, Node]:
    """Add a feed-forward network; returns the input of its down projection and its result."""
    if isinstance(layer, FeedForward):
        return dense(build, source, layer.width, layer.gated, "")
    from vramfit.engines.llamacpp.experts import experts

    result = experts(build, layer, source)
    return result, result


def _selected(build: Builder, mixer: Attention, source: Node) -> Node | None:
    """Add the numbers of the cells that the layer's indexer selects; None where llama.cpp does not use the indexer."""
    from vramfit.engines.llamacpp import indexed

    if not indexed.selects(build):
        return None
    top = indexed.scored(build, mixer, source)
    build.graph.expand(top)
    return top


def _masked(build: Builder, top: Node) -> Node:
    """Add the mask of cells that were not selected."""
    from vramfit.engines.llamacpp import indexed

    return indexed.masked(build, top)


def attention(build: Builder, mixer: Attention, source: Node, beside: Node | None = None) -> Node:
    """Add softmax attention with a cache of K and V; ``beside`` is a tensor of a parallel network computed in between."""
    graph, traits, run = build.graph, build.model.traits, build.run
    sliding = build.windowed and mixer.window is not None
    key_width, value_width = mixer.kv_heads * mixer.head_dim, mixer.kv_heads * mixer.value_dim
    top = _selected(build, mixer, source) if mixer.indexer_dim else None
    query, key, value = _projections(build, mixer, source)
    projected = query
    turned = sliding or not (build.windowed and traits.unrotated_full)
    query = _positioned(build, query, mixer.heads * mixer.head_dim, mixer.head_dim, turned)
    if key is not None:
        key = _positioned(build, key, key_width, mixer.head_dim, turned)
    side = _rotation(mixer.head_dim) if run.key_type in QUANTIZED else 0
    value_side = 64 if run.value_type in QUANTIZED and mixer.value_dim % 64 == 0 else 0
    if value_side and value is not None:
        value = build.rotated(value, value_side, sliding)
    if side:
        if build.together:
            graph.expand(*_those(query, value, key))
        query = build.rotated(query, side, sliding)
        key = None if key is None else build.rotated(key, side, sliding)
    keys, values = _filled(build, mixer, (query, key, value), beside, bool(side))
    scratch = (key_width if run.key_type != "f16" else 0) + (value_width if run.value_type != "f16" else 0)
    width = mixer.heads * mixer.value_dim
    mask = None if top is None else _masked(build, top)
    result = weighted(
        build, query, keys, graph.view(values), mixer.heads, mixer.value_dim, sliding, scratch, beside, mask=mask
    )
    if value_side:
        result = build.rotated(result, value_side, sliding)
    if traits.query_gate:
        gate = graph.same(graph.wide(width, graph.view(projected)))
        result = graph.same(gate, graph.view(result))
    return build.linear("attn_output", result, width, build.model.hidden, traits.o_bias)


def _filled(
    build: Builder, mixer: Attention, heads: tuple[Node, Node | None, Node | None], beside: Node | None, rotated: bool
) -> tuple[Node, Node]:
    """Add the writing of new tokens to the caches of K and V, in the backend's order; returns both caches."""
    graph, run = build.graph, build.run
    query, key, value = heads
    sliding = build.windowed and mixer.window is not None
    value_width = mixer.kv_heads * mixer.value_dim
    key_row, value_row = (
        row_bytes(mixer.kv_heads * mixer.head_dim, run.key_type),
        row_bytes(value_width, run.value_type),
    )
    keys = graph.stored(per_cell(key_row * run.streams, sliding), build.kept_on)
    values = graph.stored(per_cell(value_row * run.streams, sliding), build.kept_on)
    # Without flash attention V is stored transposed, with a cell number for each element of the widest layer's rows.
    slots = run.tokens if run.flash_attention else run.tokens * build.widest_value

    def store_value() -> None:
        if value is not None:
            graph.store(values, graph.view(value), build.input_slots(sliding, True, slots))

    single = run.streams == 1
    value_first = build.together and not build.windowed and single
    # Norms over whole projections delay queries and keys, so that V is stored before them.
    value_earliest = value_first and build.model.traits.qk_norm == "projection"
    if value_earliest:
        store_value()
    graph.expand(query)
    if rotated or not build.together:
        graph.expand(*(_those(key, value) if build.windowed else _those(value, key)))
    early = run.flash_attention and not rotated and single
    if beside is not None and early:
        graph.expand(*beside.sources)
    if value_first and not value_earliest:
        store_value()
    if key is not None:
        graph.store(keys, graph.view(key), build.input_slots(sliding, False, run.tokens))
    if not value_first:
        store_value()
    if beside is not None and single:
        graph.expand(*((beside,) if early else beside.sources))
    return keys, values


def _those(*nodes: Node | None) -> list[Node]:
    return [node for node in nodes if node is not None]


def _projections(build: Builder, mixer: Attention, source: Node) -> tuple[Node, Node | None, Node | None]:
    """Add the projections of query, key and value; a layer that reads another layer's cache has only a query."""
    graph, traits, hidden = build.graph, build.model.traits, build.model.hidden
    bias = traits.qkv_bias
    query_width = mixer.heads * mixer.head_dim
    key_width, value_width = mixer.kv_heads * mixer.head_dim, mixer.kv_heads * mixer.value_dim
    if traits.fused_qkv:
        fused = build.linear("attn_qkv", source, hidden, query_width + key_width + value_width, bias)
        return graph.view(fused), graph.view(fused), graph.view(fused)
    query = build.linear("attn_q", source, hidden, query_width * (2 if traits.query_gate else 1), bias)
    if mixer.shares_cache:
        return query, None, None
    key = build.linear("attn_k", source, hidden, key_width, bias)
    value = key if mixer.value_is_key else build.linear("attn_v", source, hidden, value_width, bias)
    if build.together:
        graph.expand(query, *((key, value) if build.windowed else (value, key)))
    return query, key, value


def _positioned(build: Builder, source: Node, width: int, head_dim: int, turned: bool) -> Node:
    """Add the norm of a query or key, if the model has one, and the rotation by position, if ``turned``.

    Heads are a view of the projection, and an operation cannot overwrite a view, so the first step after a view needs
    memory of its own.
    """
    graph = build.graph
    normed = build.model.traits.qk_norm
    if normed == "projection":
        whole = build.norm(source, width)
        if build.together:
            graph.expand(whole)
        return graph.wide(width, graph.view(whole), build.positions)
    if normed:
        scaled = graph.same(graph.wide(width, graph.view(source)), build.vector(head_dim))
        return graph.same(scaled, build.positions) if turned else scaled
    return graph.wide(width, graph.view(source), build.positions) if turned else graph.view(source)


def _rotation(head_dim: int) -> int:
    """Side of the Hadamard matrix for a head: the largest power of two from 64 on that divides ``head_dim``, or 0."""
    if head_dim % 64:
        return 0
    side = 64
    while head_dim % (2 * side) == 0:
        side *= 2
    return side
