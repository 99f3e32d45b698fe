"""What one layer computes, tensor by tensor: attention, feed-forward networks, experts, and the frame around them.

After ggml-org/llama.cpp v0.5.0 ``src/llama-graph.cpp`` and ``src/models/*.cpp``, in the order its Vulkan backend leaves the
nodes in: products that do not wait for each other come together, first every projection, then what is done with each
(``ggml-vulkan.cpp``, ``ggml_vk_graph_optimize``).
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.engines.llamacpp import recurrent
from vramfit.engines.llamacpp.graph import HOST, Graph
from vramfit.memory.kv_cache import row_bytes
from vramfit.model.architecture import Attention, Experts, FeedForward, LatentAttention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.engines.llamacpp.graph import Node, Size
    from vramfit.model import Model
    from vramfit.model.architecture import Layers, Mixer


QUANTIZED = ("q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""Cache types in blocks of 32 with a scale."""


@record
class Run:
    """What of a workload shapes the graph; the cells come in when it is laid out."""

    tokens: int
    """Tokens of one pass, a multiple of ``sequences``."""
    outputs: int
    """Rows of logits."""
    sequences: int
    streams: int
    """Caches side by side: one per sequence, or one when unified."""
    flash_attention: bool
    key_type: str
    value_type: str


@record
class Home:
    """Where a layer is: the device of its weights and cache, of its routed experts, and the bytes of its matrices."""

    device: int
    expert_device: int
    matrices: Mapping[str, int]
    """Bytes by name; read only for what is in host memory and may be copied to a GPU."""


class Builder:
    """Writes the graph of a model for a run, layer by layer."""

    def __init__(self, model: Model, run: Run) -> None:
        self.model = model
        self.run = run
        self.graph = Graph(run.tokens)
        self.rows = run.tokens
        """Rows still in flight: only the output rows behind the last layer's mixer."""
        self.home = Home(HOST, HOST, {})
        self.meanwhile: Node | None = None
        """What can be computed before the attention is."""
        self.together = False
        """Whether products that do not wait for each other come together: not where each waits for its weight."""
        self.positions = self.graph.given((4 * run.tokens, 0, 0))
        self.masks: dict[bool, Node] = {}
        self.rotations: dict[tuple[bool, int], Node] = {}
        self.slots: dict[tuple[bool, bool], Node] = {}
        windows = [m.window for g in model.layers for m in g.mixers if isinstance(m, Attention) and m.window]
        self.windowed = bool(windows)

    def weight(self, name: str, inputs: int, outputs: int) -> Node:
        """A matrix of the current layer; its bytes from the checkpoint, or as F32 for what is not stored by name."""
        home = self.home
        size = home.matrices.get(f"{name}.weight", 4 * inputs * outputs)
        device = home.expert_device if "_exps" in name else home.device
        return self.graph.stored((size, 0, 0), device, weight=True)

    def vector(self, width: int) -> Node:
        """A norm, a bias or another small F32 tensor of the current layer."""
        return self.graph.stored((4 * width, 0, 0), self.home.device, weight=True)

    def linear(self, name: str, source: Node, inputs: int, outputs: int, bias: bool = False) -> Node:
        """``source`` times a matrix, and its bias."""
        result = self.graph.wide(outputs, self.weight(name, inputs, outputs), source, rows=self.rows)
        return self.graph.same(result, self.vector(outputs)) if bias else result

    def norm(self, source: Node, width: int) -> Node:
        """RMSNorm, or LayerNorm with a bias; only the former may be written over its source."""
        graph, traits = self.graph, self.model.traits
        plain = graph.put(source.size, source, rows=self.rows, reuse=not traits.get("norm_bias"))
        scaled = graph.same(plain, self.vector(width))
        return graph.same(scaled, self.vector(width)) if traits.get("norm_bias") else scaled

    def input_slots(self, sliding: bool, value: bool, rows: int) -> Node:
        """The cells (64-bit numbers) that rows of K or V are written to."""
        key = (sliding, value)
        if key not in self.slots:
            self.slots[key] = self.graph.given((8 * rows, 0, 0))
        return self.slots[key]

    def mask(self, sliding: bool) -> Node:
        """The attention mask, one number for each token and cell of its stream: F16 for flash attention, else F32."""
        if sliding not in self.masks:
            per_cell = self.run.tokens * (2 if self.run.flash_attention else 4)
            self.masks[sliding] = self.graph.given(_cells(per_cell, sliding))
        return self.masks[sliding]

    def rotated(self, source: Node, width: int, sliding: bool) -> Node:
        """K, Q or V turned by a Hadamard matrix, which a quantized cache needs (``llama-kv-cache.cpp``, attn_rot)."""
        key = (sliding, width)
        if key not in self.rotations:
            self.rotations[key] = self.graph.given((4 * width * width, 0, 0))
        return self.graph.put(source.size, self.rotations[key], self.graph.view(source))


