"""Memory of vLLM: layers split over the GPUs, a paged cache, and a fixed share of each card that everything must fit into.

The estimate is the memory *needed*: the least with which the server starts and has room for all sequences at full length.
``nvidia-smi`` shows more, because vLLM takes a fixed share of the card for any model (``gpu_memory_utilization``, 0.92 by
default). Weights, the peak of the profile run, CUDA graphs and the cache must fit into that share, or vLLM refuses to
start, so the share is the limit for the verdict. The CUDA context is not part of it, since vLLM counts from the memory
that is in use when it first measures the card.

The formulas follow vLLM 0.33.0; each module names older versions that differ.
"""

from __future__ import annotations

from vramfit.engines.distributed import layout, sequences_text, split_text, stage_layers
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate, Pool
from vramfit.engines.servers import refuse_offload, sequences
from vramfit.engines.vllm.activations import peak_bytes
from vramfit.engines.vllm.kv_cache import bytes_needed
from vramfit.engines.vllm.overhead import overhead
from vramfit.engines.vllm.weights import stages
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.vllm import Cards

UTILIZATION = 0.92
"""Default of ``gpu_memory_utilization`` (``config/cache.py``; 0.9 in older versions)."""
WEIGHTS_LOW, WEIGHTS_HIGH = 0.995, 1.015
"""Lowest and highest factor of the expected weights. Loaded weights in start-up logs are within 0.5 % of the expected ones
(tests/engines/vllm/measured.yaml), but some checkpoints of a scheme keep further layers at 16 bits."""
WEIGHTS_HIGH_BITSANDBYTES = 1.08
"""Highest factor of the expected weights for bitsandbytes: later versions undo the double quantization (``weights``), and
dynamic checkpoints keep further layers at 16 bits (Llama-3.1-8B 5.60 GiB instead of 5.35,
unslothai/notebooks@bdda2efc Llama3.1_(8B)-GRPO)."""
COMPUTE_LOW, COMPUTE_HIGH = 0.4, 1.35
"""Lowest and highest factor of the expected activation peak. Start-up logs range from 0.37 (a 14B on two GPUs,
vllm-project/vllm issue 13061) to the peak with the sampler of older versions, which the upper bound includes in full."""


def estimate(job: Job[Cards, ServerKeys]) -> Estimate:
    """Estimate the memory of a server, rank by rank; raises ``UsageError`` for what vLLM refuses."""
    model, work, keys, cards = job.model, job.workload, job.keys, job.traits
    if work.draft is not None:
        from vramfit.engines.speculative import plain
        from vramfit.engines.vllm.speculative import with_draft

        return with_draft(job, estimate(plain(job)), cards.mxfp4_kernel, (WEIGHTS_LOW, WEIGHTS_HIGH), _cached_more)
    if work.kv_cache_type != work.kv_cache_type_v:
        raise UsageError("vllm keeps K and V in one type", "leave kv_cache_type_v out")
    refuse_offload(model, work, "vllm")
    ranks, count = layout(job)
    tokens = keys.max_batched_tokens or cards.step_tokens
    rows = sequences(keys, work, cards.step_sequences)
    peak, peak_high = peak_bytes(model, tokens, rows, ranks, work.images, work.image_size)
    utilization = keys.gpu_memory_utilization or UTILIZATION
    spans = stage_layers(model.layer_count, count)
    stage_weights = stages(job.checkpoint, ranks, count, cards.mxfp4_kernel)
    weights_high = WEIGHTS_HIGH_BITSANDBYTES if job.scheme.family == "bitsandbytes" else WEIGHTS_HIGH
    gpus = []
    for number in range(job.gpu_count):
        stage, span = stage_weights[number // ranks], spans[number // ranks]
        # Stages send each other the hidden states of one step, and each has a buffer for them.
        compute = peak + (2 * model.hidden * tokens if count > 1 else 0)
        cache, block = bytes_needed(model, work, ranks, span, tokens)
        extra = overhead(ranks, span[1] - span[0], eager=keys.enforce_eager)
        gpus.append(
            DeviceMemory(
                f"gpu{number}",
                stage.weights_bytes,
                cache,
                compute,
                # One block of the pool is never used (``BlockPool.null_block``).
                extra.expected_bytes + block,
                round(stage.weights_bytes * WEIGHTS_LOW) + cache + round(compute * COMPUTE_LOW) + extra.low_bytes,
                round(stage.weights_bytes * weights_high)
                + cache
                + max(round(compute * COMPUTE_HIGH), peak_high)
                + extra.high_bytes
                + block,
                stage.read_bytes,
            )
        )
    return Estimate(
        tuple(gpus),
        NOTHING,
        job.checkpoint.file_bytes,
        _assumptions(job, ranks, count, utilization, tokens),
        {
            "tensor_parallel": ranks,
            "pipeline_parallel": count,
            "nodes": cards.spread.machines,
            "max_num_seqs": rows,
            "max_batched_tokens": tokens,
            "gpu_memory_utilization": utilization,
        },
        # Rounded up as ``v1/worker/utils.py`` ``request_memory`` does.
        pool=Pool(utilization, (0,) * job.gpu_count, True, must_be_free=True),
    )


def _cached_more(job: Job[Cards, ServerKeys], ranks: int, span: tuple[int, int]) -> tuple[int, int]:
    """Bytes that a draft adds to the cache of a rank, and to a spare block."""
    from vramfit.engines.speculative import plain

    tokens = job.keys.max_batched_tokens or job.traits.step_tokens
    whole = bytes_needed(job.model, job.workload, ranks, span, tokens)
    alone = bytes_needed(job.model, plain(job).workload, ranks, span, tokens)
    return whole[0] - alone[0], whole[1] - alone[1]


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
