"""Memory of SGLang: layers split like in vLLM, a cache of single tokens, and a static share for weights and cache.

``mem_fraction_static`` is that share of each card. If it is not stated (deployment key ``gpu_memory_utilization``),
SGLang leaves out what it expects activations and CUDA graphs to take, according to the sizes of the card and of a step
(0.5.23 ``srt/arg_groups/memory_hook.py``). A deployment fits if weights and the cache of its sequences fit into the share,
and everything into the card. SGLang's layers come from vLLM, so the formulas for weights and activations are those of
``vllm``.
"""

from __future__ import annotations

from vramfit.engines.distributed import copies, layout, sequences_text, split_text, stage_layers
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate, Pool
from vramfit.engines.servers import refuse_offload, sequences
from vramfit.engines.vllm.activations import peak_bytes
from vramfit.engines.vllm.estimate import COMPUTE_HIGH, COMPUTE_LOW, WEIGHTS_HIGH, WEIGHTS_LOW
from vramfit.engines.vllm.kv_cache import kinds
from vramfit.engines.vllm.overhead import overhead
from vramfit.engines.vllm.weights import stages
from vramfit.errors import UsageError
from vramfit.memory.vision import crossed_tokens
from vramfit.units import GIB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.sglang import Cards
    from vramfit.model import Model
    from vramfit.workload.common import Workload

SIZES = (
    (20 * GIB, 2048, 8, 8),
    (35 * GIB, 4096, 48, 160),
    (60 * GIB, 4096, 32, 160),
    (160 * GIB, 8192, 256, 512),
    (None, 16384, 512, 512),
)
"""Defaults by memory of the card: upper limit of the memory, tokens of a prefill step, and the largest batch captured in a
CUDA graph, with fewer than four ranks and with more."""
FIXED_BYTES = 512 * MIB
"""Bytes reserved on every card."""
TOKEN_BYTES = 3 * MIB // 2
"""Bytes reserved for each token of a step, ``chunked_prefill_size``: 1.5 MB, "a heuristic value"."""
SEQUENCE_BYTES = 2 * MIB
"""Bytes reserved for CUDA graphs, for each sequence of the largest captured batch."""
PREFILL_GRAPH_BYTES = 8 * MIB
LATENT_GRAPH_BYTES = 3 * GIB // 2
"""Bytes reserved for the graph of each captured prefill size, and for all of them together if the model has latent
attention (``reserve_for_graph_mb``)."""
RANK_BYTES = 128 * MIB
"""Bytes reserved for each rank, tensor-parallel or pipeline-parallel."""
LARGE_BYTES, LARGE_RESERVE_BYTES = 60 * GIB, 10 * GIB
"""Memory in bytes above which a card reserves more, and the bytes that it reserves at least."""
VISION_SHARE = 0.95
"""Factor of the static share for a model with a vision tower, if the tower has the size of CLIP ViT-L
(``adjust_mem_fraction_for_vlm``)."""