def _cells(per_cell: int, sliding: bool) -> Size:
    return (0, 0, per_cell) if sliding else (0, per_cell, 0)


def build_layer(build: Builder, group: Layers, home: Home, stream: Node, last: bool) -> Node:
    """One layer behind the residual ``stream``; behind the last one's mixer only the output rows go on."""
    build.home, build.rows, build.together = home, build.run.tokens, home.device != HOST
    graph, model = build.graph, build.model
    hidden, network = model.hidden, group.feed_forward
    norms = model.traits.get("norms", ("attn_norm", "ffn_norm"))
    parallel = len(norms) == 1 and network is not None and bool(group.mixers)
    sandwich = "post_ffw_norm" in norms
    entry = build.norm(stream, hidden) if "attn_norm" in norms or not sandwich else stream
    if not group.mixers:
        return stream if network is None else graph.same(build_network(build, network, entry)[1], stream)
    if parallel and network is not None and build.together and not last:
        inner, beside = build_network(build, network, entry)
        mixed = build_mixer(build, group.mixers[0], entry, inner)
        return graph.same(graph.same(beside, stream), mixed)
    if last:
        ids = graph.given((4 * build.run.outputs, 0, 0))
        stream = build.meanwhile = graph.wide(hidden, stream, ids, rows=build.run.outputs)
    mixed = build_mixer(build, group.mixers[0], entry)
    for mixer in group.mixers[1:]:
        mixed = graph.same(mixed, build_mixer(build, mixer, entry))
    if last:
        build.rows = build.run.outputs
        mixed = graph.wide(hidden, mixed, ids, rows=build.rows)
        if parallel:
            entry = graph.wide(hidden, entry, ids, rows=build.rows)
    if network is None:
        return graph.same(mixed, stream)
    if parallel:
        return graph.same(graph.same(build_network(build, network, entry)[1], stream), mixed)
    if sandwich:
        mixed = build.norm(mixed, hidden)
    stream = graph.same(mixed, stream)
    inner = build.norm(stream, hidden) if "ffn_norm" in norms or not sandwich else stream
    result = build_network(build, network, inner)[1]
    if sandwich:
        result = build.norm(result, hidden)
    return graph.same(result, stream)


def build_mixer(build: Builder, mixer: Mixer, source: Node, beside: Node | None = None) -> Node:
    """The token mixer of a layer, behind its norm; ``beside`` is what a parallel network computes meanwhile."""
    if isinstance(mixer, Attention):
        return _attention(build, mixer, source, beside)
    if isinstance(mixer, LatentAttention):
        return _latent_attention(build, mixer, source)
    return recurrent.build_mixer(build, mixer, source)


