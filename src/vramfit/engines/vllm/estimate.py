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

from vramfit._record import replace
from vramfit.engines.distributed import (
    copies,
    layout,
    of_one_copy,
    sequences_text,
    split_text,
    stage_layers,
    stage_of,
)
from vramfit.engines.interface import DeviceMemory, Estimate
from vramfit.engines.ngram_table import sentence
from vramfit.engines.pool import Pool
from vramfit.engines.servers import refuse_offload
from vramfit.engines.vllm.attention import refusal
from vramfit.engines.vllm.loaded import host_memory, host_table_bytes, loaded, recipe_text
from vramfit.engines.vllm.parts import parts, steps, utilization
from vramfit.engines.vllm.pool import cache_bytes, caches, context_refusal, demanding, with_swap_space
from vramfit.engines.vllm.release import release
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.interface import Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.vllm import Cards
    from vramfit.engines.vllm.loaded import Loaded
    from vramfit.engines.vllm.parts import Parts
    from vramfit.engines.vllm.pool import Caches

WEIGHTS_LOW, WEIGHTS_HIGH = 0.995, 1.015
"""Lowest and highest factor of the expected weights. Loaded weights in start-up logs are within 0.5 % of the expected ones
(tests/engines/vllm/measured.yaml), but some checkpoints of a scheme keep further layers at 16 bits."""
WEIGHTS_HIGH_BITSANDBYTES = 1.08
"""Highest factor of the expected weights for bitsandbytes: later versions undo the double quantization (``weights``), and
dynamic checkpoints keep further layers at 16 bits (Llama-3.1-8B 5.60 GiB instead of 5.35,
unslothai/notebooks@bdda2efc Llama3.1_(8B)-GRPO)."""
COMPUTE_LOW, COMPUTE_HIGH = 0.4, 1.35
"""Lowest and highest factor of the peak of ``activations.peak_bytes``, which SGLang's estimate takes: 0.37 in a start-up log
of a 14B on two GPUs (vllm-project/vllm issue 13061)."""


def estimate(job: Job[Cards, ServerKeys]) -> Estimate:
    """Estimate the memory of a server, rank by rank; raises ``UsageError`` for what vLLM refuses."""
    model, work, keys, cards = job.model, job.workload, job.keys, job.traits
    if work.draft is not None:
        return _drafted(job)
    if work.kv_cache_type != work.kv_cache_type_v:
        raise UsageError("vllm keeps K and V in one type", "leave kv_cache_type_v out")
    refuse_offload(model, work, "vllm")
    ranks, count = layout(job)
    job = of_one_copy(job)
    work = job.workload
    tokens, rows = steps(job)
    facts = release(keys)
    share = utilization(keys, facts)
    weights_high = WEIGHTS_HIGH_BITSANDBYTES if job.scheme.family == "bitsandbytes" else WEIGHTS_HIGH
    loads = loaded(job, ranks, count, cards.mxfp4_kernel, (WEIGHTS_LOW, weights_high), tokens)
    of_stage = [parts(job, facts, number) for number in range(count)]
    cached = caches(job, tokens, rows)
    gpus, starting, mine = [], [], []
    for number in range(job.gpu_count):
        stage = stage_of(number, ranks, count)
        load = loads[stage]
        cache, block = cache_bytes(keys, cached, number), cached.blocks[number].block_bytes
        own = of_stage[stage]
        mine.append(own)
        starting.append(load.weights_bytes + own.starting_bytes + own.profiled_blocks * block)
        gpus.append(_memory(number, load, own, cache, block))
    return Estimate(
        tuple(gpus),
        with_swap_space(host_memory(job, loads, ranks), job),
        job.checkpoint.file_bytes,
        _assumptions(job, ranks, count, share, tokens),
        {
            "tensor_parallel": ranks,
            "pipeline_parallel": count,
            "nodes": cards.spread.machines,
            "data_parallel": copies(keys),
            "max_num_seqs": rows,
            "max_batched_tokens": tokens,
            "gpu_memory_utilization": share,
        },
        streamed_bytes=sum([load.streamed_bytes for load in loads]),
        plan=cached,
        refusal=refusal(job) or context_refusal(job),
        pool=demanding(_pool(share, mine, starting), keys, gpus, cached),
    )


