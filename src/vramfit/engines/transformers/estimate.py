"""Memory of Hugging Face transformers with PyTorch: weights, a growing cache, one layer's activations, the allocator.

Several GPUs are used like accelerate's ``device_map="auto"`` does: each takes consecutive whole layers with their cache,
and one device works at a time. Layers that are not on a GPU stay in host memory and are copied over PCIe for every token.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import replace
from vramfit.engines import cuda
from vramfit.engines.interface import DeviceMemory, Estimate, Share, Words
from vramfit.errors import CannotTell, UsageError
from vramfit.memory.activations import peak_bytes, widest_feed_forward
from vramfit.memory.kv_cache import caches, index_row_bytes, row_bytes, token_bytes
from vramfit.memory.vision import crossed_tokens, encoder_bytes
from vramfit.memory.weights import slices
from vramfit.model.architecture import Attention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.hardware import Gpu
    from vramfit.memory.kv_cache import Cache
    from vramfit.memory.weights import Slices
    from vramfit.model import Model

SLACK_SHARE = 0.03
"""Share of the cache and activations that the caching allocator reserves in addition but does not use: 1-510 MiB, median
0.12 GiB, in 21 out-of-memory messages (vllm-project/vllm and pytorch/pytorch issues)."""
SLACK_HIGH = 0.12
"""Upper bound of that share."""

REPEATED = ("falcon",)
"""Model types whose keys and values are repeated for each query head before they are cached, unless all share one
(transformers 5.24.0 ``modeling_falcon.py`` ``FalconAttention._split_heads``)."""

MODEL_BYTES = 2
"""Bytes of an element that a model computes with: 16 bits, even if its weights are stored in fewer."""

WIDE = "fp32"
"""Scheme whose results have twice as many bytes as in 16 bits."""
COMPUTE_LOW, COMPUTE_HIGH = 0.5, 1.35
"""Lowest and highest factor of the activations: an eager, SDPA or compiled forward pass keeps more or fewer temporary
tensors alive."""


def estimate(job: Job[object, None]) -> Estimate:
    """Estimate the memory of an inference run, device by device.

    Raises ``UsageError`` and ``CannotTell`` for settings that transformers does not have.
    """
    model = job.model
    cut = slices(job.checkpoint)
    layers = model.layer_count
    on_gpu = layers_on_gpu(job)
    before = cut.input_bytes + cut.other_bytes + beside_bytes(model)
    shares = split_layers(cut, on_gpu, job.gpu_count, before)
    sizes = layer_caches(job)
    compute = _compute_bytes(job, cut, max([cache.encoder_tokens or 0 for _, cache in sizes], default=0))
    gpus = []
    streamed = sum(cut.layer_bytes[on_gpu:])
    staging = max(cut.layer_bytes[on_gpu:], default=0)
    last = job.gpu_count - 1
    for number, (start, stop) in enumerate(shares):
        weights = sum(cut.layer_bytes[start:stop])
        read = sum(cut.layer_read_bytes[start:stop])
        if number == 0:
            weights += before
        if number == last:
            weights += cut.output_bytes + head_copy_bytes(job)
            read += cut.output_read_bytes
        cache, growing = _cache_between(sizes, start, stop)
        gpus.append(_device(f"gpu{number}", weights, cache, compute + (staging if number == 0 else 0), growing, read))
    host_weights = streamed
    host = DeviceMemory("host", host_weights, 0, 0, 0, host_weights, host_weights, 0)
    return Estimate(
        tuple(gpus),
        host,
        cut.total_bytes,
        Words(_assumptions, job, on_gpu),
        {"gpu_layers": on_gpu if on_gpu < layers else "all"},
        streamed_bytes=streamed,
    )


def runtime_share(gpu: Gpu) -> Share:
    """Bytes that the context and workspaces of a PyTorch process take of a GPU; a Metal context takes a quarter."""
    own, workspace = cuda.context_share(gpu), cuda.workspace_bytes(gpu)
    if gpu.vendor == "apple":
        context = own.expected // 4
        own = Share(round(context * cuda.CONTEXT_LOW), context, round(context * cuda.CONTEXT_HIGH))
    return Share(own.low, own.expected + workspace, own.high + workspace)


def beside_bytes(model: Model) -> int:
    """Bytes of networks that are loaded beside a model of sound and are none of its repository's."""
    return 0 if model.audio is None else model.audio.beside_bytes or 0


