"""Graph of attention to a compressed cache: MLA, and DeepSeek-V4's attention.

Source: ggml-org/llama.cpp v0.5.0 ``src/models/deepseek2.cpp``.
"""

from __future__ import annotations

from vramfit.engines.llamacpp import indexed
from vramfit.engines.llamacpp.blocks import weighted
from vramfit.engines.llamacpp.graph import per_cell
from vramfit.engines.llamacpp.placement import HOST
from vramfit.memory.kv_cache import row_bytes
from vramfit.model.mixers import LatentAttention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.llamacpp.graph import Builder, Node
    from vramfit.model.mixers import CompressedAttention


def mixer(build: Builder, layer: LatentAttention | CompressedAttention, source: Node) -> Node:
    """Add the token mixer of a layer with a compressed cache to the graph; ``source`` is its normalised input."""
    if isinstance(layer, LatentAttention):
        return _latent(build, layer, source)
    return _compressed(build, layer, source)


def _latent(build: Builder, mixer: LatentAttention, source: Node) -> Node:
    """Add MLA with a cached latent: queries are projected into the space of the latent, and results out of it."""
    graph, run = build.graph, build.run
    hidden, heads, rank = build.model.hidden, mixer.heads, mixer.kv_rank
    both, width = rank + mixer.rope_dim, heads * mixer.value_dim
    wide = heads * (mixer.nope_dim + mixer.rope_dim)
    selecting = indexed.selects(build)
    if mixer.query_rank is None:
        query = build.linear("attn_q", source, hidden, wide)
    else:
        low = build.norm(build.linear("attn_q_a", source, hidden, mixer.query_rank), mixer.query_rank)
        if selecting and mixer.indexer_dim:
            build.selected = indexed.scored_at_once(build, mixer, source, low)
            graph.expand(build.selected)
        query = build.linear("attn_q_b", low, mixer.query_rank, wide)
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
    cells = graph.stored(per_cell(row_bytes(both, run.key_type) * run.streams, False), build.kept_on)
    graph.store(cells, graph.view(key), build.input_slots(False, False, run.tokens))
    values = graph.view(cells)
    if not run.flash_attention:
        # The cache stores keys. To be used as values they are transposed into a 16-bit copy.
        values = graph.put(per_cell(2 * rank * run.streams, False), values)
    scratch = both if run.key_type != "f16" else 0
    mask = indexed.masked(build, build.selected) if selecting and build.selected is not None else None
    result = weighted(build, query, cells, values, heads, rank, False, scratch, latent=True, mask=mask)
    expanded = graph.wide(width, build.weight("attn_v_b", rank, width), graph.view(result))
    if run.vulkan and run.streams > 1:
        # Vulkan cannot multiply matrices that differ in their fourth dimension (``ggml-vulkan.cpp``, ``supports_op``).
        expanded.device = HOST
    return build.linear("attn_output", graph.wide(width, graph.view(expanded)), width, hidden)


def _compressed(build: Builder, mixer: CompressedAttention, source: Node) -> Node:
    """Add DeepSeek-V4's attention, in the form of attention with one KV head to the window and the compressed entries."""
    graph, run, hidden = build.graph, build.run, build.model.hidden
    width = mixer.heads * mixer.head_dim
    low = build.norm(build.linear("attn_q_a", source, hidden, mixer.query_rank), mixer.query_rank)
    query = build.linear("attn_q_b", low, mixer.query_rank, width)
    query = graph.wide(width, graph.view(query), build.positions)
    key = graph.wide(
        mixer.head_dim, graph.view(build.linear("attn_kv", source, hidden, mixer.head_dim)), build.positions
    )
    graph.expand(query)
    cells = graph.stored(per_cell(row_bytes(mixer.head_dim, run.key_type) * run.streams, False), build.kept_on)
    graph.store(cells, graph.view(key), build.input_slots(False, False, run.tokens))
    scratch = mixer.head_dim if run.key_type != "f16" else 0
    result = weighted(build, query, cells, graph.view(cells), mixer.heads, mixer.head_dim, False, scratch)
    low = build.linear("attn_output_a", result, width // mixer.output_groups, mixer.output_groups * mixer.output_rank)
    return build.linear("attn_output_b", low, mixer.output_groups * mixer.output_rank, hidden)
