"""Memory of TensorRT-LLM's PyTorch back end: layers split over the GPUs, and a cache in a share of what is left free.

At the start the server loads the weights, runs a step with the largest number of tokens, captures CUDA graphs, and then
gives the cache ``free_gpu_memory_fraction`` of what all of these left free (NVIDIA/TensorRT-LLM
``_torch/pyexecutor/_util.py`` ``configure_kv_cache_capacity``, ``_cal_max_memory``: ``(total - peak) x fraction``). What
the rest of the free memory is for, longer prompts and fragments, nobody promises, so a deployment fits if its cache fits
into that share. Weights and cache are exact; activations, workspaces and graphs are not published, and have wide bounds.
"""

from __future__ import annotations

from vramfit.engines.distributed import (
    copies,
    cut_blocks,
    expert_division,
    layout,
    of_one_copy,
    sequences_text,
    split_text,
    stage_layers,
    stage_of,
)
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate, Serving
from vramfit.engines.pool import Pool
from vramfit.engines.servers import refuse_offload, sequences
from vramfit.engines.tensorrtllm.cache import BLOCK, Cache
from vramfit.engines.tensorrtllm.overhead import COMPUTE_LOW, overhead, step_bytes
from vramfit.engines.tensorrtllm.support import CLASSIC
from vramfit.engines.vllm.weights import stages
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.tensorrtllm import Cards
    from vramfit.workload.common import Workload

FRACTION = 0.9
"""Default of ``free_gpu_memory_fraction`` (``llmapi/llm_args.py`` ``KvCacheConfig``, ``commands/serve.py`` at 00209af)."""
MAX_NUM_TOKENS = 8192
MAX_BATCH_SIZE = 2048
"""Defaults of ``max_num_tokens`` and ``max_batch_size`` (``llmapi/llm_args.py`` ``BuildConfig``; start-up logs of 1.0 to
1.3.0rc7)."""
WEIGHTS_LOW, WEIGHTS_HIGH = 0.98, 1.04
"""Lowest and highest factor of the expected weights: kernels pad and swizzle scales, and tables of rotary angles are of
32 bits here."""


def estimate(job: Job[Cards, ServerKeys]) -> Estimate:
    """Estimate the memory of a server, rank by rank; raises ``UsageError`` for what the command line refuses."""
    model, keys, whole = job.model, job.keys, job
    job = of_one_copy(job)
    work = _cached(job)
    if work.kv_cache_type != work.kv_cache_type_v:
        raise UsageError("tensorrt-llm keeps K and V in one type", "leave kv_cache_type_v out")
    refuse_offload(model, work, "tensorrt-llm")
    ranks, count = layout(job, cuts_blocks=True)
    _refuse_keys(keys, ranks)
    tokens = keys.max_batched_tokens or MAX_NUM_TOKENS
    rows = sequences(keys, work, MAX_BATCH_SIZE)
    fraction = keys.gpu_memory_utilization or FRACTION
    step, step_high = step_bytes(model, tokens, ranks, work.images, work.image_size)
    spans = stage_layers(model.layer_count, count)
    stage_weights = stages(job.checkpoint, ranks, count, job.traits.mxfp4_kernel, expert_division(keys, ranks))
    gpus = []
    for number in range(job.gpu_count):
        place = stage_of(number, ranks, count)
        stage, span = stage_weights[place], spans[place]
        cache = Cache(model, work, ranks, span)
        cached = cache.total_bytes(work.parallel, rows)
        extra = overhead(ranks * copies(keys), span[1] - span[0], rows, eager=keys.enforce_eager)
        low = round(stage.weights_bytes * WEIGHTS_LOW) + cache.least_bytes(work.parallel)
        low += round(step * COMPUTE_LOW) + extra.low_bytes
        high = round(stage.weights_bytes * WEIGHTS_HIGH) + cached + step_high + extra.high_bytes
        gpus.append(
            DeviceMemory(
                f"gpu{number}", stage.weights_bytes, cached, step, extra.expected_bytes, low, high, stage.read_bytes
            )
        )
    before = tuple([gpu.weights_bytes + gpu.compute_bytes + gpu.overhead_bytes for gpu in gpus])
    return Estimate(
        tuple(gpus),
        NOTHING,
        job.checkpoint.file_bytes,
        _assumptions(whole, ranks, count, fraction, tokens),
        {
            "tensor_parallel": ranks,
            "pipeline_parallel": count,
            "data_parallel": copies(keys),
            "nodes": job.traits.spread.machines,
            "max_num_seqs": rows,
            "max_batched_tokens": tokens,
            "gpu_memory_utilization": fraction,
        },
        pool=Pool(fraction, before, False, taken_bytes=before),
        refusal=_refusal(job, ranks),
    )


