"""Size of vLLM's paged cache: blocks of tokens from one pool, for all sequences at full length.

A *page* is the memory of one layer for one block of 16 tokens. Layers of one kind share a block table and form a *group*.
Models with several kinds are divided into groups with equal numbers of layers, the last one padded, so that a block has
the same size for every group. Pages must have equal sizes: a smaller page is extended to more tokens or padded, and in
models with recurrent layers the attention block is extended until its page is at least as large as one state.

Read in vLLM 0.33.0: ``v1/kv_cache_interface.py`` (``page_size_bytes``, ``max_admission_blocks_per_request``),
``v1/core/kv_cache_planning.py`` (``unify_kv_cache_spec_page_size``, ``_get_kv_cache_groups_uniform_page_size``,
``_max_memory_usage_bytes_from_groups``), ``platforms/interface.py`` (block size of hybrid models).
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.engines.distributed import local_kv_heads
from vramfit.memory.kv_cache import ELEMENT_TYPES
from vramfit.memory.vision import crossed_tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from vramfit.model import Model
    from vramfit.model.mixers import Mixer
    from vramfit.workload.common import Workload

    Key: TypeAlias = tuple[str, int, int | None]
    """Kind, bytes per token and window of a cache."""

BLOCK = 16
"""Number of tokens of a block (``CacheConfig.block_size`` on CUDA)."""
LATENT_BLOCK = 128
"""Number of tokens that a block is a multiple of in models with latent attention and recurrent layers
(``platforms/interface.py``)."""
FP8_SPARSE_LATENT = 656
"""Bytes per token of ``fp8_ds_mla``: 512 in 8 bits, four scales, 64 rotary elements in 16 bits
(``v1/attention/backends/mla/flashmla_sparse.py``)."""
COMPRESSED_ENTRY = 584
"""Bytes per entry of DeepSeek-V4's cache, always 8-bit (``v1/attention/backends/mla/flashmla_sparse.py``)."""
INDEX_SCALE_BYTES = 4
INDEX_BLOCK = 128
"""Bytes of the float32 scale of an indexer's 8-bit key, and number of elements that share one (``models/deepseek_v2.py``
``Indexer``)."""
STATES_PER_SEQUENCE = 2
"""Number of blocks of a recurrent layer per sequence with prefix caching, which is on by default in models that have
attention (``MambaSpec.max_memory_usage_bytes``, mode ``align``). Models without attention have 1."""
BATCHES_IN_FLIGHT = 2
"""Number of steps scheduled at the same time with asynchronous scheduling, the default (``config/vllm.py``
``max_concurrent_batches``)."""
STATE_BYTES = 4
"""Bytes of an element of a recurrent state: float32, which the configurations of Nemotron-H, Qwen3.5 and Kimi Linear ask
for (``mamba_ssm_cache_dtype``). Without such a statement vLLM uses the model's 16 bits."""
GROUP_TOLERANCE = 1.5
"""Ratio of layer counts below which the larger count is the size of a group, and from which the smaller one is
(``_get_kv_cache_groups_uniform_page_size``)."""


class Kind(Record):
    """Group of equal layers on one rank that share a block table."""

    kind: str
    """Kind of the cache: one of those of ``memory.kv_cache.Cache.kind``."""
    layers: int
    token_bytes: int
    """Bytes per token and layer; for ``state`` layers the bytes of the whole state."""
    window: int | None = None
    """Number of tokens that a layer keeps: its window, or the encoder's outputs that a ``cross`` layer attends to; None
    where it keeps all, and where those outputs are the patches of images."""


def bytes_needed(model: Model, work: Workload, ranks: int, span: tuple[int, int], batched: int) -> tuple[int, int]:
    """Bytes of cache that one rank needs for all sequences at full length, and bytes of one block of its pool.

    ``span`` is the range of layers of the rank's pipeline stage, and ``batched`` the number of tokens of one step.
    """
    found = kinds(model, work, ranks, span)
    if work.draft is not None:
        from vramfit.engines.speculative import drafting

        draft = drafting(work).model
        found = _merged([*found, *kinds(draft, work, ranks, (0, draft.layer_count))])
    if not found:
        return 0, 0
    counts, block = _blocks(found, work, batched * BATCHES_IN_FLIGHT, model)
    return counts * block, block


def kinds(model: Model, work: Workload, ranks: int, span: tuple[int, int]) -> list[Kind]:
    """Caches of the layers from ``span[0]`` to before ``span[1]`` on one rank, with equal ones grouped."""
    merged: dict[tuple[str, int, int | None], int] = {}
    for indices, keys in _groups(model, work.kv_cache_type, ranks):
        count = len([index for index in indices if span[0] <= index < span[1]])
        for key in keys if count else ():
            merged[key] = merged.get(key, 0) + count
    return [Kind(kind, layers, size, window) for (kind, size, window), layers in merged.items()]


