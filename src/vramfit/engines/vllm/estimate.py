"""Memory of vLLM: layers split over the GPUs, a paged cache, and a fixed share of each card that everything must fit into.

The estimate is the memory *needed*: the least with which the server starts and has room for all sequences at full length.
``nvidia-smi`` shows more, because vLLM takes a fixed share of the card for any model (``gpu_memory_utilization``, 0.92 by
default). Weights, the peak of the profile run, libraries and the cache must fit into that share, or vLLM refuses to start,
so the share is the limit for the verdict; from 0.21 on an estimate of the CUDA graphs must fit too, which lie outside of it
before. The CUDA context and NCCL are not part of it, since vLLM counts from the memory that is in use when it first
measures the card. The whole share must be free then, and what comes later must find room beside it.

The formulas follow vLLM 0.33.0; ``release`` has what differs in older versions.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.distributed import layout, sequences_text, split_text, stage_layers
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate
from vramfit.engines.servers import refuse_offload, sequences
from vramfit.engines.vllm.budget import experts_kernel, libraries
from vramfit.engines.vllm.graphs import graph_bytes, sizes
from vramfit.engines.vllm.pool import cache_bytes, caches, context_refusal, pool, with_swap_space
from vramfit.engines.vllm.profile_run import Rank, Step, peak
from vramfit.engines.vllm.release import release
from vramfit.engines.vllm.spread import (
    ESTIMATED_SHARE,
    GRAPHS,
    LIBRARIES,
    PEAK,
    WEIGHTS_HIGH,
    WEIGHTS_HIGH_BITSANDBYTES,
    WEIGHTS_LOW,
    high_bytes,
    low_bytes,
)
from vramfit.engines.vllm.weights import stages
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.vllm import Cards
    from vramfit.engines.vllm.budget import Libraries
    from vramfit.engines.vllm.profile_run import Peak
    from vramfit.engines.vllm.release import Release
    from vramfit.engines.vllm.weights import Stage

UTILIZATION, UTILIZATION_EARLIER = 0.92, 0.9
"""Default of ``gpu_memory_utilization`` from 0.21 on, and before (``config/cache.py``)."""


class Parts(Record):
    """Parts of one rank's memory that are neither weights nor cache."""

    peak: Peak
    libraries: Libraries
    graphs_bytes: int
    """Bytes of the CUDA graphs: vLLM's own estimate if that is deducted from the share, else as measured."""
    beside_bytes: int
    """Bytes that lie outside of the share of the card, without the context of a process on one GPU."""