def head_copy_bytes(job: Job[object, None]) -> int:
    """Bytes of the second copy of a tied head that loading fine-grained FP8 makes; 0 for other schemes."""
    if job.scheme.family != "fp8":
        return 0
    from vramfit.quantization.fp8 import head_copy_bytes as fp8_head_copy_bytes

    return fp8_head_copy_bytes(job.model)


def layers_on_gpu(job: Job[object, None]) -> int:
    """Number of layers on the GPUs, which are not streamed from host memory.

    Raises ``CannotTell`` for an automatic number, and ``UsageError`` for experts in RAM.
    """
    layers = job.model.layer_count
    asked = job.workload.gpu_layers
    if asked == "auto":
        raise CannotTell("transformers has no automatic layer count", "give gpu_layers as a number, or use llama.cpp")
    if job.workload.cpu_moe_layers:
        raise UsageError("transformers cannot keep experts alone in RAM", "use --engine llama.cpp with cpu_moe_layers")
    return layers if isinstance(asked, str) else min(asked, layers)


def split_layers(cut: Slices, on_gpu: int, gpus: int, before: int) -> list[tuple[int, int]]:
    """Ranges of layers ``(start, stop)``, one per GPU: consecutive whole layers, so that GPUs take equal shares of bytes.

    ``before`` is the number of bytes that the first GPU takes before its layers.
    """
    total = sum(cut.layer_bytes[:on_gpu]) + before + cut.output_bytes
    ranges, start, done = [], 0, before
    for number in range(gpus):
        target = total * (number + 1) / gpus
        stop = start
        if number == gpus - 1:
            stop = on_gpu
        while stop < on_gpu and done + cut.layer_bytes[stop] / 2 <= target:
            done += cut.layer_bytes[stop]
            stop += 1
        ranges.append((start, stop))
        start = stop
    return ranges


def layer_caches(job: Job[object, None]) -> list[tuple[int, Cache]]:
    """Caches of the model, each with the bytes that one of its layers takes for all sequences."""
    work, model = job.workload, job.model
    sizes = []
    for cache in caches(model if model.architecture.model_type not in REPEATED else _repeated(model)):
        encoder = crossed_tokens(model, cache.encoder_tokens, work) if cache.kind == "cross" else 0
        each = cache_bytes(cache, work.context, encoder, work.kv_cache_type, work.kv_cache_type_v)
        sizes.append((each * work.parallel, cache))
    return sizes


@per_model
def _repeated(model: Model) -> Model:
    """The model with as many heads of keys and values as of queries, where it has more than one."""
    layers = []
    for group in model.layers:
        mixers = [
            replace(m, kv_heads=m.heads) if isinstance(m, Attention) and m.kv_heads > 1 else m for m in group.mixers
        ]
        layers.append(replace(group, mixers=tuple(mixers)))
    return replace(model, layers=tuple(layers))


def cache_bytes(cache: Cache, context: int, encoder_tokens: int, key_type: str, value_type: str) -> int:
    """Bytes that one layer caches for one sequence of ``context`` tokens (transformers 5.24.0 ``cache_utils.py``).

    Full layers keep every token, without padding. Sliding layers keep the last ``window - 1`` tokens
    (``DynamicSlidingWindowLayer``), MLA its latent, and cross-attention ``encoder_tokens`` regardless of the context.
    Recurrent layers keep one state: as many columns as the convolution's kernel has in the model's dtype, and the
    recurrence in FP32 unless its kind has the model's dtype.
    """
    if cache.kind == "compressed":
        return _compressed_bytes(cache, context, key_type)
    tokens = cache.tokens_kept(context)
    if cache.kind in ("sliding", "chunked", "latent") and cache.window:
        tokens = min(tokens, cache.window - 1)
    elif cache.kind == "cross":
        tokens = encoder_tokens
    each = token_bytes(cache, key_type, value_type) + index_row_bytes(cache, key_type)
    kernel = cache.convolution_kernel
    convolution = cache.convolution_elements // (kernel - 1) * kernel if kernel > 1 else cache.convolution_elements
    states = (cache.convolution_bytes or MODEL_BYTES) * convolution
    return tokens * each + states + (cache.recurrent_bytes or MODEL_BYTES) * cache.recurrent_elements


