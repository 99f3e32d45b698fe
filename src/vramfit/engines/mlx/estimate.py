"""Memory of MLX on Apple silicon: mlx-lm, and mlx-vlm for models that read images.

Weights, caches and temporary arrays are in the memory that CPU and GPU share, up to the working set that Metal
recommends, which mlx-lm wires (``mlx_lm/generate.py`` ``wired_limit``). Read at ml-explore/mlx-lm d78bf58e.
"""

from __future__ import annotations

from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate
from vramfit.errors import UsageError
from vramfit.memory.activations import peak_bytes
from vramfit.memory.kv_cache import caches
from vramfit.memory.vision import crossed_tokens, encoder_bytes
from vramfit.memory.weights import slices
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.memory.kv_cache import Cache

STEP = 256
"""Number of tokens by which a cache grows (``mlx_lm/models/cache.py`` ``KVCache.step``)."""
PREFILL = 2048
"""Number of prompt tokens processed at a time (``generate_step`` ``prefill_step_size``)."""
GROUP, GROUP_BYTES = 64, 2 * 2
"""Number of elements of a group in a quantized cache, and bytes of its 16-bit scale and bias (``QuantizedKVCache``)."""
BITS = {"int8": 8, "int4": 4}
"""Bits of an element of a quantized cache."""

IN_FLIGHT = 4.4
"""Number of layers whose temporary arrays exist at the same time while a prompt is processed, because MLX evaluates ahead.
Peak memory less weights and cache of Qwen3-4B and Qwen3-30B-A3B in eleven precisions is 3.9 to 4.7 times that of one
layer (``mlx_lm/BENCHMARKS.md``)."""
COMPUTE_LOW, COMPUTE_HIGH = 0.6, 1.5
"""Lowest and highest factor of the expected temporary arrays: wider than the spread above, since it is of two models."""
PROCESS_BYTES = 250 * MIB
PROCESS_LOW, PROCESS_HIGH = 0.2, 4.0
"""Bytes of Metal's context, compiled kernels and the interpreter, which MLX's own figures leave out, and the factors of
their lower and upper bound; not measured here."""


def estimate(job: Job[None, None]) -> Estimate:
    """Estimate the memory of one process; raises ``UsageError`` for layers in RAM, and for different types of K and V."""
    model, work = job.model, job.workload
    if work.kv_cache_type != work.kv_cache_type_v:
        raise UsageError("mlx keeps K and V in one type", "leave kv_cache_type_v out")
    if work.cpu_moe_layers or work.gpu_layers not in ("all", model.layer_count):
        raise UsageError("mlx keeps every layer in the memory both processors share", "leave gpu_layers out")
    cut = slices(job.checkpoint)
    kept = sum(len(cache.layers) * cache_bytes(cache, job) for cache in caches(model)) * work.parallel
    tokens = min(PREFILL, work.context) * work.parallel
    layer = peak_bytes(model, tokens, flash_attention=True, sequence=min(PREFILL, work.context))
    compute = max(round(IN_FLIGHT * layer), encoder_bytes(model, work.images, work.image_size))
    fixed = cut.total_bytes + kept
    gpu = DeviceMemory(
        "gpu0",
        cut.total_bytes,
        kept,
        compute,
        PROCESS_BYTES,
        fixed + round(compute * COMPUTE_LOW) + round(PROCESS_BYTES * PROCESS_LOW),
        fixed + round(compute * COMPUTE_HIGH) + round(PROCESS_BYTES * PROCESS_HIGH),
        sum(cut.layer_read_bytes) + cut.output_read_bytes,
    )
    assumptions = [f"a prompt is read {PREFILL:,} tokens at a time"]
    if work.kv_cache_type in BITS and any(cache.window for cache in caches(model)):
        assumptions.append("caches of sliding windows stay 16-bit, which mlx-lm cannot quantize")
    return Estimate((gpu,), NOTHING, cut.total_bytes, tuple(assumptions), {})


def cache_bytes(cache: Cache, job: Job[None, None]) -> int:
    """Bytes that one layer caches for one sequence.

    A full layer has room for a multiple of 256 tokens. A sliding layer keeps its window and, while the prompt is
    processed, the tokens of one step (``RotatingKVCache``). Latent attention keeps its latent. A recurrent layer keeps
    its convolution in 16 bits and its matrix in 32.
    """
    work, model = job.workload, job.model
    if cache.kind == "state":
        return 2 * cache.convolution_elements + 4 * cache.recurrent_elements
    tokens = -(-cache.tokens_kept(work.context) // STEP) * STEP
    if cache.kind == "cross":
        tokens = crossed_tokens(model, cache.encoder_tokens, work)
    elif cache.window is not None:
        tokens = min(-(-work.context // STEP) * STEP, cache.window - 1 + min(PREFILL, work.context))
        if cache.ratio:
            tokens += work.context // cache.ratio
    width = cache.key_width + cache.value_width + cache.index_width
    bits = BITS.get(work.kv_cache_type)
    if bits is None or cache.window is not None:
        return tokens * 2 * width
    return tokens * (width * bits // 8 + width // GROUP * GROUP_BYTES)