def estimate(job: Job[Cards, ServerKeys]) -> Estimate:
    """Estimate the memory of a server, rank by rank; raises ``UsageError`` for what SGLang refuses."""
    model, work, keys, cards = job.model, job.workload, job.keys, job.traits
    if work.draft is not None:
        from vramfit.engines.speculative import plain
        from vramfit.engines.vllm.speculative import with_draft

        return with_draft(job, estimate(plain(job)), cards.mxfp4_kernel, (WEIGHTS_LOW, WEIGHTS_HIGH), _cached_more)
    if work.kv_cache_type != work.kv_cache_type_v:
        raise UsageError("sglang keeps K and V in one type", "leave kv_cache_type_v out")
    refuse_offload(model, work, "sglang")
    if copies(keys) > 1:
        raise UsageError("data_parallel of sglang is not modelled", "leave data_parallel out, or use --engine vllm")
    ranks, count = layout(job)
    tokens, batch = sizes(cards.memory_bytes, ranks)
    tokens = keys.max_batched_tokens or tokens
    # Logits are computed only for the last token of each sequence, so the sampler has one row per sequence.
    peak, _ = peak_bytes(model, tokens, work.parallel, ranks, work.images, work.image_size)
    spans = stage_layers(model.layer_count, count)
    stage_weights = stages(job.checkpoint, ranks, count, cards.mxfp4_kernel)
    share = keys.gpu_memory_utilization or static_share(cards.memory_bytes, model, tokens, batch, ranks * count)
    gpus = []
    for number in range(job.gpu_count):
        stage, span = stage_weights[number // ranks], spans[number // ranks]
        cache = cache_bytes(model, work, ranks, span, tokens)
        extra = overhead(ranks, span[1] - span[0], eager=keys.enforce_eager)
        low = round(stage.weights_bytes * WEIGHTS_LOW) + cache + round(peak * COMPUTE_LOW) + extra.low_bytes
        high = round(stage.weights_bytes * WEIGHTS_HIGH) + cache + round(peak * COMPUTE_HIGH) + extra.high_bytes
        gpus.append(
            DeviceMemory(
                f"gpu{number}", stage.weights_bytes, cache, peak, extra.expected_bytes, low, high, stage.read_bytes
            )
        )
    return Estimate(
        tuple(gpus),
        NOTHING,
        job.checkpoint.file_bytes,
        _assumptions(job, ranks, count, share, tokens),
        {
            "tensor_parallel": ranks,
            "pipeline_parallel": count,
            "nodes": cards.spread.machines,
            "max_num_seqs": keys.max_num_seqs if keys.max_num_seqs is None else sequences(keys, work, 1),
            "max_batched_tokens": tokens,
            "gpu_memory_utilization": share,
        },
        # The static share does not include activations and overhead.
        pool=Pool(share, tuple([gpu.compute_bytes + gpu.overhead_bytes for gpu in gpus]), False),
    )


def _cached_more(job: Job[Cards, ServerKeys], ranks: int, span: tuple[int, int]) -> tuple[int, int]:
    """Bytes that a draft adds to the cache of a rank: its own tokens, and states to go back to; no block is spare."""
    from vramfit.engines.speculative import drafting

    work, draft = job.workload, drafting(job.workload).model
    tokens = job.keys.max_batched_tokens or sizes(job.traits.memory_bytes, ranks)[0]
    own = cache_bytes(draft, work, ranks, (0, draft.layer_count), tokens)
    states = sum([one.layers * one.token_bytes for one in kinds(job.model, work, ranks, span) if one.kind == "state"])
    return own + (work.parallel + 1) * (1 + (work.speculative_tokens or 0)) * states, 0


def static_share(memory_bytes: int, model: Model, tokens: int, batch: int, ranks: int) -> float:
    """Default of ``mem_fraction_static``: the share of a card that weights and cache can take, between 0 and 1.

    ``memory_bytes`` is the memory of the smallest card, ``tokens`` the number of tokens of a prefill step, ``batch`` the
    largest captured batch, and ``ranks`` the number of all GPUs.
    """
    reserved = FIXED_BYTES + TOKEN_BYTES * max(tokens, 2048) + RANK_BYTES * ranks + SEQUENCE_BYTES * batch
    reserved += LATENT_GRAPH_BYTES if model.has_latent_attention else PREFILL_GRAPH_BYTES * _prefill_sizes(tokens)
    if memory_bytes > LARGE_BYTES:
        reserved = max(reserved, LARGE_RESERVE_BYTES)
    share = max(0.01, (memory_bytes - reserved) / memory_bytes)
    return round(share * (VISION_SHARE if model.vision is not None else 1), 3)


def sizes(memory_bytes: int, ranks: int) -> tuple[int, int]:
    """Default tokens of a prefill step and largest captured batch, for a card's memory and a number of ranks."""
    for limit, tokens, few, many in SIZES:
        if limit is None or memory_bytes < limit:
            return tokens, few if ranks < 4 else many
    raise AssertionError("the last row has no limit")


def _prefill_sizes(tokens: int) -> int:
    """Number of prefill sizes up to ``tokens`` for which a CUDA graph is captured (``cuda_graph_hook.py``)."""
    steps = ((4, 33, 4), (48, 257, 16), (288, 513, 32), (576, 1025, 64), (1280, 4097, 256), (4608, 8193, 512))
    return sum([len(range(start, min(stop, tokens + 1), step)) for start, stop, step in steps])


def cache_bytes(model: Model, work: Workload, ranks: int, span: tuple[int, int], tokens: int) -> int:
    """Bytes of the cache of one rank, for the layers in ``span``.

    Every token has a slot of its own. Windowed layers keep the tokens of one step of ``tokens`` in addition.
    """
    total = 0
    for kind in kinds(model, work, ranks, span):
        kept = work.context
        if kind.kind == "state":
            kept = 1
        elif kind.kind == "cross":
            kept = crossed_tokens(model, kind.window, work)
        elif kind.window is not None:
            kept = min(kept, kind.window + -(-tokens // work.parallel))
        total += kind.layers * kind.token_bytes * kept
    return total * work.parallel


def _assumptions(job: Job[Cards, ServerKeys], ranks: int, count: int, share: float, tokens: int) -> tuple[str, ...]:
    assumptions = [
        f"the cache holds {sequences_text(job.workload)}; weights and cache may take {share:.1%} of each card",
        f"a prefill step processes up to {tokens:,} tokens",
    ]
    assumptions += split_text(job, ranks, count)
    return tuple(assumptions)