def _attention(build: Builder, mixer: Attention, source: Node, beside: Node | None) -> Node:
    """Softmax attention with a cache of K and V."""
    graph, traits, run = build.graph, build.model.traits, build.run
    hidden, sliding = build.model.hidden, mixer.window is not None
    query_width, key_width = mixer.heads * mixer.head_dim, mixer.kv_heads * mixer.head_dim
    value_width = mixer.kv_heads * mixer.value_dim
    query, key, value = _projections(build, mixer, source)
    projected = query
    query = _positioned(build, query, query_width, mixer.head_dim)
    if key is not None:
        key = _positioned(build, key, key_width, mixer.head_dim)
    side = _rotation(mixer.head_dim) if run.key_type in QUANTIZED else 0
    value_side = 64 if side and run.value_type in QUANTIZED else 0
    if value_side and value is not None:
        value = build.rotated(value, value_side, sliding)
    if side:
        if build.together:
            graph.expand(*[node for node in (query, value, key) if node is not None])
        query = build.rotated(query, side, sliding)
        key = None if key is None else build.rotated(key, side, sliding)
    graph.expand(query)
    if side or not build.together:
        graph.expand(*[node for node in ((key, value) if build.windowed else (value, key)) if node is not None])
    early = run.flash_attention and not side
    if beside is not None and early:
        graph.expand(*beside.sources)
    keys = graph.stored(_cells(row_bytes(key_width, run.key_type) * run.streams, sliding), build.home.device)
    values = graph.stored(_cells(row_bytes(value_width, run.value_type) * run.streams, sliding), build.home.device)
    value_first = build.together and not build.windowed
    value_slots = run.tokens if run.flash_attention else run.tokens * value_width
    if value is not None and value_first:
        graph.store(values, graph.view(value), build.input_slots(sliding, True, value_slots))
    if key is not None:
        graph.store(keys, graph.view(key), build.input_slots(sliding, False, run.tokens))
    if value is not None and not value_first:
        graph.store(values, graph.view(value), build.input_slots(sliding, True, value_slots))
    if beside is not None:
        graph.expand(*((beside,) if early else beside.sources))
    result = _weighted(build, query, keys, graph.view(values), mixer.heads, mixer.value_dim, sliding, beside)
    width = mixer.heads * mixer.value_dim
    if value_side:
        result = build.rotated(result, value_side, sliding)
    if traits.get("query_gate"):
        gate = graph.same(graph.wide(width, graph.view(projected)))
        result = graph.same(gate, graph.view(result))
    return build.linear("attn_output", result, width, hidden, traits.get("o_bias", False))


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
        return graph.wide(width, graph.view(build.norm(source, width)), build.positions)
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


def _weighted(
    build: Builder, query: Node, keys: Node, values: Node, heads: int, value_dim: int, sliding: bool,
    beside: Node | None = None, latent: bool = False,
) -> Node:  # fmt: skip
    """The values weighted by how well keys match queries: in one operation, or through a table of scores.

    An MLA result is brought out of the latent before its heads are gathered.
    """
    graph, run = build.graph, build.run
    if build.meanwhile is not None and build.together:
        graph.expand(build.meanwhile)
    query, keys = graph.view(query), graph.view(keys)
    width = heads * value_dim
    if run.flash_attention:
        result = graph.wide(width, query, keys, values, build.mask(sliding))
    else:
        scores = graph.put(_cells(4 * heads * run.tokens, sliding), keys, query)
        if beside is not None:
            graph.expand(scores, beside)
        result = graph.wide(width, values, graph.same(scores, build.mask(sliding)))
        if not latent:
            result = graph.wide(width, graph.view(result))
    graph.expand(result)
    if beside is not None:
        graph.expand(beside)
    return result


def _latent_attention(build: Builder, mixer: LatentAttention, source: Node) -> Node:
    """MLA with the latent as cache: queries are brought into the latent's space and results out of it."""
    graph, run = build.graph, build.run
    hidden, heads, rank = build.model.hidden, mixer.heads, mixer.kv_rank
    both, width = rank + mixer.rope_dim, heads * mixer.value_dim
    wide = heads * (mixer.nope_dim + mixer.rope_dim)
    if mixer.query_rank is None:
        query = build.linear("attn_q", source, hidden, wide)
    else:
        low = build.linear("attn_q_a", source, hidden, mixer.query_rank)
        query = build.linear("attn_q_b", build.norm(low, mixer.query_rank), mixer.query_rank, wide)
    latent = build.linear("attn_kv_a_mqa", source, hidden, both)
    if build.together:
        graph.expand(query, latent)
    absorbed = graph.wide(heads * rank, build.weight("attn_k_b", mixer.nope_dim, heads * rank), graph.view(query))
    turned = graph.wide(heads * mixer.rope_dim, graph.view(query), build.positions)
    squeezed = graph.same(graph.wide(rank, graph.view(latent)), build.vector(rank))
    key_turned = graph.wide(mixer.rope_dim, graph.view(latent), build.positions)
    if build.together:
        graph.expand(absorbed, turned, squeezed, key_turned)
    query = graph.wide(heads * both, graph.view(absorbed), turned)
    key = graph.wide(both, graph.view(squeezed), key_turned)
    graph.expand(query)
    cells = graph.stored(_cells(row_bytes(both, run.key_type) * run.streams, False), build.home.device)
    graph.store(cells, graph.view(key), build.input_slots(False, False, run.tokens))
    values = graph.view(cells)
    if not run.flash_attention:
        # The cache holds keys; as values they must be transposed, in 16 bits.
        values = graph.put(_cells(2 * rank * run.streams, False), values)
    result = _weighted(build, query, cells, values, heads, rank, False, latent=True)
    out = build.weight("attn_v_b", rank, width)
    expanded = graph.wide(width, out, graph.view(result))
    result = graph.wide(width, graph.view(expanded))
    return build.linear("attn_output", result, width, hidden)


