"""Memory of ExLlamaV3: a paged cache allocated at the start, and whole layers spread over NVIDIA GPUs.

Read at turboderp-org/exllamav3 4f8ad01 (1.4.1):

- The input embedding stays in system RAM (``modules/embedding.py`` ``prefer_cpu``).
- The cache has room for a fixed number of tokens in pages of 256. K and V are 16-bit, or have 2 to 8 bits and a 16-bit
  scale for each 32 elements (``cache/quant.py``). Latent attention quantizes the latent, but never the rotary key
  (``cache/mla.py``).
- A sliding layer keeps its window and two pages for each sequence, always in 16 bits (``modules/sliding_attn.py``); with
  ``swa_full`` it keeps every token. Recurrent layers keep the convolution in 16 bits and the matrix in 32
  (``modules/gated_delta_net.py``).
- Prompts are processed 2,048 tokens at a time. For a large batch, one matrix at a time is unpacked to 16 bits
  (``generator/generator.py`` ``max_chunk_size``, ``modules/quant/exl3.py`` ``reconstruct_hgemm``).
"""

from __future__ import annotations

from vramfit.engines.cuda import WORKSPACE_BYTES_HOPPER
from vramfit.engines.interface import DeviceMemory, Estimate
from vramfit.engines.transformers.estimate import COMPUTE_HIGH, COMPUTE_LOW, split_layers
from vramfit.errors import UsageError
from vramfit.memory.activations import peak_bytes
from vramfit.memory.vision import crossed_tokens, encoder_bytes
from vramfit.memory.weights import slices
from vramfit.model.architecture import LatentAttention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.exllamav3 import ExLlamaKeys
    from vramfit.engines.interface import Job
    from vramfit.model.mixers import Mixer

PAGE = 256
"""Number of tokens of a page."""
SLIDING_PAGES = 2
"""Number of pages that a sliding layer keeps in addition to its window (``sliding_window_overp``)."""
BITS = {"int8": 8, "int4": 4}
"""Bits of an element of a quantized cache."""
GROUP, SCALE_BYTES = 32, 2
"""Number of elements that share a scale in a quantized cache, and bytes of the scale (``cache/quant.py``)."""
CHUNK = 2048
"""Number of prompt tokens processed at a time (``generator/generator.py`` ``max_chunk_size``)."""
WORKSPACE_HIGH = 8
"""Upper bound of the kernels' workspaces and buffers, as a multiple of cuBLAS's workspace. No log of this engine was
found, so the interval is wide."""


def estimate(job: Job[None, ExLlamaKeys]) -> Estimate:
    """Estimate the memory of one process, GPU by GPU.

    Raises ``UsageError`` for layers in RAM, and if only one of K and V is quantized.
    """
    model, work = job.model, job.workload
    if work.draft is not None:
        from vramfit.engines.exllamav3.speculative import with_draft

        return with_draft(job, estimate)
    if work.cpu_moe_layers or work.gpu_layers not in ("all", model.layer_count):
        raise UsageError(
            "exllamav3 is answered with every layer on the GPUs", "use --engine llama.cpp for layers in RAM"
        )
    if (work.kv_cache_type == "f16") != (work.kv_cache_type_v == "f16"):
        raise UsageError("exllamav3 quantizes both K and V, or neither", "give kv_cache_type and kv_cache_type_v alike")
    cut = slices(job.checkpoint)
    layers = model.layer_count
    layer_caches = [0] * layers
    for group in model.layers:
        each = sum(cache_bytes(mixer, job) for mixer in group.mixers)
        for index in group.indices:
            layer_caches[index] = each
    tokens = min(CHUNK, work.context)
    compute = peak_bytes(model, tokens, flash_attention=True, sequence=tokens)
    if job.scheme.family != "plain":
        compute += 2 * cut.largest_linear_elements
    compute = max(compute, encoder_bytes(model, work.images, work.image_size))
    gpus = []
    last = job.gpu_count - 1
    for number, (start, stop) in enumerate(split_layers(cut, layers, last + 1, cut.other_bytes)):
        weights = sum(cut.layer_bytes[start:stop]) + (cut.other_bytes if number == 0 else 0)
        read = sum(cut.layer_read_bytes[start:stop])
        if number == last:
            weights, read = weights + cut.output_bytes, read + cut.output_read_bytes
        cache = sum(layer_caches[start:stop])
        overhead = WORKSPACE_BYTES_HOPPER
        low = weights + cache + round(compute * COMPUTE_LOW)
        high = weights + cache + round(compute * 2 * COMPUTE_HIGH) + WORKSPACE_BYTES_HOPPER * WORKSPACE_HIGH
        gpus.append(DeviceMemory(f"gpu{number}", weights, cache, compute, overhead, low, high, read))
    inputs = cut.input_bytes
    return Estimate(
        tuple(gpus),
        DeviceMemory("host", inputs, 0, 0, 0, inputs, inputs),
        cut.total_bytes,
        _assumptions(job),
        {},
    )


def cache_bytes(mixer: Mixer, job: Job[None, ExLlamaKeys]) -> int:
    """Bytes that one layer caches for all sequences."""
    work, model = job.workload, job.model
    tokens = _pages(work.context) * work.parallel
    key, value = work.kv_cache_type, work.kv_cache_type_v
    cache = mixer.cache((0,), model.hidden)
    if cache is None:
        return 0
    if cache.kind == "state":
        return work.parallel * (2 * cache.convolution_elements + 4 * cache.recurrent_elements)
    if isinstance(mixer, LatentAttention):
        return tokens * (_row_bytes(mixer.kv_rank, key) + 2 * (mixer.rope_dim + cache.index_width))
    width = cache.key_width + cache.value_width
    if cache.kind == "compressed":
        window = _pages((cache.window or 0) + SLIDING_PAGES * PAGE) * work.parallel * 2 * width
        entries = tokens // cache.ratio if cache.ratio else 0
        return window + entries * 2 * (width + cache.index_width)
    if cache.kind == "sliding" and cache.window and not job.keys.swa_full:
        return _pages(cache.window + SLIDING_PAGES * PAGE) * work.parallel * 2 * width
    if cache.kind == "cross":
        return _pages(crossed_tokens(model, cache.encoder_tokens, work)) * work.parallel * 2 * width
    return tokens * (_row_bytes(cache.key_width, key) + _row_bytes(cache.value_width, value))


def _pages(tokens: int) -> int:
    """Number of tokens rounded up to whole pages."""
    return -(-tokens // PAGE) * PAGE


def _row_bytes(width: int, kind: str) -> int:
    bits = BITS.get(kind)
    return 2 * width if bits is None else -(-width // GROUP) * (GROUP * bits // 8 + SCALE_BYTES)


def _assumptions(job: Job[None, ExLlamaKeys]) -> tuple[str, ...]:
    work = job.workload
    size = _pages(work.context) * work.parallel
    assumptions = [f"the cache is allocated for {size:,} tokens; the input embedding stays in system RAM"]
    if job.gpu_count > 1:
        assumptions.append("layers are spread in order over the GPUs, one of which works at a time")
    return tuple(assumptions)