def _compressed_bytes(cache: Cache, context: int, element_type: str) -> int:
    """Bytes of one layer of DeepSeek-V4 (transformers 5.24.0 ``modeling_deepseek_v4.py``, the two cache classes).

    It keeps a window of ``window - 1`` keys, which are also the values except in layers that keep nothing else; one entry
    for each full group of tokens; and the content and gate of each token after the last full group. If an indexer selects
    entries, groups overlap: tokens have both halves of a pair, and one half of the last group is kept for the next.
    """
    window, ratio = min(context, (cache.window or context + 1) - 1), cache.ratio
    if not ratio:
        return 2 * window * row_bytes(cache.key_width, element_type)
    width = row_bytes(cache.key_width, element_type) + row_bytes(cache.index_width, element_type)
    behind = context % ratio
    pending = 2 * (2 * behind + (ratio if context >= ratio else 0)) if cache.index_width else 2 * behind
    return window * row_bytes(cache.key_width, element_type) + (context // ratio + pending) * width


def _cache_between(sizes: list[tuple[int, Cache]], start: int, stop: int) -> tuple[int, int]:
    """Cache bytes of the layers from ``start`` to before ``stop`` together, and of the largest one among them."""
    total = largest = 0
    for each, cache in sizes:
        count = layers_between(cache, start, stop)
        if count:
            total += each * count
            largest = max(largest, each)
    return total, largest


def layers_between(cache: Cache, start: int, stop: int) -> int:
    """Number of a cache's layers that are in the range from ``start`` to before ``stop``."""
    if start >= stop:
        return 0
    if cache.layers[0] >= start and cache.layers[-1] < stop:
        return len(cache.layers)
    return len([layer for layer in cache.layers if start <= layer < stop])


def _compute_bytes(job: Job[object, None], cut: Slices, encoder_tokens: int) -> int:
    """Bytes of activations in the longest forward pass, which takes all sequences whole.

    It is the prefill of their contexts, or the pass of an encoder that reads more tokens of each (``encoder_tokens``).
    """
    model, work = job.model, job.workload
    sequence = max(work.context, encoder_tokens)
    tokens = sequence * work.parallel
    peak = peak_bytes(model, tokens, flash_attention=work.flash_attention, sequence=sequence)
    kind = job.scheme.settings.get("type")
    if kind == "int8":
        peak += tokens * widest_feed_forward(model) * 4
    elif job.scheme.family != "plain":
        peak += 2 * cut.largest_linear_elements
    most = max(peak, encoder_bytes(model, work.images, work.image_size, flash_attention=work.flash_attention))
    return 2 * most if job.scheme.id == WIDE else most


def _device(name: str, weights: int, cache: int, compute: int, growing: int, read: int) -> DeviceMemory:
    loose = cache + compute
    overhead = round(SLACK_SHARE * loose) + growing
    low = weights + cache + round(compute * COMPUTE_LOW)
    high = weights + cache + round(compute * COMPUTE_HIGH) + round(SLACK_HIGH * loose) + growing
    return DeviceMemory(name, weights, cache, compute, overhead, low, high, read)


def _assumptions(job: Job[object, None], on_gpu: int) -> tuple[str, ...]:
    work, model = job.workload, job.model
    assumptions = [f"the whole context of {work.context:,} tokens is filled by one prefill without chunking"]
    if work.images and model.vision is not None:
        size = "the largest size" if work.image_size is None else "{} x {} pixels".format(*work.image_size)
        assumptions.append(f"the context includes {_images(work.images)} of {size}")
    if job.scheme.family == "bitsandbytes":
        tower = ", vision tower included" if model.sees else ""
        assumptions.append(f"weights are quantized on load{tower}; the output head and embeddings stay 16-bit")
        if model.has_experts:
            assumptions.append(
                "experts are counted as quantized, as transformers 4 loads them; transformers 5 leaves fused experts "
                "16-bit (bitsandbytes-foundation/bitsandbytes issue 1849)"
            )
    if job.gpu_count > 1:
        assumptions.append(
            'layers are spread in order over the GPUs, as device_map="auto" does; one GPU works at a time'
        )
    if on_gpu < model.layer_count:
        assumptions.append("the layers in host memory are copied over PCIe for every token")
    return tuple(assumptions)


def _images(count: int) -> str:
    return "the tokens of one image" if count == 1 else f"the tokens of {count} images"
