"""SGLang: split like vLLM, a pool of single tokens, and a static share of each card for weights and cache together.

``mem_fraction_static`` is that share. Unless given (deployment key ``gpu_memory_utilization``), SGLang keeps back what it
thinks activations and CUDA graphs take, by the card's size and the step's (0.5.23 ``srt/arg_groups/memory_hook.py``).
Weights and the cache of the asked sequences must fit into the share, and everything into the card; both are the limits a
verdict is held against. The layers are vLLM's, and so are its formulas for a rank's weights and activations.
"""

from __future__ import annotations

from vramfit.engines import DeviceMemory, Estimate
from vramfit.engines.tensor_parallel import held_text, layout, split_text, stage_layers
from vramfit.engines.vllm import COMPUTE_HIGH, COMPUTE_LOW, WEIGHTS_HIGH, WEIGHTS_LOW, refuse_offload
from vramfit.engines.vllm.activations import peak_bytes
from vramfit.engines.vllm.kv_cache import kinds
from vramfit.engines.vllm.overhead import overhead, runtime_share
from vramfit.engines.vllm.weights import mxfp4_kernel, stages
from vramfit.errors import UsageError
from vramfit.hardware import usable_bytes
from vramfit.memory.vision import image_patches
from vramfit.model.architecture import LatentAttention
from vramfit.quantization import checkpoint_bytes, store
from vramfit.units import GIB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines import Deployment
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.workload import Workload

__all__ = ["budgets", "estimate", "gpu_traits", "runtime_share"]

SCHEME_OF_CLASS = {"fp16": "fp16", "int8": "w8a8", "int4": "awq"}
FAMILIES = ("plain", "fp8", "awq", "gptq", "compressed_tensors", "bitsandbytes", "mxfp4", "nvfp4", "torchao")
CACHE_TYPES = ("f16", "bf16", "fp8", "fp8_e4m3", "fp8_e5m2")
TASKS = ("inference",)

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