def serving(deployment: Deployment, estimate: Estimate, usable_bytes: tuple[int, ...]) -> Serving:
    """Describe what the cache holds in the memory that each GPU offers: tokens, and requests of the full context."""
    work, settings = deployment.workload, estimate.settings
    ranks, count = int(str(settings["tensor_parallel"])), int(str(settings["pipeline_parallel"]))
    rows, times = int(str(settings["max_num_seqs"])), int(str(settings["data_parallel"]))
    spans = stage_layers(deployment.model.layer_count, count)
    requests = []
    for number, (gpu, usable) in enumerate(zip(estimate.gpus, usable_bytes, strict=True)):
        cache = Cache(deployment.model, work, ranks, spans[stage_of(number, ranks, count)])
        room = usable - gpu.total_bytes + gpu.kv_cache_bytes - cache.states_bytes(rows)
        if cache.request_bytes:
            requests.append(max(0, room) / cache.request_bytes)
    concurrent = min(requests, default=float(rows)) * times
    starts = estimate.refusal is None and concurrent >= times
    blocks = -(-work.context // BLOCK)
    return Serving(int(concurrent * blocks) * BLOCK, round(concurrent, 2), rows * times, starts, estimate.refusal)


def _cached(job: Job[Cards, ServerKeys]) -> Workload:
    """Workload with the cache in 16 bits where the engine, and not its command line, decides the type.

    An engine of the TensorRT back end has the type that it was built with.
    """
    from vramfit._record import replace

    work = job.workload
    if job.scheme.family != CLASSIC or work.kv_cache_type != work.kv_cache_type_v:
        return work
    return replace(work, kv_cache_type="f16", kv_cache_type_v="f16")


def _refuse_keys(keys: ServerKeys, ranks: int) -> None:
    """Raise ``UsageError`` for settings of other servers that are not modelled here."""
    if copies(keys) > 1 and ranks > 1:
        raise UsageError(
            f"tensorrt-llm has a copy of the attention layers on each GPU, not on {ranks}",
            "use --tensor-parallel 1, or leave data_parallel out",
        )
    if keys.kv_cache_memory_bytes is not None:
        raise UsageError("kv_cache_memory is not modelled for tensorrt-llm", "use --gpu-memory-utilization")
    if keys.cpu_offload_bytes or keys.max_loras:
        name = "cpu_offload" if keys.cpu_offload_bytes else "max_loras"
        raise UsageError(f"{name} is not modelled for tensorrt-llm", "leave it out, or use --engine vllm")


def _refusal(job: Job[Cards, ServerKeys], ranks: int) -> str | None:
    """Reason why the server does not start in this division, whatever the memory; None if it does."""
    over = ranks * copies(job.keys)
    cut = cut_blocks(job.model, job.scheme, ranks, over, job.keys.expert_parallel)
    if cut is None:
        return None
    return f"{cut}, and a rank cannot load a part of one (TensorRT-LLM _torch/modules/fused_moe/quantization.py)"


def _assumptions(job: Job[Cards, ServerKeys], ranks: int, count: int, fraction: float, tokens: int) -> tuple[str, ...]:
    assumptions = [
        f"the cache holds {sequences_text(job.workload)}; it takes {fraction:.0%} of what weights and activations leave"
        " of each card",
        f"a step processes up to {tokens:,} tokens; activations, workspaces and graphs of TensorRT-LLM are estimated with"
        " wide bounds",
    ]
    assumptions += split_text(job, ranks, count)
    if job.scheme.family == CLASSIC:
        assumptions.append(
            "INT8 needs an engine built for the TensorRT back end (until 1.2), which decides the cache type"
        )
    return tuple(assumptions)