def _merged(found: list[Kind]) -> list[Kind]:
    """Join the caches of a model's layers and of its draft's that are equal."""
    counts: dict[tuple[str, int, int | None], int] = {}
    for one in found:
        key = (one.kind, one.token_bytes, one.window)
        counts[key] = counts.get(key, 0) + one.layers
    return [Kind(kind, layers, size, window) for (kind, size, window), layers in counts.items()]


@per_model
def _groups(model: Model, cache_type: str, ranks: int) -> list[tuple[tuple[int, ...], list[Key]]]:
    """Layers of each group of the model, and the caches of one such layer on one rank."""
    return [
        (group.indices, [key for mixer in group.mixers for key in _keys(mixer, model.hidden, cache_type, ranks)])
        for group in model.layers
    ]


def _keys(mixer: Mixer, hidden: int, cache_type: str, ranks: int) -> list[Key]:
    """Kind, bytes per token and window of each cache that a layer of ``mixer`` has on one rank."""
    quantized = cache_type not in ("f16", "bf16")
    block, size = ELEMENT_TYPES[cache_type]
    cache = mixer.cache((0,), hidden)
    if cache is None:
        return []
    if cache.kind == "latent":
        each = cache.key_width * size // block
        if cache.index_width and quantized:
            each = FP8_SPARSE_LATENT
        return [("full", each + _index_bytes(cache.index_width), None)]
    if cache.kind == "compressed":
        plain = ("sliding", COMPRESSED_ENTRY, cache.window)
        if not cache.ratio:
            return [plain]
        entry = COMPRESSED_ENTRY + _index_bytes(cache.index_width)
        return [plain, ("full", -(-entry // cache.ratio), None)]
    if cache.kind == "state":
        whole = 2 * cache.convolution_elements + STATE_BYTES * cache.recurrent_elements
        return [("state", -(-whole // ranks), None)]
    whole_heads = max(1, mixer.widths.kv_heads)
    heads = local_kv_heads(whole_heads, ranks)
    each = heads * ((cache.key_width + cache.value_width) // whole_heads) * size // block
    if cache_type == "int8":  # a float32 scale per token and head, for K and for V
        each += 2 * heads * 4
    # The keys of an indexer beside them are taken to be as the model: nothing says that they are packed.
    kept = cache.encoder_tokens if cache.kind == "cross" else cache.window
    return [(cache.kind, each + 2 * cache.index_width, kept)]


def _index_bytes(width: int) -> int:
    return 0 if not width else width + -(-width // INDEX_BLOCK) * INDEX_SCALE_BYTES


def _blocks(found: list[Kind], work: Workload, in_flight: int, model: Model) -> tuple[int, int]:
    """Number of blocks that all sequences take together, and bytes of one block."""
    states = [kind for kind in found if kind.kind == "state"]
    attention = [kind for kind in found if kind.kind != "state"]
    per_sequence = -(-in_flight // work.parallel)
    if not attention:
        return work.parallel, sum(kind.layers * kind.token_bytes for kind in states)
    tokens = BLOCK
    if states:
        multiple = LATENT_BLOCK if model.has_latent_attention else BLOCK
        largest = max(kind.token_bytes for kind in attention)
        tokens = multiple * -(-max(kind.token_bytes for kind in states) // (multiple * largest))
    one_table = len({(kind.kind, kind.window) for kind in found}) == 1
    if one_table:
        # Layers that keep equal numbers of tokens share one group even if their widths differ.
        block = tokens * sum(kind.layers * kind.token_bytes for kind in found)
        return work.parallel * _blocks_of(found[0], work, tokens, per_sequence, model), block
    page = tokens * max(kind.token_bytes for kind in attention)
    counts = [kind.layers for kind in found]
    size = max(counts) if max(counts) < GROUP_TOLERANCE * min(counts) else min(counts)
    total = 0
    for kind in found:
        own = tokens * kind.token_bytes
        block_tokens = tokens * (page // own) if kind.kind != "state" and page % own == 0 else tokens
        total += -(-kind.layers // size) * _blocks_of(kind, work, block_tokens, per_sequence, model)
    return work.parallel * total, size * page


def _blocks_of(kind: Kind, work: Workload, tokens: int, in_flight: int, model: Model) -> int:
    """Number of blocks of ``tokens`` tokens that one sequence takes in one group."""
    if kind.kind == "state":
        return STATES_PER_SEQUENCE + (work.speculative_tokens or 0)
    if kind.kind == "cross":
        return -(-crossed_tokens(model, kind.window, work) // tokens)
    if kind.window is None:
        return -(-work.context // tokens)
    if kind.kind == "chunked":
        return -(-min(kind.window + in_flight, work.context) // tokens)
    # The window need not start at the boundary of a block, so it can touch one block more.
    return -(-min(kind.window - 1 + in_flight, work.context) // tokens) + 1
