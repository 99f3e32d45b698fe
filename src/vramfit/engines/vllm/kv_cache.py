"""vLLM's paged cache: blocks of tokens from one pool, for every sequence at its longest.

A *page* is what one layer keeps of one block of 16 tokens. Layers of one kind share a block table and make a *group*;
models with several kinds are cut into groups of equally many layers, the last one padded, so that one block is equally
large whichever group takes it. Pages of different sizes are evened out first: the smaller page holds more tokens, or is
padded, and next to recurrent layers the attention block grows until its page covers one state.

Read in vLLM 0.33.0: ``v1/kv_cache_interface.py`` (``page_size_bytes``, ``max_admission_blocks_per_request``),
``v1/core/kv_cache_planning.py`` (``unify_kv_cache_spec_page_size``, ``_get_kv_cache_groups_uniform_page_size``,
``_max_memory_usage_bytes_from_groups``), ``platforms/interface.py`` (block size of hybrid models).
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.engines.distributed import local_kv_heads
from vramfit.memory.kv_cache import ELEMENT_TYPES
from vramfit.memory.vision import image_patches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from vramfit.model import Model
    from vramfit.model.mixers import Mixer
    from vramfit.workload.common import Workload

    Key: TypeAlias = tuple[str, int, int | None]
    """Kind, bytes per token and window of a cache."""

BLOCK = 16
"""Tokens of a block (``CacheConfig.block_size`` on CUDA)."""
LATENT_BLOCK = 128
"""Multiple of the block size where latent attention stands next to recurrent layers (``platforms/interface.py``)."""
FP8_SPARSE_LATENT = 656
"""Bytes per token of ``fp8_ds_mla``: 512 in 8 bits, four scales, 64 rotary elements in 16 bits
(``v1/attention/backends/mla/flashmla_sparse.py``)."""
COMPRESSED_ENTRY = 584
"""Bytes per entry of DeepSeek-V4's cache, always 8-bit (same file)."""
INDEX_SCALE_BYTES = 4
"""A float32 scale for each 128 elements of an indexer's 8-bit key (``models/deepseek_v2.py`` ``Indexer``)."""
INDEX_BLOCK = 128
STATES_PER_SEQUENCE = 2
"""Blocks of a recurrent layer per sequence while prefix caching is on, the default beside attention
(``MambaSpec.max_memory_usage_bytes``, mode ``align``); 1 in a model without attention."""
BATCHES_IN_FLIGHT = 2
"""Steps scheduled at once with asynchronous scheduling, the default (``config/vllm.py`` ``max_concurrent_batches``)."""
STATE_BYTES = 4
"""Recurrent states in float32, as the configurations of Nemotron-H, Qwen3.5 and Kimi Linear ask
(``mamba_ssm_cache_dtype``); where none is stated vLLM takes the model's 16 bits."""
GROUP_TOLERANCE = 1.5
"""Up to this ratio of layer counts the larger one makes the group (``_get_kv_cache_groups_uniform_page_size``)."""


class Kind(Record):
    """Equal layers of one rank that share a block table."""

    kind: str
    """As ``memory.kv_cache.Cache.kind``."""
    layers: int
    token_bytes: int
    """Per token and layer; for ``state`` layers the whole state."""
    window: int | None = None


def bytes_needed(model: Model, work: Workload, ranks: int, span: tuple[int, int], batched: int) -> tuple[int, int]:
    """Bytes of cache one rank needs for all sequences at full length, and of one block of its pool.

    ``span`` are the layers of its pipeline stage and ``batched`` the tokens of one step.
    """
    found = kinds(model, work, ranks, span)
    if not found:
        return 0, 0
    counts, block = _blocks(found, work, batched * BATCHES_IN_FLIGHT, model)
    return counts * block, block


def kinds(model: Model, work: Workload, ranks: int, span: tuple[int, int]) -> list[Kind]:
    """The caches of layers ``span[0]`` to ``span[1]`` on one rank, equal ones together."""
    merged: dict[tuple[str, int, int | None], int] = {}
    for indices, keys in _groups(model, work.kv_cache_type, ranks):
        count = len([index for index in indices if span[0] <= index < span[1]])
        for key in keys if count else ():
            merged[key] = merged.get(key, 0) + count
    return [Kind(kind, layers, size, window) for (kind, size, window), layers in merged.items()]


@per_model
def _groups(model: Model, cache_type: str, ranks: int) -> list[tuple[tuple[int, ...], list[Key]]]:
    """Layers of each group, and what one of them keeps on one rank."""
    return [
        (group.indices, [key for mixer in group.mixers for key in _keys(mixer, model.hidden, cache_type, ranks)])
        for group in model.layers
    ]


def _keys(mixer: Mixer, hidden: int, cache_type: str, ranks: int) -> list[Key]:
    """Kind, bytes per token and window of what one layer of ``mixer`` keeps on one rank."""
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
    return [(cache.kind, each + 2 * cache.index_width, cache.window)]


def _index_bytes(width: int) -> int:
    return 0 if not width else width + -(-width // INDEX_BLOCK) * INDEX_SCALE_BYTES


def _blocks(found: list[Kind], work: Workload, in_flight: int, model: Model) -> tuple[int, int]:
    """Blocks all sequences take together, and the bytes of one."""
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
        # Layers that need the same tokens share one group even where their widths differ.
        block = tokens * sum(kind.layers * kind.token_bytes for kind in found)
        return work.parallel * _blocks_of(found[0], work, tokens, per_sequence, model), block
    page = tokens * max(kind.token_bytes for kind in attention)
    counts = [kind.layers for kind in found]
    size = max(counts) if max(counts) < GROUP_TOLERANCE * min(counts) else min(counts)
    total = 0
    for kind in found:
        own = tokens * kind.token_bytes
        held = tokens * (page // own) if kind.kind != "state" and page % own == 0 else tokens
        total += -(-kind.layers // size) * _blocks_of(kind, work, held, per_sequence, model)
    return work.parallel * total, size * page


def _blocks_of(kind: Kind, work: Workload, tokens: int, in_flight: int, model: Model) -> int:
    """Blocks of ``tokens`` tokens that one sequence takes of one group."""
    if kind.kind == "state":
        return STATES_PER_SEQUENCE
    if kind.kind == "cross":
        patches = work.images * image_patches(model.vision, work.image_size) if model.vision is not None else 0
        return -(-patches // tokens)
    if kind.window is None:
        return -(-work.context // tokens)
    if kind.kind == "chunked":
        return -(-min(kind.window + in_flight, work.context) // tokens)
    # One more, because the window need not start where a block does.
    return -(-min(kind.window - 1 + in_flight, work.context) // tokens) + 1