def estimate(deployment: Deployment) -> Estimate:
    """Memory of a server, rank by rank; raises ``UsageError`` where the model does not divide."""
    model, work = deployment.model, deployment.workload
    if any(gpu.vendor == "apple" for gpu in deployment.gpus):
        raise UsageError("sglang does not run on Apple GPUs", "use --engine mlx or llama.cpp")
    if work.kv_cache_type != work.kv_cache_type_v:
        raise UsageError("sglang keeps K and V in one type", "leave kv_cache_type_v out")
    refuse_offload(deployment, "sglang")
    ranks, count = layout(deployment)
    # SGLang goes by the card with the least memory.
    smallest = min(deployment.gpus, key=lambda gpu: gpu.memory_bytes)
    tokens, batch = _sizes(smallest, ranks)
    tokens = work.max_batched_tokens or tokens
    # Logits are made for the last token of each sequence only, so the sampler sees no more rows than sequences.
    peak, _ = peak_bytes(model, tokens, work.parallel, ranks, work.images, work.image_size)
    spans = stage_layers(model.layer_count, count)
    held = stages(model, deployment.scheme, ranks, count, mxfp4_kernel(smallest))
    share = work.gpu_memory_utilization or static_share(smallest, model, tokens, batch, ranks * count)
    gpus, budgets = [], []
    for number, gpu in enumerate(deployment.gpus):
        stage, span = held[number // ranks], spans[number // ranks]
        cache = _cache_bytes(model, work, ranks, span, tokens)
        extra = overhead(gpu, ranks, span[1] - span[0], eager=work.enforce_eager)
        low = round(stage.weights_bytes * WEIGHTS_LOW) + cache + round(peak * COMPUTE_LOW) + extra.low_bytes
        high = round(stage.weights_bytes * WEIGHTS_HIGH) + cache + round(peak * COMPUTE_HIGH) + extra.high_bytes
        gpus.append(
            DeviceMemory(
                f"gpu{number}", stage.weights_bytes, cache, peak, extra.expected_bytes, low, high, stage.read_bytes
            )
        )
        static = round(share * usable_bytes(gpu, work.platform))
        budgets.append(static + peak + extra.expected_bytes)
    return Estimate(
        tuple(gpus),
        DeviceMemory("host", 0, 0, 0, 0, 0, 0),
        checkpoint_bytes(store(model, deployment.scheme), deployment.scheme),
        _assumptions(deployment, ranks, count, share, tokens),
        {
            "tensor_parallel": ranks,
            "pipeline_parallel": count,
            "max_batched_tokens": tokens,
            "gpu_memory_utilization": share,
        },
        budget_bytes=tuple(budgets),
    )


def gpu_traits(gpus: tuple[Gpu, ...], work: Workload) -> tuple[object, ...]:
    """Whether SGLang runs on the cards, and what it sets by the smallest: sizes of a step, the kernel of MXFP4 experts."""
    smallest = min(gpus, key=lambda gpu: gpu.memory_bytes)
    return any(gpu.vendor == "apple" for gpu in gpus), _sizes(smallest, len(gpus)), mxfp4_kernel(smallest)


def budgets(gpus: tuple[Gpu, ...], model: Model, work: Workload, bare: Estimate) -> tuple[int, ...]:
    """The static share of each card, and beside it activations and what the process takes."""
    share = work.gpu_memory_utilization
    if share is None:
        stages = work.pipeline_parallel or 1
        ranks = work.tensor_parallel or max(1, len(gpus) // stages)
        smallest = min(gpus, key=lambda gpu: gpu.memory_bytes)
        tokens, batch = _sizes(smallest, ranks)
        share = static_share(smallest, model, work.max_batched_tokens or tokens, batch, ranks * stages)
    return tuple(
        [
            round(share * usable_bytes(gpu, work.platform)) + need.compute_bytes + need.overhead_bytes
            for gpu, need in zip(gpus, bare.gpus, strict=True)
        ]
    )


def static_share(gpu: Gpu, model: Model, tokens: int, batch: int, ranks: int) -> float:
    """``mem_fraction_static`` when none is given: what weights and cache may take of a card, 0 to 1.

    ``tokens`` are those of a prefill step, ``batch`` the largest captured batch, ``ranks`` all GPUs.
    """
    reserved = FIXED_BYTES + TOKEN_BYTES * max(tokens, 2048) + RANK_BYTES * ranks + SEQUENCE_BYTES * batch
    reserved += LATENT_GRAPH_BYTES if _latent(model) else PREFILL_GRAPH_BYTES * _prefill_sizes(tokens)
    if gpu.memory_bytes > LARGE_BYTES:
        reserved = max(reserved, LARGE_RESERVE_BYTES)
    share = max(0.01, (gpu.memory_bytes - reserved) / gpu.memory_bytes)
    return round(share * (VISION_SHARE if model.vision is not None else 1), 3)


def _sizes(gpu: Gpu, ranks: int) -> tuple[int, int]:
    for limit, tokens, few, many in SIZES:
        if limit is None or gpu.memory_bytes < limit:
            return tokens, few if ranks < 4 else many
    raise AssertionError("the last row has no limit")


def _prefill_sizes(tokens: int) -> int:
    """Sizes of prefill that are captured, up to ``tokens`` (``cuda_graph_hook.py``)."""
    steps = ((4, 33, 4), (48, 257, 16), (288, 513, 32), (576, 1025, 64), (1280, 4097, 256), (4608, 8193, 512))
    return sum([len(range(start, min(stop, tokens + 1), step)) for start, stop, step in steps])


def _cache_bytes(model: Model, work: Workload, ranks: int, span: tuple[int, int], tokens: int) -> int:
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


def _latent(model: Model) -> bool:
    return any(isinstance(mixer, LatentAttention) for group in model.layers for mixer in group.mixers)


def _assumptions(deployment: Deployment, ranks: int, count: int, share: float, tokens: int) -> tuple[str, ...]:
    said = [
        f"the cache holds {held_text(deployment.workload)}; weights and cache may take {share:.1%} of each card",
        f"a prefill step processes up to {tokens:,} tokens",
    ]
    said += split_text(deployment, ranks, count)
    return tuple(said)