def build_network(build: Builder, network: FeedForward | Experts, source: Node) -> tuple[Node, Node]:
    """The feed-forward half of a layer: what goes into the down projection, and the result."""
    if isinstance(network, FeedForward):
        return _dense(build, source, network.width, network.gated, "")
    result = _experts(build, network, source)
    return result, result


def _dense(build: Builder, source: Node, width: int, gated: bool, suffix: str) -> tuple[Node, Node]:
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


def _experts(build: Builder, network: Experts, source: Node) -> Node:
    """A mixture: the router's choice, the chosen experts side by side, their weighted sum, and the shared expert."""
    graph, traits, hidden, rows = build.graph, build.model.traits, build.model.hidden, build.rows
    active, width = network.active, network.width
    inner_width = network.latent or hidden
    # A single expert's weight is applied to its input (Llama 4), which is copied for it.
    copied = graph.wide(inner_width, graph.view(source), rows=rows) if active == 1 else None
    picked, share = _routed(build, network, source, copied)
    entry = source
    if network.latent:
        entry = build.linear("ffn_latent_down", source, hidden, network.latent)
    if copied is not None:
        entry = graph.same(copied, share)

    def expert(name: str, node: Node, inputs: int, outputs: int) -> Node:
        matrix = build.weight(name, inputs, outputs * network.count)
        product = graph.wide(active * outputs, matrix, node, picked, rows=rows)
        if not traits.get("expert_bias"):
            return product
        size = (4 * outputs * network.count, 0, 0)
        return graph.same(product, graph.stored(size, build.home.expert_device, weight=True), picked)

    shared_inner = shared = None
    if network.shared_width:
        shared_inner, shared = _dense(build, source, network.shared_width, network.gated, "_shexp")
        if active == 1 and build.together:
            graph.expand(shared)
    if network.gated:
        gate = expert("ffn_gate_exps", graph.view(entry), inner_width, width)
        up = expert("ffn_up_exps", graph.view(entry), inner_width, width)
        if build.together:
            graph.expand(gate, up)
        inner = graph.wide(active * width, gate, up, rows=rows)
    else:
        inner = graph.same(expert("ffn_up_exps", graph.view(entry), inner_width, width))
    if shared_inner is not None and build.together:
        graph.expand(*shared_inner.sources, inner, shared_inner)
    down = expert("ffn_down_exps", inner, width, inner_width)
    if active > 1:
        down = graph.same(down, graph.view(share))
    if shared_inner is not None and build.home.device != HOST:
        graph.expand(down, *shared_inner.sources)
    result = graph.wide(inner_width, graph.view(down), rows=rows)
    for _ in range(active - 2):
        result = graph.same(result, graph.view(down))
    graph.expand(result)
    if network.latent:
        result = build.linear("ffn_latent_up", result, network.latent, hidden)
    if shared is not None:
        if traits.get("shared_gate"):
            matrix = build.weight("ffn_gate_inp_shexp", hidden, 1)
            shared = graph.same(shared, graph.same(graph.wide(1, matrix, source, rows=rows)))
        result = graph.same(result, shared)
    if network.dense_width:
        result = graph.same(result, _dense(build, source, network.dense_width, network.gated, "")[1])
    return result


def _routed(build: Builder, network: Experts, source: Node, copied: Node | None) -> tuple[Node, Node]:
    """Which experts each token goes to, and with what weights."""
    graph, traits, rows, count = build.graph, build.model.traits, build.rows, network.count
    logits = build.linear("ffn_gate_inp", source, build.model.hidden, count, traits.get("router_bias", False))
    if copied is not None and build.together:
        graph.expand(logits, copied)
    chances = graph.same(logits)
    ranked = graph.same(chances, build.vector(count)) if traits.get("selection_bias") else chances
    picked = graph.view(graph.wide(count, ranked, rows=rows))
    share = graph.wide(network.active, graph.view(chances), picked, rows=rows)
    graph.expand(share)
    if build.home.expert_device == HOST:
        # Every expert matrix waits for its copy, so nothing comes together any more.
        build.together = False
    return picked, share
