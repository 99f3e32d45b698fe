"""Memory of ExLlamaV3: a paged cache allocated at the start, and whole layers spread over NVIDIA GPUs.

Read at turboderp-org/exllamav3 4f8ad01 (1.4.1):

- The input embedding stays in system RAM (``modules/embedding.py`` ``prefer_cpu``).
- The cache has room for a fixed number of tokens in pages of 256. K and V are 16-bit, or have 2 to 8 bits and a 16-bit
  scale for each 32 elements (``cache/quant.py``). Latent attention quantizes the latent, but never the rotary key
  (``cache/mla.py``).
- A sliding layer keeps its window and two pages for each sequence, always in 16 bits (``modules/sliding_attn.py``); with
  ``swa_full`` it keeps every token. Recurrent layers keep the convolution in 16 bits and the matrix in 32
  (``modules/gated_delta_net.py``).
- The routed experts of the first layers that have some may be in RAM, where the CPU computes them (``doc/env_vars.md``,
  ``moe_cpu_offload``).
- Prompts are processed 2,048 tokens at a time. For a large batch, one matrix at a time is unpacked to 16 bits
  (``generator/generator.py`` ``max_chunk_size``, ``modules/quant/exl3.py`` ``reconstruct_hgemm``).
"""

from __future__ import annotations

from vramfit.engines.exllama import CHUNK, Buffers, check_layers, layer_caches, spread
from vramfit.engines.transformers.estimate import COMPUTE_HIGH
from vramfit.errors import UsageError
from vramfit.memory.activations import peak_bytes
from vramfit.memory.vision import crossed_tokens, encoder_bytes
from vramfit.memory.weights import slices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.exllamav3 import ExLlamaKeys
    from vramfit.engines.interface import Estimate, Job
    from vramfit.model.architecture import Cache
    from vramfit.model.mixers import Mixer

PAGE = 256
"""Number of tokens of a page."""
SLIDING_PAGES = 2
"""Number of pages that a sliding layer keeps in addition to its window (``sliding_window_overp``)."""
BITS = {f"int{bits}": bits for bits in range(8, 1, -1)}
"""Bits of an element of a quantized cache (``cache/quant.py``: 2 to 8 for K, and for V)."""
GROUP, SCALE_BYTES = 32, 2
"""Number of elements that share a scale in a quantized cache, and bytes of the scale (``cache/quant.py``)."""


def estimate(job: Job[None, ExLlamaKeys]) -> Estimate:
    """Estimate the memory of one process, GPU by GPU.

    Raises ``UsageError`` for layers in RAM, and if only one of K and V is quantized.
    """
    model, work = job.model, job.workload
    if work.draft is not None:
        from vramfit.engines.exllamav3.speculative import with_draft

        return with_draft(job, estimate)
    check_layers("exllamav3", work, model.layer_count, experts=True)
    if (work.kv_cache_type == "f16") != (work.kv_cache_type_v == "f16"):
        raise UsageError("exllamav3 quantizes both K and V, or neither", "give kv_cache_type and kv_cache_type_v alike")
    tokens = min(CHUNK, work.context)
    compute = peak_bytes(model, tokens, flash_attention=True, sequence=tokens)
    if job.scheme.family != "plain":
        compute += 2 * slices(job.checkpoint).largest_linear_elements
    compute = max(compute, encoder_bytes(model, work.images, work.image_size))
    caches, earlier = layer_caches(job, cache_bytes), layer_caches(job, earlier_bytes)

    def buffers(start: int, stop: int) -> Buffers:
        more = sum(earlier[start:stop]) - sum(caches[start:stop])
        return Buffers(compute, cache_low=max(0, -more), cache_high=max(0, more))

    return spread(job, caches, buffers, 2 * COMPUTE_HIGH, _assumptions(job, sum(earlier) > sum(caches)))


def cache_bytes(mixer: Mixer, job: Job[None, ExLlamaKeys]) -> int:
    """Bytes that one layer caches for all sequences."""
    work, model = job.workload, job.model
    tokens = _pages(work.context) * work.parallel
    cache = mixer.cache((0,), model.hidden)
    if cache is None:
        return 0
    if cache.kind == "state":
        return work.parallel * (2 * cache.convolution_elements + 4 * cache.recurrent_elements)
    if cache.kind == "latent":
        from vramfit.model.mixers import LatentAttention

        if isinstance(mixer, LatentAttention):
            return tokens * (_row_bytes(mixer.kv_rank, work.kv_cache_type) + 2 * (mixer.rope_dim + cache.index_width))
    width = cache.key_width + cache.value_width
    if cache.kind == "compressed":
        window = _pages((cache.window or 0) + SLIDING_PAGES * PAGE) * work.parallel * 2 * width
        entries = tokens // cache.ratio if cache.ratio else 0
        return window + entries * 2 * (width + cache.index_width)
    if _keeps_window(cache, job):
        return _pages((cache.window or 0) + SLIDING_PAGES * PAGE) * work.parallel * 2 * width
    if cache.kind == "cross":
        return _pages(crossed_tokens(model, cache.encoder_tokens, work)) * work.parallel * 2 * width
    return _full_bytes(cache, job)


def earlier_bytes(mixer: Mixer, job: Job[None, ExLlamaKeys]) -> int:
    """Bytes that one layer caches in versions that keep every token of a sliding layer.

    Gemma 3 27B took 201 KiB more with each token at 6 bits, which is all of its 62 layers, in version 0.0.3
    (turboderp-org/exllamav3 issue 50). Of a context shorter than the window they keep less.
    """
    cache = mixer.cache((0,), job.model.hidden)
    if cache is None or not _keeps_window(cache, job):
        return cache_bytes(mixer, job)
    return _full_bytes(cache, job)


def _keeps_window(cache: Cache, job: Job[None, ExLlamaKeys]) -> bool:
    return cache.kind == "sliding" and bool(cache.window) and not job.keys.swa_full


def _full_bytes(cache: Cache, job: Job[None, ExLlamaKeys]) -> int:
    """Bytes of a layer that caches every token of all sequences."""
    work = job.workload
    rows = _row_bytes(cache.key_width, work.kv_cache_type) + _row_bytes(cache.value_width, work.kv_cache_type_v)
    return _pages(work.context) * work.parallel * rows


def _pages(tokens: int) -> int:
    """Number of tokens rounded up to whole pages."""
    return -(-tokens // PAGE) * PAGE


def _row_bytes(width: int, kind: str) -> int:
    bits = BITS.get(kind)
    return 2 * width if bits is None else -(-width // GROUP) * (GROUP * bits // 8 + SCALE_BYTES)


def _assumptions(job: Job[None, ExLlamaKeys], sliding: bool) -> tuple[str, ...]:
    work = job.workload
    size = _pages(work.context) * work.parallel
    assumptions = [f"the cache is allocated for {size:,} tokens; the input embedding stays in system RAM"]
    if work.cpu_moe_layers:
        assumptions.append(
            "experts in RAM are experimental in ExLlamaV3 (--moe_cpu_offload); prompts stream often used ones to the GPU"
        )
    if sliding:
        assumptions.append(
            "early versions (0.0.3) cache every token in sliding-window layers too: the upper bound does"
        )
    return tuple(assumptions)
