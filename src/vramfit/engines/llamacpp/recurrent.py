"""Graph of layers with a recurrent state: Mamba, linear attention, short convolution.

Source: ggml-org/llama.cpp v0.5.0 ``src/models/mamba-base.cpp`` and others.
"""

from __future__ import annotations

from vramfit.model.mixers import LinearAttention, StateSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.llamacpp.graph import Builder, Node
    from vramfit.model.mixers import ShortConvolution


def mixer(build: Builder, layer: StateSpace | LinearAttention | ShortConvolution, source: Node) -> Node:
    """Add the token mixer of a recurrent layer to the graph; ``source`` is its normalised input."""
    if isinstance(layer, StateSpace):
        return _state_space(build, layer, source)
    if isinstance(layer, LinearAttention):
        return _linear_attention(build, layer, source)
    return _short_convolution(build, layer, source)


def _state(build: Builder, elements: int) -> Node:
    """Add the states of all sequences; an operation that clears those of new sequences comes first."""
    states = build.graph.stored((4 * elements * build.run.sequences, 0, 0), build.kept_on)
    build.graph.store(states)
    return states


def _read(build: Builder, states: Node, result: Node) -> Node:
    """Add the computation of ``result`` from the states, and after it the moving of states not in the batch."""
    build.graph.expand(result)
    build.graph.store(states)
    return result


def _convolved(build: Builder, source: Node, kernel: int, width: int) -> Node:
    """Add a causal convolution over the state and the new tokens, which are concatenated for it."""
    graph, run = build.graph, build.run
    states = _state(build, (kernel - 1) * width)
    old = _read(build, states, graph.wide((kernel - 1) * width, states, rows=run.sequences))
    both = graph.put(
        (4 * width * (run.tokens + (kernel - 1) * run.sequences), 0, 0), graph.view(old), graph.view(source)
    )
    graph.store(states, graph.view(both))
    return graph.wide(width, both, build.vector(kernel * width))


def _state_space(build: Builder, mixer: StateSpace, source: Node) -> Node:
    """Add Mamba 1 or 2: projection, convolution, scan over the tokens, gate, projection."""
    graph, run, hidden = build.graph, build.run, build.model.hidden
    inner, state = mixer.inner, mixer.state
    scanned = (4 * (inner * run.tokens + state * inner * run.sequences), 0, 0)
    if mixer.kind == "mamba1":
        both = build.linear("ssm_in", source, hidden, 2 * inner)
        mixed = graph.same(graph.same(_convolved(build, graph.view(both), mixer.conv, inner), build.vector(inner)))
        parts = build.linear("ssm_x", mixed, inner, mixer.dt_rank + 2 * state)
        step = build.linear("ssm_dt", graph.view(parts), mixer.dt_rank, inner, True)
        read = [graph.view(mixed), step, graph.view(parts), graph.view(parts)]
    else:
        width = inner + 2 * mixer.groups * state
        both = build.linear("ssm_in", source, hidden, inner + width + mixer.heads)
        mixed = _convolved(build, graph.view(both), mixer.conv, width)
        mixed = graph.same(graph.same(mixed, build.vector(width)))
        step = graph.same(graph.wide(mixer.heads, graph.view(both)), build.vector(mixer.heads))
        read = [graph.view(mixed), step, graph.view(mixed), graph.view(mixed)]
    states = _state(build, state * inner)
    # The scan counts as one row, so that its weights are not copied to a GPU for it.
    scan = graph.put(
        scanned, states, *read, build.vector(state * inner if mixer.kind == "mamba1" else mixer.heads), rows=1
    )
    _read(build, states, scan)
    graph.store(states, graph.view(scan, states.size))
    skipped = graph.wide(inner, graph.view(mixed), build.vector(inner))
    summed = graph.wide(inner, graph.view(scan, skipped.size), skipped, reuse=True)
    result = graph.wide(inner, graph.wide(inner, graph.view(both)), summed)
    if mixer.kind == "mamba2":
        result = graph.view(graph.same(graph.wide(inner, graph.view(result)), build.vector(inner)))
    result = build.linear("ssm_out", result, inner, hidden)
    return graph.view(result) if mixer.kind == "mamba1" else result


def _linear_attention(build: Builder, mixer: LinearAttention, source: Node) -> Node:
    """Add linear attention: a convolution over queries, keys and values, the recurrence, gate, projection."""
    graph, run, hidden = build.graph, build.run, build.model.hidden
    key, value = mixer.key_heads * mixer.key_dim, mixer.value_heads * mixer.value_dim
    width = 2 * key + value
    elements = mixer.value_heads * mixer.key_dim * mixer.value_dim
    graph.expand(source)
    mixed = build.linear("attn_qkv", source, hidden, width)
    if mixer.conv:
        mixed = _convolved(build, graph.view(mixed), mixer.conv, width)
    states = _state(build, elements)
    state = _read(build, states, graph.put(states.size, states, rows=run.sequences))
    mixed = graph.same(mixed)
    heads = [graph.wide(key, graph.view(mixed)), graph.wide(key, graph.view(mixed))]
    split = build.model.traits.split_gates
    if mixer.value_heads != mixer.key_heads and not split:
        heads = [graph.wide(mixer.value_heads * mixer.key_dim, graph.view(head)) for head in heads]
    count = mixer.value_heads
    gates = None if split else build.linear("ssm_ba", source, hidden, 2 * count)
    alpha = build.linear("ssm_alpha", source, hidden, count) if gates is None else graph.wide(count, graph.view(gates))
    alpha = graph.same(graph.same(alpha, build.vector(count)))
    beta = build.linear("ssm_beta", source, hidden, count) if gates is None else graph.wide(count, graph.view(gates))
    beta = graph.same(beta)
    size = (4 * (value * run.tokens + elements * run.sequences * run.states), 0, 0)
    read = [graph.view(node) for node in (*heads, mixed, alpha, beta, state)]
    scan = graph.put(size, *read)
    gate = build.linear("attn_gate", source, hidden, value)
    gate = graph.wide(value, graph.view(gate))
    if build.together:
        graph.expand(*heads, alpha, beta, gate)
    graph.store(states, graph.view(scan, states.size))
    result = graph.same(graph.wide(value, graph.view(scan)), build.vector(mixer.value_dim))
    if not build.together:
        graph.expand(result)
    result = graph.same(result, gate)
    return graph.view(build.linear("ssm_out", graph.view(result), value, hidden))


def _short_convolution(build: Builder, mixer: ShortConvolution, source: Node) -> Node:
    """Add a gated short convolution: one projection into three parts, of which the middle one is convolved."""
    graph, hidden = build.graph, build.model.hidden
    parts = build.linear("shortconv.in_proj", source, hidden, 3 * hidden)
    gated = graph.wide(hidden, graph.view(parts), graph.view(parts))
    mixed = _convolved(build, graph.view(gated), mixer.kernel, hidden)
    result = graph.wide(hidden, graph.view(parts), mixed, reuse=True)
    return graph.view(build.linear("shortconv.out_proj", result, hidden, hidden))
