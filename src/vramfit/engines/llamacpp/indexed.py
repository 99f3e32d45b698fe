"""Graph of indexers that select the cells which attention reads (Qwen3.8-Flash-Next, DeepSeek-V3.2, GLM-5).

Source: ggml-org/llama.cpp 001d906a6 ``src/models/qwen4exp.cpp`` (``build_qsa_top_k``, ``build_attn_qsa``) and 06e514f61
``src/models/glm-dsa.cpp``. The largest tensors of an indexer have a number for each token and cell. The first scores blocks
of cells, and spreads the scores over the cells; the others score cells in one operation (``ggml_lightning_indexer``), on
back ends that have it. The full mask is filled and opened for the cells that are selected.
"""

from __future__ import annotations

from vramfit.engines.llamacpp.graph import NOTHING, per_cell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.llamacpp.graph import Builder, Node
    from vramfit.model.architecture import Attention
    from vramfit.model.mixers import LatentAttention

SELECTING = {"qwen4exp": "qwen4_exp_text", "deepseek32": "deepseek_v32", "glm-dsa": "glm_moe_dsa"}
"""Architectures of GGUF files whose attention reads only cells that an indexer selects, with their ``model_type``."""
BLOCK = 4
"""Number of cells of a block (``compress_ratios`` of the released file, beside ``rms_norm`` of 262144/4 rows)."""
HEADS = 4
"""Number of the indexer's query heads (``indexer_n_heads`` of Qwen/Qwen3.8-Flash-Next config.json)."""
SELECTED = 2048
"""Number of cells that are selected (``indexer_topk`` of that file), beside those of the last block."""


def selects(build: Builder) -> bool:
    """Return True if the model's attention reads only cells that an indexer selects."""
    architecture = build.model.architecture
    return architecture.gguf in SELECTING or architecture.model_type in SELECTING.values()


def scored(build: Builder, mixer: Attention, source: Node) -> Node:
    """Add the scoring of blocks of cells and of the cells, and the numbers of the best ones."""
    graph, run, hidden, width = build.graph, build.run, build.model.hidden, mixer.indexer_dim
    tokens, streams = run.tokens, run.streams
    blocks = build.shared("blocks", per_cell(4 * tokens // BLOCK, False))
    cells = build.shared("cells", per_cell(4 * 2 * streams, False))
    key = build.linear("indexer.attn_k", source, hidden, width)
    keys = graph.stored(per_cell(2 * width * streams, False), build.kept_on)
    graph.store(keys, graph.view(key), build.input_slots(False, False, tokens))
    members = graph.put(per_cell(4 * width * streams, False), keys, cells)
    pooled = graph.put(per_cell(4 * width * streams // BLOCK, False), graph.view(members))
    for _ in range(BLOCK - 1):
        pooled = graph.same(pooled, graph.put(pooled.size, graph.view(members)))
    normed = graph.same(graph.put(pooled.size, graph.view(pooled)), build.vector(width))
    turned = graph.put(pooled.size, graph.view(normed))
    query = build.linear("indexer.attn_q", source, hidden, HEADS * width)
    query = graph.wide(HEADS * width, graph.view(build.norm(query, width)), build.positions)
    scores = graph.put(per_cell(4 * tokens * HEADS // BLOCK, False), graph.view(turned), graph.view(query))
    scores = graph.put(scores.size, graph.view(scores))
    summed = graph.put(per_cell(4 * tokens // BLOCK, False), graph.view(scores))
    for _ in range(HEADS - 1):
        summed = graph.same(summed, graph.view(scores))
    by_block = graph.put(summed.size, graph.view(graph.same(summed, blocks)))
    spread = graph.put(per_cell(4 * tokens, False), graph.view(by_block), cells)
    spread = graph.put(spread.size, graph.view(spread))
    mask = build.mask(False)
    added = graph.same(spread, graph.put(spread.size, mask) if run.flash_attention else mask)
    best = graph.put((4 * SELECTED * tokens, 0, 0), added)
    return graph.put(best.size, graph.view(best))


def scored_at_once(build: Builder, mixer: LatentAttention, source: Node, low: Node) -> Node:
    """Add the scoring of cells by heads that share a key, and the numbers of the best; ``low`` is the compressed query."""
    graph, run, hidden = build.graph, build.run, build.model.hidden
    width, heads = mixer.indexer_dim or 0, mixer.indexer_heads or 0
    query = build.linear("indexer.attn_q_b", low, mixer.query_rank or hidden, heads * width)
    turned = graph.wide(heads * width, graph.wide(mixer.rope_dim * heads, graph.view(query), build.positions), query)
    query = graph.wide(heads * width, turned)
    key = build.norm(build.linear("indexer.attn_k", source, hidden, width), width)
    key = graph.wide(width, graph.wide(width, graph.view(key), build.positions))
    keys = graph.stored(per_cell(2 * width * run.streams, False), build.kept_on)
    graph.store(keys, graph.view(key), build.input_slots(False, False, run.tokens))
    weights = graph.same(build.linear("indexer.proj", source, hidden, heads))
    mask = build.shared("mask of the indexer", per_cell(2 * run.tokens, False))
    scores = graph.put(per_cell(4 * run.tokens, False), graph.view(query), keys, weights, mask)
    best = graph.put((4 * SELECTED * run.tokens, 0, 0), scores)
    return graph.put(best.size, best)


def masked(build: Builder, top: Node) -> Node:
    """Add the mask that is open for the selected cells alone; ``top`` has their numbers."""
    graph, mask = build.graph, build.mask(False)
    filled = graph.put(mask.size, mask)
    opened = graph.put(NOTHING, filled, graph.put((4 * SELECTED * build.run.tokens, 0, 0)), top)
    return graph.put(mask.size, graph.view(filled), opened, mask)
