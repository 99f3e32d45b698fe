"""Memory of ExLlamaV2: a cache allocated whole at the start, and whole layers spread over NVIDIA GPUs.

Read at turboderp-org/exllamav2 da07fac:

- Every layer caches all tokens of all sequences, sliding-window layers too (``exllamav2/cache.py``). Elements have 16
  bits; 8 bits without scales, which are the first byte of a 16-bit float; or 8 or 4 bits with a 16-bit scale for each
  32 elements, where six bits are K in 8 and V in 4 (``ExLlamaV2Cache_Q6``).
- A quantized cache unpacks one layer at a time into a pair of 16-bit tensors for all tokens, one pair for each device
  (``touch_device``).
- Each device has one scratch buffer, which is as large as the module that needs most: states and both sides of the
  feed-forward network of 2,048 tokens, and the largest matrix in 16 bits, at most 2^29 elements of it
  (``scratch_space_fixed`` of ``mlp.py``, ``moe_mlp.py``, ``attn.py`` and ``linear.py``, ``max_dq_size``). Queries, keys
  and values of a chunk are beside it.
"""

from __future__ import annotations

from vramfit.engines.exllama import CHUNK, Buffers, check_layers, layer_caches, spread
from vramfit.engines.transformers.estimate import COMPUTE_HIGH
from vramfit.errors import UsageError
from vramfit.memory.vision import encoder_bytes
from vramfit.memory.weights import slices
from vramfit.model.architecture import Attention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.model import Model
    from vramfit.model.architecture import Layers
    from vramfit.model.mixers import Mixer
    from vramfit.workload.common import Workload

GROUP, SCALE_BYTES = 32, 2
"""Number of elements that share a scale in a quantized cache, and bytes of the scale."""
BITS = {"f16": (16, 16), "fp8": (8, 8), "int8": (8, 8), "int6": (8, 4), "int4": (4, 4)}
"""Bits of an element of K and of V for each type of cache."""
SCALED = ("int8", "int6", "int4")
"""Types of cache with a scale for each group of elements."""
UNPACKED_ELEMENTS = 512 * 1024**2
"""Largest number of elements that are unpacked at once (``exllamav2/config.py`` ``max_dq_size``)."""
KINDS = ("full", "sliding")
"""Kinds of attention that it has code for; what it does not know, it loads as if it were Llama
(``exllamav2/architecture.py``)."""


def check(model: Model, work: Workload) -> None:
    """Raise ``UsageError`` for layers in RAM, different types of K and V, and layers that ExLlamaV2 has no code for."""
    check_layers("exllamav2", work, model.layer_count)
    if work.kv_cache_type != work.kv_cache_type_v:
        raise UsageError("exllamav2 has one setting for K and V", "leave kv_cache_type_v out")
    for group in model.layers:
        if len(group.mixers) != 1 or not isinstance(group.mixers[0], Attention) or group.mixers[0].kind not in KINDS:
            raise UsageError(f"exllamav2 has no code for the layers of {model.name}", "use --engine llama.cpp")


def estimate(job: Job[None, None]) -> Estimate:
    """Estimate the memory of one process, GPU by GPU; raises ``UsageError`` where ``check`` does."""
    model, work = job.model, job.workload
    check(model, work)
    caches, encoder = layer_caches(job, cache_bytes), encoder_bytes(model, work.images, work.image_size)
    groups = {index: group for group in model.layers for index in group.indices}

    def buffers(start: int, stop: int) -> Buffers:
        within = [groups[index] for index in range(start, stop)]
        scratch = max([layer_scratch(group, job) for group in within], default=0)
        if stop == model.layer_count:
            scratch = max(scratch, 2 * min(model.hidden * model.vocab, UNPACKED_ELEMENTS))
        passing = max([passing_bytes(group, job) for group in within], default=0)
        return Buffers(max(scratch + passing, encoder), unpacked_bytes(within, job))

    return spread(job, caches, buffers, 2 * COMPUTE_HIGH, _assumptions(job))


def cache_bytes(mixer: Mixer, job: Job[None, None]) -> int:
    """Bytes that one layer caches for all sequences."""
    work = job.workload
    cache = mixer.cache((0,), job.model.hidden)
    if cache is None:
        return 0
    elements = tuple([work.context * work.parallel * width for width in (cache.key_width, cache.value_width)])
    stored = sum([count * bits // 8 for count, bits in zip(elements, BITS[work.kv_cache_type], strict=True)])
    return stored + (sum(elements) // GROUP * SCALE_BYTES if work.kv_cache_type in SCALED else 0)


def unpacked_bytes(within: list[Layers], job: Job[None, None]) -> int:
    """Bytes of K and V of all tokens in 16 bits, into which a device unpacks its quantized caches layer by layer."""
    work = job.workload
    if work.kv_cache_type == "f16":
        return 0
    widths = [mixer.widths.key + mixer.widths.value for group in within for mixer in group.mixers]
    return work.context * work.parallel * 2 * max(widths, default=0)


def layer_scratch(group: Layers, job: Job[None, None]) -> int:
    """Bytes of scratch that a layer's feed-forward network needs, which is more than its attention does."""
    model, tokens = job.model, _chunk(job)
    network = group.feed_forward
    if network is None:
        return 0
    inner = max(network.inner_widths, default=0)
    unpacked = 2 * min(slices(job.checkpoint).largest_linear_elements, UNPACKED_ELEMENTS)
    if group.experts is not None:
        return unpacked + 2 * tokens * (2 * model.hidden + 2 * inner + group.experts.count)
    return unpacked + 2 * tokens * (model.hidden + 2 * max(model.hidden, inner))


def passing_bytes(group: Layers, job: Job[None, None]) -> int:
    """Bytes of a chunk's hidden state, queries, keys and values, and results, which PyTorch allocates."""
    working = max([mixer.widths.working for mixer in group.mixers], default=0)
    return 2 * _chunk(job) * (2 * job.model.hidden + working)


def _chunk(job: Job[None, None]) -> int:
    return min(CHUNK, job.workload.context)


def _assumptions(job: Job[None, None]) -> tuple[str, ...]:
    work = job.workload
    size = work.context * work.parallel
    assumptions = [f"the cache is allocated for {size:,} tokens; the input embedding stays in system RAM"]
    if any(mixer.kind == "sliding" for group in job.model.layers for mixer in group.mixers):
        assumptions.append("sliding-window layers cache every token")
    return tuple(assumptions)