def _memory(number: int, load: Loaded, own: Parts, cache: int, block: int) -> DeviceMemory:
    """Memory of one GPU, whose pool has one ``block`` that is never used (``BlockPool.null_block``)."""
    return DeviceMemory(
        f"gpu{number}",
        load.weights_bytes,
        cache,
        own.peak.total_bytes,
        own.overhead_bytes + block,
        load.low_bytes + cache + own.low_bytes,
        load.high_bytes + cache + block + own.high_bytes,
        load.read_bytes,
    )


def _pool(share: float, mine: Sequence[Parts], starting: Sequence[int]) -> Pool:
    """Share of each GPU, and what lies beside it; ``starting`` has the bytes that each takes while graphs are profiled."""
    blocks = mine[0].profiled_blocks
    return Pool(
        share,
        tuple([one.outside_bytes for one in mine]),
        True,  # as ``v1/worker/utils.py`` ``request_memory`` rounds
        must_be_free=True,
        beside_bytes=tuple([one.beside_bytes for one in mine]),
        starting_bytes=tuple(starting) if blocks else (),
        starting_text=f"by a cache of {blocks} blocks that CUDA graphs are captured with",
    )


def _drafted(job: Job[Cards, ServerKeys]) -> Estimate:
    """Estimate the memory of a server with a draft, whose layers share blocks with those of the model."""
    from vramfit.engines.speculative import plain
    from vramfit.engines.vllm.speculative import with_draft

    keys, one = job.keys, of_one_copy(job)
    tokens, rows = steps(one)
    cached, before = caches(one, tokens, rows), caches(plain(one), tokens, rows)
    ranks, count = layout(job)
    spans = stage_layers(job.model.layer_count, count)

    def more(_job: Job[Cards, ServerKeys], _ranks: int, span: tuple[int, int]) -> tuple[int, int]:
        """Bytes that the draft adds to the cache of a rank, and to a spare block."""
        return _added(keys, cached, before, spans.index(span) * ranks)

    found = with_draft(job, estimate(plain(job)), job.traits.mxfp4_kernel, (WEIGHTS_LOW, WEIGHTS_HIGH), more)
    if found.draft is None:
        raise AssertionError("a model with a draft has the draft's memory")
    gpus, drafts = list(found.gpus), list(found.draft.gpus)
    for number in range(len(gpus)):
        # The draft's layers are on the last stage, and the blocks that its tokens and tables take on every one.
        if stage_of(number, ranks, count) < count - 1:
            added = _added(keys, cached, before, number)
            gpus[number], drafts[number] = _with_cache(gpus[number], *added), _with_cache(drafts[number], *added)
    draft = replace(found.draft, gpus=tuple(drafts))
    limit = None if found.pool is None else demanding(found.pool, keys, gpus, cached)
    return replace(found, gpus=tuple(gpus), draft=draft, plan=cached, pool=limit)


def _added(keys: ServerKeys, cached: Caches, before: Caches, number: int) -> tuple[int, int]:
    """Bytes of a GPU's cache with a draft beyond those without, and the same of a block."""
    blocks = [found.blocks[number].block_bytes for found in (cached, before)]
    sizes = [cache_bytes(keys, found, number) for found in (cached, before)]
    return sizes[0] - sizes[1], blocks[0] - blocks[1]


def _with_cache(device: DeviceMemory, cache_bytes: int, block_bytes: int) -> DeviceMemory:
    """Memory of a device with more cache, and a larger spare block."""
    return replace(
        device,
        kv_cache_bytes=device.kv_cache_bytes + cache_bytes,
        overhead_bytes=device.overhead_bytes + block_bytes,
        low_bytes=device.low_bytes + cache_bytes,
        high_bytes=device.high_bytes + cache_bytes + block_bytes,
    )


def _assumptions(job: Job[Cards, ServerKeys], ranks: int, count: int, share: float, tokens: int) -> tuple[str, ...]:
    assumptions = [
        f"the cache holds {sequences_text(job.workload)}; vLLM takes {share:.0%} "
        "of each card whatever the need, and must start within that",
        f"a step processes up to {tokens:,} tokens",
    ]
    assumptions += split_text(job, ranks, count)
    assumptions += recipe_text(job.checkpoint)
    assumptions += sentence(host_table_bytes(job))
    if job.scheme.family == "bitsandbytes":
        assumptions.append(
            "needs a vLLM version or plugin that loads bitsandbytes; double-quantized scales are kept so"
        )
    return tuple(assumptions)
