"""vLLM's pool of blocks on each rank: what the requests of a deployment need of it, and what the engine demands besides.

Read in vLLM 0.33.0: ``v1/worker/utils.py`` ``request_memory``, ``v1/worker/gpu_worker.py`` ``determine_available_memory``
(``kv_cache_memory_bytes``), ``v1/core/kv_cache_planning.py`` ``_check_enough_kv_cache_memory``, ``config/compilation.py``
``resolve_cudagraph_mode_and_sizes``.
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.engines.distributed import copies, layout, stage_layers, stage_of
from vramfit.engines.vllm.kv_cache import blocks
from vramfit.engines.vllm.kv_tables import Conditions, recurs
from vramfit.engines.vllm.release import release
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.interface import DeviceMemory, Job
    from vramfit.engines.pool import Pool
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.vllm import Cards
    from vramfit.engines.vllm.kv_tables import Blocks

STATES_CHECKED_SINCE = (0, 21)
"""Release from which on a model with recurrent layers does not start with fewer blocks than ``max_num_seqs``, if decoding
runs as full CUDA graphs, which is the default. Before, it captured fewer graphs
(0.19 ``adjust_cudagraph_sizes_for_mamba_cache``)."""

SWAP_UNTIL = (0, 19)
"""First release without swap space for requests that wait (0.17 ``config/cache.py`` still has ``swap_space``)."""
SPARE_REASON = (
    "vLLM does not start with max_num_seqs {:,}: each of so many requests needs a block of the cache for the states of the"
    " recurrent layers before CUDA graphs are captured"
)


class Caches(Record):
    """Cache of each rank, in the order of the GPUs."""

    blocks: tuple[Blocks, ...]
    """Blocks of one request."""
    requests: int
    """Number of requests that a rank holds."""
    copies: int
    """Number of ranks that hold requests of their own (data parallel)."""
    least_blocks: int
    """Number of blocks without which the engine does not start, whatever the requests take."""

    def need_bytes(self, number: int) -> int:
        """Bytes that the requests need on a GPU: of one alone as many as the engine demands before it starts."""
        one = self.blocks[number]
        return max(one.least_bytes, self.requests * one.count * one.block_bytes)


def caches(job: Job[Cards, ServerKeys], step_tokens: int, sequences: int) -> Caches:
    """Caches of all ranks for the requests of a job, in steps of ``step_tokens`` and at most ``sequences`` requests.

    The requests are those of one copy of the model.
    """
    model, work, keys = job.model, job.workload, job.keys
    ranks, count = layout(job)
    facts = release(keys)
    wide = job.scheme.id == "fp32" and work.kv_cache_type == "f16"
    kind = "f32" if wide else work.kv_cache_type
    conditions = Conditions(
        facts.numbers, facts.v2(model), ranks, count, step_tokens, kind, job.traits.flashinfer_states
    )
    found = [blocks(model, work, conditions, span) for span in stage_layers(model.layer_count, count)]
    checked = facts.numbers >= STATES_CHECKED_SINCE and not keys.enforce_eager and recurs(model)
    return Caches(
        tuple([found[stage_of(number, ranks, count)] for number in range(job.gpu_count)]),
        work.parallel,
        copies(keys),
        sequences if checked else 0,
    )


def cache_bytes(keys: ServerKeys, found: Caches, number: int) -> int:
    """Bytes of the cache of a GPU without the block of the pool that is never given out (``BlockPool.null_block``).

    A stated size of the cache is taken whatever the need.
    """
    need, size = found.need_bytes(number), found.blocks[number].block_bytes
    return max(need, (keys.kv_cache_memory_bytes or 0) - size)


def demanding(pool: Pool, keys: ServerKeys, gpus: Sequence[DeviceMemory], found: Caches) -> Pool:
    """Add to a pool what the caches demand: a stated size in place of the share, and blocks that must be left.

    The share must be free at the start nonetheless.
    """
    stated = keys.kv_cache_memory_bytes
    taken = [gpu.kv_cache_bytes + found.blocks[number].block_bytes for number, gpu in enumerate(gpus)]
    spare = [max(0, found.least_blocks * one.block_bytes - size) for one, size in zip(found.blocks, taken, strict=True)]
    fixed: tuple[int | None, ...] = ()
    if stated is not None:
        # The need contains what lies outside of the share, which the pool adds to its limit.
        rest = [
            gpu.total_bytes - size - beside for gpu, size, beside in zip(gpus, taken, pool.outside_bytes, strict=True)
        ]
        fixed = tuple([None if size <= stated else own + stated for own, size in zip(rest, taken, strict=True)])
    if not any(spare):
        return replace(pool, fixed_bytes=fixed, spare_bytes=(), spare_reason="")
    reason = SPARE_REASON.format(found.least_blocks)
    return replace(pool, fixed_bytes=fixed, spare_bytes=tuple(spare), spare_reason=reason)


def context_refusal(job: Job[Cards, ServerKeys]) -> str | None:
    """Reason why vLLM refuses the context of a job: it is longer than the model's maximum; None if it is not.

    Models without attention have no such maximum. Source: ``config/model.py`` ``_get_and_verify_max_len``.
    """
    model, work = job.model, job.workload
    attends = any(mixer.widths.heads for group in model.layers for mixer in group.mixers)
    if not attends or not model.context or work.context <= model.context:
        return None
    return (
        f"vLLM refuses a context of {work.context:,} tokens, because the model's maximum is {model.context:,}"
        " (_get_and_verify_max_len in its config/model.py); rope_scaling or long_context extends it"
    )


def with_swap_space(host: DeviceMemory, job: Job[Cards, ServerKeys]) -> DeviceMemory:
    """Add the swap space of all GPUs to the memory of the host, where a deployment states one.

    Raises ``UsageError`` for a release without it.
    """
    each = job.keys.swap_space_bytes
    if not each:
        return host
    if release(job.keys).numbers >= SWAP_UNTIL:
        raise UsageError(
            "vllm has no swap space from 0.19 on: requests that wait are computed again",
            "leave swap_space out, or state an engine_version before 0.19",
        )
    size = each * job.gpu_count
    return replace(
        host,
        overhead_bytes=host.overhead_bytes + size,
        low_bytes=host.low_bytes + size,
        high_bytes=host.high_bytes + size,
    )
