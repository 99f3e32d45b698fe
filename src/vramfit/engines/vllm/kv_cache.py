"""Size of vLLM's paged cache: the blocks of one pool that each request of the full context takes, and their bytes.

Read in vLLM 0.33.0: ``v1/kv_cache_interface.py`` (``max_memory_usage_bytes``, ``max_admission_blocks_per_request``),
``v1/core/kv_cache_planning.py`` (``_max_memory_usage_bytes_from_groups``), ``config/vllm.py`` (``max_in_flight_tokens``).
What differs in the releases 0.11 to 0.30 was read there. Module ``kv_tables`` divides the layers into groups.
"""

from __future__ import annotations

from vramfit.engines.vllm.kv_tables import (
    CHECKPOINTS_SINCE,
    Blocks,
    block_bytes,
    has_mixer,
    tables,
    window_blocks,
)
from vramfit.memory.vision import crossed_tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.vllm.kv_tables import Conditions, Span, Table
    from vramfit.model import Model
    from vramfit.workload.common import Workload

IN_FLIGHT_SINCE = (0, 26)
"""Release from which on windowed layers keep the tokens of every step that is scheduled and not yet processed, not only
those of one (vllm-project/vllm PR 47728)."""
ALIGNED_SINCE = (0, 15)
"""Release from which on models with attention and recurrent layers have prefix caching in mode ``align``: two states for
each sequence, one before and one after the current block. Until 0.28 it had to be asked for (vllm-project/vllm PR 50991),
which the known start-up logs of Qwen3.5 did; without it there is one."""


def blocks(model: Model, work: Workload, conditions: Conditions, span: Span) -> Blocks:
    """Blocks that one request takes on a rank of the pipeline stage with the layers of ``span``."""
    flying = in_flight(conditions)
    if has_mixer(model, "compressed"):
        from vramfit.engines.vllm.compressed import compressed_blocks
        from vramfit.engines.vllm.compressed_once import compresses_once, shared_blocks

        if compresses_once(model):
            return shared_blocks(model, work, flying, span)
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
