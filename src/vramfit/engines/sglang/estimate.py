"""SGLang: split like vLLM, a pool of single tokens, and a static share of each card for weights and cache together.

``mem_fraction_static`` is that share. Unless given (deployment key ``gpu_memory_utilization``), SGLang keeps back what it
thinks activations and CUDA graphs take, by the card's size and the step's (0.5.23 ``srt/arg_groups/memory_hook.py``).
Weights and the cache of the asked sequences must fit into the share, and everything into the card; both are the limits a
verdict is held against. The layers are vLLM's, and so are its formulas for a rank's weights and activations.
"""

from __future__ import annotations

from vramfit.engines.distributed import layout, sequences_text, split_text, stage_layers
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate, Pool
from vramfit.engines.servers import refuse_offload
from vramfit.engines.vllm.activations import peak_bytes
from vramfit.engines.vllm.estimate import COMPUTE_HIGH, COMPUTE_LOW, WEIGHTS_HIGH, WEIGHTS_LOW
from vramfit.engines.vllm.kv_cache import kinds
from vramfit.engines.vllm.overhead import overhead
from vramfit.engines.vllm.weights import stages
from vramfit.errors import UsageError
from vramfit.memory.vision import image_patches
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
"""Up to which memory: tokens of a prefill step, and the largest batch that is captured, below and from four ranks."""
FIXED_BYTES = 512 * MIB
TOKEN_BYTES = 3 * MIB // 2
"""Kept back for each token of a step, ``chunked_prefill_size``: 1.5 MB, "a heuristic value"."""
SEQUENCE_BYTES = 2 * MIB
"""Kept back for CUDA graphs, for each sequence of the largest captured batch."""
PREFILL_GRAPH_BYTES = 8 * MIB
LATENT_GRAPH_BYTES = 3 * GIB // 2
"""For each captured prefill size; for models with latent attention all together (``reserve_for_graph_mb``)."""
RANK_BYTES = 128 * MIB
"""For each rank of any kind."""
LARGE_BYTES, LARGE_RESERVE_BYTES = 60 * GIB, 10 * GIB
"""Cards above the former keep back the latter at least."""
VISION_SHARE = 0.95
"""The static share of a model that sees is this much smaller, for a tower of CLIP ViT-L's size
(``adjust_mem_fraction_for_vlm``)."""


def estimate(job: Job[Cards, ServerKeys]) -> Estimate:
    """Memory of a server, rank by rank; raises ``UsageError`` where the model does not divide."""
    model, work, keys, cards = job.model, job.workload, job.keys, job.traits
    if work.kv_cache_type != work.kv_cache_type_v:
        raise UsageError("sglang keeps K and V in one type", "leave kv_cache_type_v out")
    refuse_offload(model, work, "sglang")
    ranks, count = layout(job)
    tokens, batch = sizes(cards.memory_bytes, ranks)
    tokens = keys.max_batched_tokens or tokens
    # Logits are made for the last token of each sequence only, so the sampler sees no more rows than sequences.
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
            "max_batched_tokens": tokens,
            "gpu_memory_utilization": share,
        },
        # Activations and what the process takes lie beside the static share.
        pool=Pool(share, tuple([gpu.compute_bytes + gpu.overhead_bytes for gpu in gpus]), False),
    )


def static_share(memory_bytes: int, model: Model, tokens: int, batch: int, ranks: int) -> float:
    """``mem_fraction_static`` when none is given: what weights and cache may take of a card, 0 to 1.

    ``memory_bytes`` is the memory of the smallest card, ``tokens`` are those of a prefill step, ``batch`` the largest
    captured batch, ``ranks`` all GPUs.
    """
    reserved = FIXED_BYTES + TOKEN_BYTES * max(tokens, 2048) + RANK_BYTES * ranks + SEQUENCE_BYTES * batch
    reserved += LATENT_GRAPH_BYTES if model.has_latent_attention else PREFILL_GRAPH_BYTES * _prefill_sizes(tokens)
    if memory_bytes > LARGE_BYTES:
        reserved = max(reserved, LARGE_RESERVE_BYTES)
    share = max(0.01, (memory_bytes - reserved) / memory_bytes)
    return round(share * (VISION_SHARE if model.vision is not None else 1), 3)


def sizes(memory_bytes: int, ranks: int) -> tuple[int, int]:
    """Tokens of a prefill step and the largest captured batch, by a card's memory and the ranks."""
    for limit, tokens, few, many in SIZES:
        if limit is None or memory_bytes < limit:
            return tokens, few if ranks < 4 else many
    raise AssertionError("the last row has no limit")


def _prefill_sizes(tokens: int) -> int:
    """Sizes of prefill that are captured, up to ``tokens`` (``cuda_graph_hook.py``)."""
    steps = ((4, 33, 4), (48, 257, 16), (288, 513, 32), (576, 1025, 64), (1280, 4097, 256), (4608, 8193, 512))
    return sum([len(range(start, min(stop, tokens + 1), step)) for start, stop, step in steps])


def cache_bytes(model: Model, work: Workload, ranks: int, span: tuple[int, int], tokens: int) -> int:
    """Cache of one rank: every token in its own slot, windows with the tokens of a step beside them."""
    total = 0
    for kind in kinds(model, work, ranks, span):
        kept = work.context
        if kind.kind == "state":
            kept = 1
        elif kind.kind == "cross":
            kept = work.images * image_patches(model.vision, work.image_size) if model.vision is not None else 0
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