def estimate(job: Job[Cards, ServerKeys]) -> Estimate:
    """Estimate the memory of a server, rank by rank; raises ``UsageError`` for what vLLM refuses."""
    model, work, keys, cards = job.model, job.workload, job.keys, job.traits
    if work.draft is not None:
        return _drafted(job)
    if work.kv_cache_type != work.kv_cache_type_v:
        raise UsageError("vllm keeps K and V in one type", "leave kv_cache_type_v out")
    refuse_offload(model, work, "vllm")
    ranks, count = layout(job)
    tokens, rows = steps(job)
    facts = release(keys)
    utilization = keys.gpu_memory_utilization or (UTILIZATION if facts.numbers >= (0, 21) else UTILIZATION_EARLIER)
    stage_weights = stages(job.checkpoint, ranks, count, cards.mxfp4_kernel)
    weights_high = WEIGHTS_HIGH_BITSANDBYTES if job.scheme.family == "bitsandbytes" else WEIGHTS_HIGH
    of_stage = [parts(job, facts, number) for number in range(count)]
    cached = caches(job, tokens, rows)
    gpus = []
    for number in range(job.gpu_count):
        stage = stage_weights[number // ranks]
        cache, block = cache_bytes(keys, cached, number), cached.blocks[number].block_bytes
        gpus.append(_device(f"gpu{number}", stage, weights_high, cache, block, of_stage[number // ranks]))
    beside = tuple([of_stage[number // ranks].beside_bytes for number in range(job.gpu_count)])
    return Estimate(
        tuple(gpus),
        with_swap_space(NOTHING, job),
        job.checkpoint.file_bytes,
        _assumptions(job, ranks, count, utilization, tokens),
        {
            "tensor_parallel": ranks,
            "pipeline_parallel": count,
            "max_num_seqs": rows,
            "max_batched_tokens": tokens,
            "gpu_memory_utilization": utilization,
        },
        plan=cached,
        pool=pool(keys, utilization, beside, gpus, cached),
        refusal=context_refusal(job),
    )


def steps(job: Job[Cards, ServerKeys]) -> tuple[int, int]:
    """Largest numbers of tokens and of sequences of a step."""
    tokens = job.keys.max_batched_tokens or job.traits.step_tokens
    return tokens, sequences(job.keys, job.workload, job.traits.step_sequences)


def parts(job: Job[Cards, ServerKeys], facts: Release, stage: int) -> Parts:
    """Parts of the memory of one rank of a pipeline stage that are neither weights nor cache."""
    model, work, keys, cards = job.model, job.workload, job.keys, job.traits
    ranks, count = layout(job)
    tokens, rows = steps(job)
    last = stage == count - 1
    kernel = experts_kernel(job.scheme, cards.generation, cards.mxfp4_kernel, facts)
    rank = Rank(
        ranks, count, stage == 0, last, keys.expert_parallel, kernel, cards.multiprocessors, cards.workspace_bytes
    )
    found = peak(model, job.scheme, Step(tokens, rows, work.images, work.image_size), rank, facts)
    query = 1 + (work.speculative_tokens or 0)
    captured = () if keys.enforce_eager else sizes(rows, tokens, query, facts, cards.generation == "blackwell")
    graphs = graph_bytes(
        model,
        ranks,
        stage_layers(model.layer_count, count)[stage],
        captured,
        rows * query,
        facts,
        kernel == "triton",
        job.scheme.id == "w8a8",
        cards.generation == "hopper",
    )
    if facts.graphs_in_share:
        graphs = round(graphs * ESTIMATED_SHARE)
    several = keys.data_parallel is not None and keys.data_parallel > 1
    held = libraries(model, ranks, count, last, cards.generation, facts, several)
    beside = held.outside_bytes + (0 if facts.graphs_in_share else graphs)
    beside += 0 if facts.counts_everything else found.counts_bytes
    return Parts(found, held, graphs, beside)


def _device(name: str, stage: Stage, weights_high: float, cache: int, block: int, found: Parts) -> DeviceMemory:
    """Memory of one GPU, without the CUDA context of a process on one GPU."""
    weights = stage.weights_bytes
    compute, libraries = found.peak.total_bytes, found.libraries.inside_bytes + found.libraries.outside_bytes
    graphs = found.graphs_bytes
    return DeviceMemory(
        name,
        weights,
        cache,
        compute,
        # One block of the pool is never used (``BlockPool.null_block``).
        libraries + graphs + block,
        round(weights * WEIGHTS_LOW)
        + cache
        + low_bytes(compute, PEAK)
        + low_bytes(libraries, LIBRARIES)
        + low_bytes(graphs, GRAPHS),
        round(weights * weights_high)
        + cache
        + block
        + high_bytes(compute, PEAK)
        + high_bytes(libraries, LIBRARIES)
        + high_bytes(graphs, GRAPHS),
        stage.read_bytes,
    )


def _drafted(job: Job[Cards, ServerKeys]) -> Estimate:
    """Estimate the memory of a server with a draft, whose layers share blocks with those of the model."""
    from vramfit._record import replace
    from vramfit.engines.speculative import plain
    from vramfit.engines.vllm.speculative import with_draft

    alone, keys = estimate(plain(job)), job.keys
    tokens, rows = steps(job)
    cached, before = caches(job, tokens, rows), caches(plain(job), tokens, rows)
    ranks, count = layout(job)
    spans = stage_layers(job.model.layer_count, count)

    def more(_job: Job[Cards, ServerKeys], _ranks: int, span: tuple[int, int]) -> tuple[int, int]:
        """Bytes that the draft adds to the cache of a rank, and to a spare block."""
        number = spans.index(span) * ranks
        blocks = [found.blocks[number].block_bytes for found in (cached, before)]
        sizes = [cache_bytes(keys, found, number) for found in (cached, before)]
        return sizes[0] - sizes[1], blocks[0] - blocks[1]

    found = with_draft(job, alone, job.traits.mxfp4_kernel, (WEIGHTS_LOW, WEIGHTS_HIGH), more)
    share, beside = (0.0, ()) if found.pool is None else (found.pool.share, found.pool.outside_bytes)
    return replace(found, plan=cached, pool=pool(keys, share, beside, found.gpus, cached))


def _assumptions(
    job: Job[Cards, ServerKeys], ranks: int, count: int, utilization: float, tokens: int
) -> tuple[str, ...]:
    assumptions = [
        f"the cache holds {sequences_text(job.workload)}; vLLM takes {utilization:.0%} "
        "of each card whatever the need, and must start within that",
        f"a step processes up to {tokens:,} tokens",
    ]
    assumptions += split_text(job, ranks, count)
    if job.scheme.family == "bitsandbytes":
        assumptions.append(
            "needs a vLLM version or plugin that loads bitsandbytes; double-quantized scales are kept so"
        )
    return tuple(assumptions)
