"""Terms of an estimate for transformers."""

from __future__ import annotations

from vramfit.engines.terms import STORED, cache_inputs, cache_name, span, stored_inputs
from vramfit.engines.transformers.estimate import (
    SLACK_SHARE,
    head_copy_bytes,
    layer_caches,
    layers_between,
    layers_on_gpu,
    split_layers,
)
from vramfit.memory.weights import slices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import DeviceMemory, Estimate, Job
    from vramfit.engines.terms import Ledger

TENSORS = "the model's tensors, counted by its config (transformers 5.23.0 models)"
CACHE = "transformers 5.23.0 cache_utils.py"
SLACK = "21 out-of-memory messages in issues of vllm-project/vllm and pytorch/pytorch"


def account(job: Job[object, None], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms of an inference run to the ledger."""
    cut, last = slices(job.checkpoint), job.gpu_count - 1
    on_gpu = layers_on_gpu(job)
    spans = split_layers(cut, on_gpu, job.gpu_count, cut.input_bytes + cut.other_bytes)
    for number, (start, stop) in enumerate(spans):
        device = f"gpu{number}"
        _weights(job, ledger, device, start, stop)
        if number == 0:
            inputs = stored_inputs(job.checkpoint, names=("token_embd", "position_embd"))
            ledger.add("weights", device, "input embedding", STORED, cut.input_bytes, TENSORS, **inputs)
            towers = stored_inputs(job.checkpoint, names=("vision", "projector", "audio", "component"))
            ledger.add("weights", device, "towers and projectors", STORED, cut.other_bytes, TENSORS, **towers)
        if number == last:
            inputs = stored_inputs(job.checkpoint, names=("output",))
            ledger.add("weights", device, "final norm and output head", STORED, cut.output_bytes, TENSORS, **inputs)
            copy = "a 16-bit copy of a tied head, vocabulary x hidden x 2"
            ledger.add(
                "weights", device, "copy of the head", copy, head_copy_bytes(job), "transformers 5.23.0 quantizers",
                vocab=job.model.vocab, hidden=job.model.hidden,
            )  # fmt: skip
        _caches(job, ledger, device, start, stop)
        staging = max(cut.layer_bytes[on_gpu:], default=0) if number == 0 else 0
        _buffers(job, ledger, estimate.gpus[number], staging, start, stop)
    _weights(job, ledger, "host", on_gpu, job.model.layer_count)


def _weights(job: Job[object, None], ledger: Ledger, device: str, start: int, stop: int) -> None:
    size = sum(slices(job.checkpoint).layer_bytes[start:stop])
    inputs = stored_inputs(job.checkpoint, range(start, stop))
    ledger.add("weights", device, span(start, stop), STORED, size, TENSORS, **inputs)


def _caches(job: Job[object, None], ledger: Ledger, device: str, start: int, stop: int) -> None:
    work = job.workload
    formula = "layers x sequences x tokens kept x (key width x bytes of K + value width x bytes of V)"
    for each, cache in layer_caches(job):
        count = layers_between(cache, start, stop)
        ledger.add(
            "kv_cache", device, cache_name(cache), formula, each * count, CACHE, layers=count, sequences=work.parallel,
            context=work.context, type_k=work.kv_cache_type, type_v=work.kv_cache_type_v, **cache_inputs(cache),
        )  # fmt: skip


def _buffers(job: Job[object, None], ledger: Ledger, gpu: DeviceMemory, staging: int, start: int, stop: int) -> None:
    """Add the terms of activations, of a layer being copied from host memory, and of the allocator's slack."""
    work, device = job.workload, gpu.device
    formula = (
        "the largest of one layer's results, the logits of the last tokens and the vision encoder, tokens x widths x 2"
    )
    ledger.add(
        "compute", device, "activations", formula, gpu.compute_bytes - staging, "transformers 5.23.0 modeling_llama.py",
        tokens=work.context * work.parallel, hidden=job.model.hidden, images=work.images,
        flash_attention=work.flash_attention,
    )  # fmt: skip
    ledger.add(
        "compute", device, "staging of a layer", "the largest layer in host memory", staging, "accelerate hooks.py"
    )
    growing = max([each for each, cache in layer_caches(job) if layers_between(cache, start, stop)], default=0)
    slack = round(SLACK_SHARE * (gpu.kv_cache_bytes + gpu.compute_bytes))
    ledger.add("overhead", device, "growing cache", "one layer's cache, copied when it grows", growing, CACHE)
    ledger.add(
        "overhead", device, "allocator slack", "share x (cache + compute)", slack, SLACK, share=SLACK_SHARE,
        kv_cache_bytes=gpu.kv_cache_bytes, compute_bytes=gpu.compute_bytes,
    )  # fmt: skip
