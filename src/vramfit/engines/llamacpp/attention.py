"""The attention of one layer: projections, positions, cache, scores (ggml-org/llama.cpp v0.5.0 ``src/llama-graph.cpp``)."""

from __future__ import annotations

from vramfit.engines.llamacpp.cache import QUANTIZED
from vramfit.engines.llamacpp.graph import per_cell
from vramfit.memory.kv_cache import row_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.llamacpp.graph import Builder, Node
    from vramfit.model.architecture import Attention


def attention(build: Builder, mixer: Attention, source: Node, beside: Node | None = None) -> Node:
    """Softmax attention with a cache of K and V; ``beside`` is what a parallel network computes meanwhile."""
    graph, traits, run = build.graph, build.model.traits, build.run
    sliding = build.windowed and mixer.window is not None
    key_width, value_width = mixer.kv_heads * mixer.head_dim, mixer.kv_heads * mixer.value_dim
    query, key, value = _projections(build, mixer, source)
    projected = query
    query = _positioned(build, query, mixer.heads * mixer.head_dim, mixer.head_dim)
    if key is not None:
        key = _positioned(build, key, key_width, mixer.head_dim)
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
    result = weighted(build, query, keys, graph.view(values), mixer.heads, mixer.value_dim, sliding, scratch, beside)
    if value_side:
        result = build.rotated(result, value_side, sliding)
    if traits.get("query_gate"):
        gate = graph.same(graph.wide(width, graph.view(projected)))
        result = graph.same(gate, graph.view(result))
    return build.linear("attn_output", result, width, build.model.hidden, traits.get("o_bias", False))


def _filled(
    build: Builder, mixer: Attention, heads: tuple[Node, Node | None, Node | None], beside: Node | None, rotated: bool
) -> tuple[Node, Node]:
    """The caches of K and V, once the new tokens are in them: query, then V and K, in the order they are ready."""
    graph, run = build.graph, build.run
    query, key, value = heads
    sliding = build.windowed and mixer.window is not None
    value_width = mixer.kv_heads * mixer.value_dim
    key_row, value_row = (
        row_bytes(mixer.kv_heads * mixer.head_dim, run.key_type),
        row_bytes(value_width, run.value_type),
    )
    keys = graph.stored(per_cell(key_row * run.streams, sliding), build.home.device)
    values = graph.stored(per_cell(value_row * run.streams, sliding), build.home.device)
    slots = run.tokens if run.flash_attention else run.tokens * value_width

    def store_value() -> None:
        if value is not None:
            graph.store(values, graph.view(value), build.input_slots(sliding, True, slots))

    single = run.streams == 1
    value_first = build.together and not build.windowed and single
    # Norms over whole projections keep queries and keys waiting long enough for V to be stored before them.
    value_earliest = value_first and build.model.traits.get("qk_norm") == "projection"
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
    """Query, key and value, computed together; a layer that reads another's cache has only the first."""
    graph, traits, hidden = build.graph, build.model.traits, build.model.hidden
    bias = traits.get("qkv_bias", False)
    query_width = mixer.heads * mixer.head_dim
    key_width, value_width = mixer.kv_heads * mixer.head_dim, mixer.kv_heads * mixer.value_dim
    if traits.get("fused_qkv"):
        fused = build.linear("attn_qkv", source, hidden, query_width + key_width + value_width, bias)
        return graph.view(fused), graph.view(fused), graph.view(fused)
    query = build.linear("attn_q", source, hidden, query_width * (2 if traits.get("query_gate") else 1), bias)
    if mixer.shares_cache:
        return query, None, None
    key = build.linear("attn_k", source, hidden, key_width, bias)
    value = key if mixer.value_is_key else build.linear("attn_v", source, hidden, value_width, bias)
    if build.together:
        graph.expand(query, *((key, value) if build.windowed else (value, key)))
    return query, key, value


def _positioned(build: Builder, source: Node, width: int, head_dim: int) -> Node:
    """A query or key normalised where the model does so, and turned by its position.

    Heads are a view of the projection, and no operation writes over what it sees through a view: each step that comes
    first behind one needs memory of its own.
    """
    graph = build.graph
    normed = build.model.traits.get("qk_norm")
    if normed == "projection":
        whole = build.norm(source, width)
        if build.together:
            graph.expand(whole)
        return graph.wide(width, graph.view(whole), build.positions)
    if normed:
        scaled = graph.same(graph.wide(width, graph.view(source)), build.vector(head_dim))
        return graph.same(scaled, build.positions)
    return graph.wide(width, graph.view(source), build.positions)


def _rotation(head_dim: int) -> int:
    """Side of the Hadamard matrix for a head: the largest power of two from 64 on that divides it, 0 for none."""
    if head_dim % 64:
        return 0
    side = 64
    while head_dim % (2 * side) == 0:
        side *= 2
    return side


def weighted(
    build: Builder, query: Node, keys: Node, values: Node, heads: int, value_dim: int, sliding: bool, scratch: int,
    beside: Node | None = None, latent: bool = False,
) -> Node:  # fmt: skip
    """The values weighted by how well keys match queries: in one operation, or through a table of scores.

    ``scratch`` is the width of the cache that a device may have to unpack to F16 first. An MLA result is brought out of
    the latent before its heads are gathered.
    """
    graph, run = build.graph, build.run
    if build.meanwhile is not None and build.together:
        graph.expand(build.meanwhile)
    query, keys = graph.view(query), graph.view(keys)
    width = heads * value_dim
    if run.flash_attention:
        result = graph.wide(width, query, keys, values, build.mask(sliding))
        result.scratch = per_cell(2 * scratch * run.streams, sliding)
    else:
        scores = graph.put(per_cell(4 * heads * run.tokens, sliding), keys, query)
        if beside is not None:
            graph.expand(scores, beside)
        result = graph.wide(width, values, graph.same(scores, build.mask(sliding)))
        if not latent:
            result = graph.wide(width, graph.view(result))
    graph.expand(result)
    if beside is not None:
        graph.expand(beside)
    return result
