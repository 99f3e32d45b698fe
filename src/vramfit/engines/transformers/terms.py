"""Terms of an estimate for transformers."""

from __future__ import annotations

from vramfit.engines.cache_terms import add_cache, bits_of, cache_name
from vramfit.engines.compute_terms import LLAMA_CODE, add_encoder, add_layer, add_unpacked
from vramfit.engines.tensor_terms import add_tensors, is_head, is_input, is_tower, rows_of
from vramfit.engines.terms import span
from vramfit.engines.transformers.estimate import (
    SLACK_SHARE,
    WIDE,
    beside_bytes,
    head_copy_bytes,
    layer_caches,
    layers_between,
    layers_on_gpu,
    split_layers,
)
from vramfit.memory.activations import peak_bytes, widest_feed_forward
from vramfit.memory.vision import encoder_bytes
from vramfit.memory.weights import slices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import DeviceMemory, Estimate, Job
    from vramfit.engines.terms import Ledger
    from vramfit.memory.kv_cache import Cache

TENSORS = "the model's tensors, counted by its config (transformers 5.23.0 models)"
CACHE = "transformers 5.23.0 cache_utils.py"
SLACK = "21 out-of-memory messages in issues of vllm-project/vllm and pytorch/pytorch"
INT8 = "bitsandbytes autograd/_functions.py MatMul8bitLt"


def account(job: Job[object, None], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms of an inference run to the ledger."""
    cut, last = slices(job.checkpoint), job.gpu_count - 1
    on_gpu = layers_on_gpu(job)
    beside = beside_bytes(job.model)
    spans = split_layers(cut, on_gpu, job.gpu_count, cut.input_bytes + cut.other_bytes + beside)
    for number, (start, stop) in enumerate(spans):
        device = f"gpu{number}"
        _weights(job, ledger, device, start, stop)
        if number == 0:
            add_tensors(ledger, device, "", rows_of(job.checkpoint, (), is_input), cut.input_bytes, TENSORS)
            add_tensors(ledger, device, "", rows_of(job.checkpoint, (), is_tower), cut.other_bytes, TENSORS)
            ledger.add_sum(
                "weights", device, "networks beside the model", beside, "the entry's note", "its own library loads them",
                beside_bytes=beside,
            )  # fmt: skip
        if number == last:
            add_tensors(ledger, device, "", rows_of(job.checkpoint, (), is_head), cut.output_bytes, TENSORS)
            ledger.add(
                "weights", device, "copy of the head", "vocabulary × hidden × 2", head_copy_bytes(job),
                "transformers 5.23.0 quantizers", "a tied head is copied in 16 bits while loading", vocabulary=job.model.vocab,
                hidden=job.model.hidden,
            )  # fmt: skip
        _caches(job, ledger, device, start, stop)
        staging = max(cut.layer_bytes[on_gpu:], default=0) if number == 0 else 0
        _buffers(job, ledger, estimate.gpus[number], staging, start, stop)
    _weights(job, ledger, "host", on_gpu, job.model.layer_count)


def _weights(job: Job[object, None], ledger: Ledger, device: str, start: int, stop: int) -> None:
    size = sum(slices(job.checkpoint).layer_bytes[start:stop])
    add_tensors(ledger, device, span(start, stop), rows_of(job.checkpoint, range(start, stop)), size, TENSORS)


def _caches(job: Job[object, None], ledger: Ledger, device: str, start: int, stop: int) -> None:
    work = job.workload
    types = work.kv_cache_type, work.kv_cache_type_v
    for each, cache in layer_caches(job):
        count = layers_between(cache, start, stop)
        add_cache(
            ledger, device, cache_name(cache), cache, count, work.parallel, each * count, CACHE, kept(cache, work.context),
            (bits_of(types[0]), bits_of(types[1])),
        )  # fmt: skip


def kept(cache: Cache, context: int) -> int:
    """Tokens of a sequence that a layer keeps; those of a cross cache are what the encoder read, and not known here."""
    tokens = cache.tokens_kept(context)
    return min(tokens, cache.window - 1) if cache.window else tokens


def _buffers(job: Job[object, None], ledger: Ledger, gpu: DeviceMemory, staging: int, start: int, stop: int) -> None:
    """Add the terms of activations, of a layer being copied from host memory, and of the allocator's slack."""
    device = gpu.device
    _activations(job, ledger, device, gpu.compute_bytes - staging)
    ledger.add_sum(
        "compute", device, "staging of a layer", staging, "accelerate hooks.py", "the largest layer in host memory",
        layer_bytes=staging,
    )  # fmt: skip
    growing = max([each for each, cache in layer_caches(job) if layers_between(cache, start, stop)], default=0)
    slack = round(SLACK_SHARE * (gpu.kv_cache_bytes + gpu.compute_bytes))
    ledger.add_sum(
        "overhead",
        device,
        "growing cache",
        growing,
        CACHE,
        "one layer's cache, copied when it grows",
        layer_bytes=growing,
    )
    ledger.add(
        "overhead", device, "allocator slack", "round(share × (kv_cache_bytes + compute_bytes))", slack, SLACK,
        share=SLACK_SHARE, kv_cache_bytes=gpu.kv_cache_bytes, compute_bytes=gpu.compute_bytes,
    )  # fmt: skip


def _activations(job: Job[object, None], ledger: Ledger, device: str, size: int) -> None:
    """Add what one forward pass needs: the longest prompt's largest layer with what its kernels unpack, or the encoder."""
    model, work = job.model, job.workload
    if job.scheme.id == WIDE:
        ledger.add(
            "compute", device, "results in 32 bits", "sixteen_bits_bytes", size // 2, LLAMA_CODE,
            "as many bytes again as in 16 bits", sixteen_bits_bytes=size // 2,
        )  # fmt: skip
        size //= 2
    if size == encoder_bytes(model, work.images, work.image_size, flash_attention=work.flash_attention):
        add_encoder(ledger, device, model, work.images, work.image_size, flash_attention=work.flash_attention)
        return
    sequence = max(work.context, max([cache.encoder_tokens or 0 for _, cache in layer_caches(job)], default=0))
    tokens = sequence * work.parallel
    peak = peak_bytes(model, tokens, flash_attention=work.flash_attention, sequence=sequence)
    add_layer(ledger, device, model, tokens, sequence, peak, flash_attention=work.flash_attention)
    if job.scheme.settings.get("type") == "int8":
        ledger.add(
            "compute", device, "int32 results of 8-bit products", "tokens × inner × 4", size - peak, INT8,
            tokens=tokens, inner=widest_feed_forward(model),
        )  # fmt: skip
    elif size > peak:
        add_unpacked(ledger, device, (size - peak) // 2, "transformers 5.23.0 quantizers")
