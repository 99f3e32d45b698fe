"""Size of vLLM's paged cache: the blocks of one pool that each request of the full context takes, and their bytes.

Read in vLLM 0.33.0: ``v1/kv_cache_interface.py`` (``max_memory_usage_bytes``, ``max_admission_blocks_per_request``),
``v1/core/kv_cache_planning.py`` (``_max_memory_usage_bytes_from_groups``), ``config/vllm.py`` (``max_in_flight_tokens``).
What differs in the releases 0.11 to 0.30 was read there. Module ``kv_tables`` divides the layers into groups.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.engines.vllm.kv_tables import (
    CHECKPOINTS_SINCE,
    Blocks,
    block_bytes,
    has_mixer,
    layer_key,
    tables,
    window_blocks,
)
from vramfit.engines.vllm.kv_types import index_bytes
from vramfit.memory.vision import crossed_tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.vllm.kv_tables import Conditions, Key, Span, Table
    from vramfit.model import Model
    from vramfit.model.mixers import Mixer
    from vramfit.workload.common import Workload

COMPRESSED_ENTRY = 584
"""Bytes per entry of DeepSeek-V4's cache, always 8-bit (``v1/attention/backends/mla/flashmla_sparse.py``)."""
STATE_BYTES = 4
"""Bytes of an element of a recurrent state in float32."""
IN_FLIGHT_SINCE = (0, 26)
"""Release from which on windowed layers keep the tokens of every step that is scheduled and not yet processed, not only
those of one (vllm-project/vllm PR 47728)."""
ALIGNED_SINCE = (0, 15)
"""Release from which on models with attention and recurrent layers have prefix caching in mode ``align``: two states for
each sequence, one before and one after the current block. Until 0.28 it had to be asked for (vllm-project/vllm PR 50991),
which the known start-up logs of Qwen3.5 did; without it there is one."""


class Kind(Record):
    """Group of equal layers on one rank."""

    kind: str
    """Kind of the cache: one of those of ``memory.kv_cache.Cache.kind``."""
    layers: int
    token_bytes: int
    """Bytes per token and layer; for ``state`` layers the bytes of the whole state."""
    window: int | None = None
    """Number of tokens that a layer keeps: its window, or the encoder's outputs that a ``cross`` layer attends to; None
    where it keeps all, and where those outputs are the patches of images."""


def blocks(model: Model, work: Workload, conditions: Conditions, span: Span) -> Blocks:
    """Blocks that one request takes on a rank of the pipeline stage with the layers of ``span``."""
    flying = in_flight(conditions)
    if has_mixer(model, "compressed"):
        from vramfit.engines.vllm.compressed import compressed_blocks

        return compressed_blocks(model, work, conditions, flying, span)
    found = tables(model, work, conditions)
    if not found:
        return Blocks(0, 0, 0)
    count = sum([_blocks_of(table, work, flying, model, conditions) for table in found])
    size = block_bytes(found, span, model.layer_count)
    return Blocks(count, size, count * size)


def in_flight(conditions: Conditions) -> int:
    """Number of tokens that windowed layers keep for the steps that are scheduled and not processed."""
    if conditions.release < IN_FLIGHT_SINCE:
        return conditions.step_tokens
    stages = conditions.stages
    return (stages + 1 if conditions.v2 or stages == 1 else stages) * conditions.step_tokens


def _blocks_of(table: Table, work: Workload, flying: int, model: Model, conditions: Conditions) -> int:
    """Number of blocks that one sequence takes in one table, with ``flying`` tokens not processed yet."""
    if table.kind == "state":
        return states_kept(model, work, conditions)
    if table.kind == "cross":
        return -(-crossed_tokens(model, table.window, work) // table.tokens)
    if table.kind == "chunked":
        return -(-min((table.window or 0) + flying, work.context) // table.tokens)
    return window_blocks(table.window, work.context, flying, table.tokens)


def states_kept(model: Model, work: Workload, conditions: Conditions) -> int:
    """Number of states that each recurrent layer keeps for one sequence."""
    ahead = work.speculative_tokens or 0
    attends = any(mixer.widths.heads for group in model.layers for mixer in group.mixers)
    if conditions.release < ALIGNED_SINCE or not attends:
        return 1 + ahead
    exports = has_mixer(model, "mamba2") or (conditions.flashinfer and has_mixer(model, "gated_delta_net"))
    return 2 + ahead + int(exports and conditions.release >= CHECKPOINTS_SINCE)


def kinds(model: Model, work: Workload, ranks: int, span: Span) -> list[Kind]:
    """Caches of the layers from ``span[0]`` to before ``span[1]`` on one rank, with equal ones grouped.

    Recurrent states are in float32, and a compressed cache is that of its tokens.
    """
    merged: dict[Key, int] = {}
    for indices, keys in _groups(model, work.kv_cache_type, ranks):
        count = len([index for index in indices if span[0] <= index < span[1]])
        for key in keys if count else ():
            merged[key] = merged.get(key, 0) + count
    return [Kind(kind, layers, size, window) for (kind, size, window), layers in merged.items()]


@per_model
def _groups(model: Model, cache_type: str, ranks: int) -> list[tuple[tuple[int, ...], list[Key]]]:
    """Layers of each group of the model, and the caches of one such layer on one rank."""
    return [
        (group.indices, [key for mixer in group.mixers for key in _keys(mixer, model.hidden, cache_type, ranks)])
        for group in model.layers
    ]


def _keys(mixer: Mixer, hidden: int, cache_type: str, ranks: int) -> list[Key]:
    """Kind, bytes per token and window of each cache that a layer of ``mixer`` has on one rank."""
    cache = mixer.cache((0,), hidden)
    if cache is None:
        return []
    if cache.kind != "compressed":
        return [layer_key(mixer, cache, cache_type, ranks, STATE_BYTES, 0)]
    plain = ("sliding", COMPRESSED_ENTRY, cache.window)
    if not cache.ratio:
        return [plain]
    return [plain, ("full", -(-(COMPRESSED_ENTRY + index_bytes(cache.index_width)) // cache.ratio), None)]
